//! `Api`: asking the Cloudflare API, with its envelope, its pages, and what it wants of those who
//! ask too often.

use std::{fmt, path::Path, time::Duration};

use reqwest::{Method, StatusCode, header};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::Instant;

use super::api_error::{ApiError, ApiMessage};
use crate::{
    http_client::{self, innermost},
    model::Secret,
    task::jittered,
    tunnel::TunnelError,
};

/// Cloudflare's own, as its documentation gives it.
pub const BASE: &str = "https://api.cloudflare.com/client/v4";
const ONE_REQUEST: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(5);
/// How often one request is sent before it has failed.
const ATTEMPTS: u32 = 4;
/// Before the second attempt; doubles.
const PAUSE: Duration = Duration::from_millis(250);
/// How long one request is tried. A longer `Retry-After` is for the supervisor to wait.
const PATIENCE: Duration = Duration::from_secs(20);
/// When it says 429 and not for how long. The API counts over five minutes.
const DEFAULT_RETRY: Duration = Duration::from_mins(1);
/// The most that lists of the API give at once is 100 or more.
const PER_PAGE: usize = 50;
const PAGES: usize = 100;

pub struct Api {
    client: reqwest::Client,
    base: String,
    token: Secret,
}

/// What every answer is wrapped in.
#[derive(Deserialize)]
struct Envelope {
    success: bool,
    #[serde(default)]
    errors: Option<Vec<ApiMessage>>,
    #[serde(default)]
    result: Value,
    #[serde(default)]
    result_info: Option<ResultInfo>,
}

#[derive(Deserialize)]
struct ResultInfo {
    #[serde(default)]
    total_count: usize,
}

/// One attempt that was not what was asked for.
enum RequestFailure {
    /// The same may do better, not before this has passed if anything was said about that.
    Again(Option<Duration>, ApiError),
    Failed(ApiError),
}

impl Api {
    pub fn new(
        base: Option<&str>,
        token: Secret,
        ca_bundle: Option<&Path>,
    ) -> Result<Self, TunnelError> {
        let base = base.unwrap_or(BASE).trim_end_matches('/').to_owned();
        let hint = "it has to be such as `https://api.cloudflare.com/client/v4`";
        let usable = base
            .parse::<url::Url>()
            .is_ok_and(|url| url.has_host() && url.query().is_none());
        if !usable {
            return Err(TunnelError::Settings {
                what: format!("`tunnels.cloudflare.api` is `{base}`, which is no URL to ask at"),
                hint: hint.to_owned(),
            });
        }
        // The token goes to whom it was given for, and nowhere else.
        let client = http_client::builder(ca_bundle)?
            .timeout(ONE_REQUEST)
            .connect_timeout(CONNECT);
        let client = http_client::build(client)?;
        Ok(Self {
            client,
            base,
            token,
        })
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ApiError> {
        self.ask(Method::GET, path, None).await
    }

    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, ApiError> {
        self.ask(Method::POST, path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Result<(), ApiError> {
        self.ask::<Value>(Method::PUT, path, Some(body)).await?;
        Ok(())
    }

    pub async fn patch<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<T, ApiError> {
        self.ask(Method::PATCH, path, Some(body)).await
    }

    /// Gone already is success.
    pub async fn delete(&self, path: &str) -> Result<(), ApiError> {
        match self.ask::<Value>(Method::DELETE, path, None).await {
            Err(error) if !error.is_absent() => Err(error),
            _ => Ok(()),
        }
    }

    /// Every element of a list, from all of its pages. `query` must be fit for a URL as it is.
    pub async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &str,
    ) -> Result<Vec<T>, ApiError> {
        let mut all: Vec<T> = Vec::new();
        for page in 1..=PAGES {
            let path = format!("{path}?{query}&page={page}&per_page={PER_PAGE}");
            let answer = self.send(Method::GET, &path, None).await?;
            let some: Vec<T> = read(&path, answer.result)?;
            let none_left = some.is_empty();
            all.extend(some);
            let total = answer.result_info.map_or(0, |info| info.total_count);
            if none_left || all.len() >= total {
                break;
            }
        }
        Ok(all)
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, ApiError> {
        read(path, self.send(method, path, body).await?.result)
    }

    /// Send it again while that may help. A `POST` whose answer was lost may have been heard all
    /// the same; its callers take "exists already" for that.
    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Envelope, ApiError> {
        let until = Instant::now() + PATIENCE;
        let mut pause = PAUSE;
        let mut attempt = 1;
        loop {
            let (said, error) = match self.once(method.clone(), path, body).await {
                Ok(answer) => return Ok(answer),
                Err(RequestFailure::Failed(error)) => return Err(error),
                Err(RequestFailure::Again(said, error)) => (said, error),
            };
            let wait = said.unwrap_or(Duration::ZERO) + jittered(pause);
            if attempt == ATTEMPTS || Instant::now() + wait > until {
                return Err(error);
            }
            tracing::debug!(%method, path, %error, ?wait, "the Cloudflare API is asked again");
            tokio::time::sleep(wait).await;
            pause *= 2;
            attempt += 1;
        }
    }

    async fn once(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Envelope, RequestFailure> {
        let lost = |error: reqwest::Error| {
            RequestFailure::Again(
                None,
                ApiError::Unreachable {
                    why: innermost(&error),
                },
            )
        };
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(self.token.reveal());
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(lost)?;
        let status = response.status();
        let after = retry_after(response.headers());
        let text = response.bytes().await.map_err(lost)?;
        let answer = serde_json::from_slice::<Envelope>(&text);
        match answer {
            Ok(answer) if status.is_success() && answer.success => Ok(answer),
            Err(error) if status.is_success() => Err(RequestFailure::Failed(ApiError::Garbled {
                path: path.to_owned(),
                why: error.to_string(),
            })),
            answer => {
                let said = answer.ok().and_then(|answer| answer.errors);
                Err(refused(status, after, said.unwrap_or_default()))
            }
        }
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

fn refused(status: StatusCode, after: Option<Duration>, said: Vec<ApiMessage>) -> RequestFailure {
    if status == StatusCode::TOO_MANY_REQUESTS {
        let error = ApiError::TooMany {
            after: after.unwrap_or(DEFAULT_RETRY),
            said,
        };
        return RequestFailure::Again(after, error);
    }
    let may_pass = status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT;
    let error = ApiError::Refused {
        status: status.as_u16(),
        said,
    };
    if may_pass {
        RequestFailure::Again(after, error)
    } else {
        RequestFailure::Failed(error)
    }
}

/// Its form in seconds. The other, a date, is not one the API gives.
fn retry_after(headers: &header::HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

fn read<T: DeserializeOwned>(path: &str, result: Value) -> Result<T, ApiError> {
    serde_json::from_value(result).map_err(|error| ApiError::Garbled {
        path: path.to_owned(),
        why: error.to_string(),
    })
}
