//! `RestClient`: requests to one project, tried again where that can help.

use std::{sync::Arc, time::Duration};

use reqwest::{
    RequestBuilder, Response, Url,
    header::{AUTHORIZATION, HeaderValue},
};
use serde::de::DeserializeOwned;

use super::{answer, endpoint::host_of};
use crate::{
    http_client,
    model::Secret,
    source::supabase::{ApiKey, Options, Query, SupabaseError, Tokens},
    task::jittered,
};

/// Bytes of one answer, after decompression. They are in memory two or three times over.
const MOST_BODY: usize = 64 << 20;
/// Bytes read of an answer that is an error.
const MOST_REFUSAL: usize = 64 << 10;

/// How hard it is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// How often one request is made at most.
    pub attempts: u32,
    /// Before the second attempt; doubled for each further one.
    pub first_wait: Duration,
    /// No wait is longer, whatever the server asks for.
    pub longest_wait: Duration,
    pub connect: Duration,
    /// For one request from its start to the last byte of the answer.
    pub one_request: Duration,
}

impl Default for Effort {
    fn default() -> Self {
        Self {
            attempts: 5,
            first_wait: Duration::from_millis(300),
            longest_wait: Duration::from_secs(30),
            connect: Duration::from_secs(10),
            one_request: Duration::from_mins(1),
        }
    }
}

pub struct RestClient {
    http: reqwest::Client,
    rest: Url,
    storage: Option<Url>,
    key: Option<ApiKey>,
    tokens: Arc<dyn Tokens>,
    schema: String,
    effort: Effort,
}

impl RestClient {
    pub fn new(options: &Options, tokens: Arc<dyn Tokens>) -> Result<Self, SupabaseError> {
        let http = http_client::builder(options.authorities.as_deref())?
            .connect_timeout(options.effort.connect)
            .timeout(options.effort.one_request);
        let http = http_client::build(http)?;
        Ok(Self {
            http,
            rest: options.endpoint.rest().clone(),
            storage: options.endpoint.storage(),
            key: options.key.clone(),
            tokens,
            schema: options.schema.clone(),
            effort: options.effort,
        })
    }

    pub fn key(&self) -> Option<&ApiKey> {
        self.key.as_ref()
    }

    /// Whether what row-level security hides is seen as well.
    pub async fn is_service(&self) -> bool {
        match self.tokens.token().await {
            Ok(Some(token)) => {
                super::api_key::role(token.reveal()).is_some_and(|role| role == "service_role")
            }
            _ => self.key.as_ref().is_some_and(ApiKey::is_service),
        }
    }

    /// Rows of a table.
    pub async fn rows<T: DeserializeOwned>(&self, query: &Query) -> Result<Vec<T>, SupabaseError> {
        let url = query.url(&self.rest);
        let mut attempt = 1;
        loop {
            match self.rows_once(&url, query.table()).await {
                Err(error) if error.is_transient() && attempt < self.effort.attempts => {
                    self.wait(attempt, &error).await;
                    attempt += 1;
                }
                other => return other,
            }
        }
    }

    /// An object of Storage, its body still to be read. Not tried again: whoever reads the body
    /// has to begin anew as well.
    pub async fn object(&self, bucket: &str, name: &str) -> Result<Response, SupabaseError> {
        let Some(mut url) = self.storage.clone() else {
            return Err(SupabaseError::settings(
                "the content is in Storage, and only a PostgREST is known",
                "set `supabase.url`",
            ));
        };
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty()
                .extend(["object", "authenticated", bucket])
                .extend(name.split('/'));
        }
        self.send(&url, name).await
    }

    /// After a failed attempt, from 1.
    pub async fn wait(&self, attempt: u32, error: &SupabaseError) {
        let asked = match error {
            SupabaseError::RateLimited { after } => *after,
            _ => None,
        };
        let doubled = self.effort.first_wait * 2_u32.saturating_pow(attempt - 1);
        // Or all clients of a server come back at once.
        let wait = asked.unwrap_or_else(|| jittered(doubled));
        tokio::time::sleep(wait.min(self.effort.longest_wait)).await;
    }

    pub fn attempts(&self) -> u32 {
        self.effort.attempts
    }

    async fn rows_once<T: DeserializeOwned>(
        &self,
        url: &Url,
        table: &str,
    ) -> Result<Vec<T>, SupabaseError> {
        let response = self.send(url, table).await?;
        let body = read(response, MOST_BODY).await?;
        serde_json::from_slice(&body).map_err(|error| SupabaseError::Damaged {
            why: answer::plain(&error.to_string()),
        })
    }

    /// Once, and once more with a newer token if this one is refused.
    async fn send(&self, url: &Url, subject: &str) -> Result<Response, SupabaseError> {
        let token = self.tokens.token().await?;
        let refused = match self.send_as(url, subject, token.as_ref()).await {
            Err(error @ SupabaseError::Credential { .. }) => error,
            other => return other,
        };
        let Some(stale) = token else {
            return Err(refused);
        };
        match self.tokens.refresh(&stale).await? {
            Some(newer) => self.send_as(url, subject, Some(&newer)).await,
            None => Err(refused),
        }
    }

    async fn send_as(
        &self,
        url: &Url,
        subject: &str,
        token: Option<&Secret>,
    ) -> Result<Response, SupabaseError> {
        let mut request = self.http.get(url.clone());
        if let Some(key) = &self.key {
            request = request.header("apikey", secret_header(key.text())?);
        }
        // Only a JWT: a gateway takes anything else there for the wrong kind of key.
        let bearer = token.or_else(|| self.key.as_ref().and_then(ApiKey::as_bearer));
        if let Some(bearer) = bearer {
            let value = Secret::new(format!("Bearer {}", bearer.reveal()));
            request = request.header(AUTHORIZATION, secret_header(&value)?);
        }
        if self.schema != "public" {
            request = request.header("accept-profile", &self.schema);
        }
        self.answered(request, url, subject).await
    }

    async fn answered(
        &self,
        request: RequestBuilder,
        url: &Url,
        subject: &str,
    ) -> Result<Response, SupabaseError> {
        let unreachable = |error: reqwest::Error| SupabaseError::Unreachable {
            host: host_of(url),
            why: reason(&error),
        };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let headers = response.headers().clone();
        let body = read(response, MOST_REFUSAL).await.unwrap_or_default();
        Err(answer::refusal(status.as_u16(), &headers, &body, subject))
    }
}

async fn read(mut response: Response, most: usize) -> Result<Vec<u8>, SupabaseError> {
    let announced = response.content_length().unwrap_or(0);
    let mut body = Vec::with_capacity(usize::try_from(announced).unwrap_or(0).min(8 << 20));
    while let Some(chunk) = next_chunk(&mut response).await? {
        if body.len() + chunk.len() > most {
            return Err(SupabaseError::TooLarge {
                said: format!("it is more than {most} bytes"),
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The next part of a body; its end is `None`, and being cut off is an error.
pub async fn next_chunk(response: &mut Response) -> Result<Option<bytes::Bytes>, SupabaseError> {
    response
        .chunk()
        .await
        .map_err(|error| SupabaseError::Damaged {
            why: reason(&error),
        })
}

/// The innermost cause: the outer ones say that a request failed, and repeat its URL.
pub fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it took too long".to_owned();
    }
    let cause = http_client::innermost(error);
    if cause == error.to_string() {
        return "the request failed".to_owned();
    }
    answer::plain(&cause)
}

pub fn secret_header(secret: &Secret) -> Result<HeaderValue, SupabaseError> {
    let mut value = HeaderValue::from_str(secret.reveal()).map_err(|_| {
        SupabaseError::settings(
            "the key or token holds characters that no key has",
            "copy it again, without quotes",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}
