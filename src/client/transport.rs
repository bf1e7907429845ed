//! HTTP/1 over the agent's socket, or to an agent elsewhere; from a `Problem` in the answer to a `ClientError`.

use std::{path::Path, time::Duration};

use reqwest::{
    Method, RequestBuilder, Response, StatusCode,
    header::{self, HeaderMap, HeaderValue},
};
use serde::{Serialize, de::DeserializeOwned};

use super::{ClientError, Result, stream::ResponseLines};
use crate::{
    api::UPGRADE_PROTOCOL,
    http_client,
    model::{Problem, Secret},
};

/// The authority of every URL. The connection goes to the socket whatever it says.
const ORIGIN: &str = "http://agent";

#[derive(Debug, Clone)]
pub(super) struct Transport {
    http: reqwest::Client,
    origin: String,
}

/// An agent on another host, and who we are there.
#[derive(Debug)]
pub struct RemoteEndpoint<'a> {
    /// `https://host:port`; plain HTTP only to this host.
    pub url: &'a str,
    pub token: &'a Secret,
    /// PEM file of the only authorities that are believed; the system's when not given.
    pub authorities: Option<&'a Path>,
}

impl Transport {
    pub(super) fn over(socket: &Path) -> Result<Self> {
        let http = http_client::builder(None)?
            .unix_socket(socket)
            .no_proxy()
            // Nothing is encrypted here, and reading the system's roots takes milliseconds.
            .tls_certs_only([]);
        Ok(Self {
            http: http_client::build(http)?,
            origin: ORIGIN.to_owned(),
        })
    }

    pub(super) fn to(there: &RemoteEndpoint<'_>) -> Result<Self> {
        let origin = reqwest::Url::parse(there.url).map_err(|_| ClientError::BadAddress)?;
        let is_here = matches!(origin.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        if origin.scheme() != "https" && !(origin.scheme() == "http" && is_here) {
            return Err(ClientError::BadAddress);
        }
        let mut value = HeaderValue::from_str(&format!("Bearer {}", there.token.reveal()))
            .map_err(|_| ClientError::BadToken)?;
        value.set_sensitive(true);
        let mut http = http_client::builder(None)?
            .default_headers(HeaderMap::from_iter([(header::AUTHORIZATION, value)]));
        if is_here {
            http = http.no_proxy();
        }
        if let Some(file) = there.authorities {
            http = http.tls_certs_only(http_client::certificates(file)?);
        }
        Ok(Self {
            http: http_client::build(http)?,
            origin: origin.origin().ascii_serialization(),
        })
    }

    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &(impl Serialize + Sync),
    ) -> Result<T> {
        read(send(self.request(Method::GET, path, query)?).await?).await
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T> {
        read(send(self.request(Method::POST, path, &())?.json(body)).await?).await
    }

    pub(super) async fn get_stream(
        &self,
        path: &str,
        query: &(impl Serialize + Sync),
    ) -> Result<ResponseLines> {
        Ok(ResponseLines::of(
            send(self.request(Method::GET, path, query)?).await?,
        ))
    }

    pub(super) async fn post_stream(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<ResponseLines> {
        Ok(ResponseLines::of(
            send(self.request(Method::POST, path, &())?.json(body)).await?,
        ))
    }

    pub(super) async fn upgrade(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<reqwest::Upgraded> {
        let request = self
            .request(Method::POST, path, &())?
            .header(header::CONNECTION, "upgrade")
            .header(header::UPGRADE, UPGRADE_PROTOCOL)
            .json(body);
        let response = send(request).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(ClientError::Malformed(format!(
                "status {}",
                response.status()
            )));
        }
        response.upgrade().await.map_err(ClientError::Connection)
    }

    /// Status and body as they come, for what must work across API versions.
    pub(super) async fn raw(
        &self,
        method: Method,
        path: &str,
        limit: Duration,
    ) -> Result<(StatusCode, Vec<u8>)> {
        let answer = async {
            let response = self
                .request(method, path, &())?
                .send()
                .await
                .map_err(ClientError::Connection)?;
            let status = response.status();
            let body = response.bytes().await.map_err(ClientError::Connection)?;
            Ok((status, body.to_vec()))
        };
        tokio::time::timeout(limit, answer)
            .await
            .map_err(|_| ClientError::Silent(limit))?
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        query: &(impl Serialize + Sync),
    ) -> Result<RequestBuilder> {
        // Arguments that no shell or user typed, so a failure here is ours.
        let query = serde_json::to_value(query)
            .map_err(|error| ClientError::Malformed(error.to_string()))?;
        let mut url = reqwest::Url::parse(&self.origin)
            .and_then(|origin| origin.join(path))
            .map_err(|error| ClientError::Malformed(error.to_string()))?;
        for (key, value) in query
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(_, v)| !v.is_null())
        {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            url.query_pairs_mut().append_pair(key, &text);
        }
        Ok(self.http.request(method, url))
    }
}

async fn send(request: RequestBuilder) -> Result<Response> {
    let response = request.send().await.map_err(|error| {
        if error.is_connect() {
            ClientError::Connection(error)
        } else {
            ClientError::Cut
        }
    })?;
    let status = response.status();
    if status.is_success() || status == StatusCode::SWITCHING_PROTOCOLS {
        return Ok(response);
    }
    let body = response.bytes().await.map_err(ClientError::Connection)?;
    match serde_json::from_slice::<Problem>(&body) {
        Ok(problem) => Err(ClientError::Problem(problem)),
        Err(_) => Err(not_a_problem(status, &body)),
    }
}

/// What an agent says of a route or a field that its release does not have is text.
fn not_a_problem(status: StatusCode, body: &[u8]) -> ClientError {
    let unknown = [
        StatusCode::NOT_FOUND,
        StatusCode::METHOD_NOT_ALLOWED,
        StatusCode::UNPROCESSABLE_ENTITY,
    ];
    if unknown.contains(&status) {
        let body_text = String::from_utf8_lossy(body);
        let reason = match body_text.lines().next() {
            Some(line) if !line.is_empty() => line.to_owned(),
            _ => format!("status {status}"),
        };
        return ClientError::NotUnderstood { reason };
    }
    ClientError::Malformed(format!("status {status}"))
}

async fn read<T: DeserializeOwned>(response: Response) -> Result<T> {
    let body = response.bytes().await.map_err(|_| ClientError::Cut)?;
    serde_json::from_slice(&body).map_err(|error| ClientError::Malformed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_release_does_not_know_is_told_apart_from_what_is_broken() {
        let of = |status, body: &[u8]| not_a_problem(status, body).problem();
        let unknown = of(
            StatusCode::UNPROCESSABLE_ENTITY,
            b"options.run: unknown field `listens`",
        );
        assert!(unknown.message.ends_with("unknown field `listens`"));
        assert_eq!(
            unknown.next[0].argv,
            ["codemate-preview", "agent", "restart"]
        );
        assert!(of(StatusCode::NOT_FOUND, b"").message.contains("404"));
        let broken = of(StatusCode::BAD_GATEWAY, b"<html>");
        assert!(broken.message.contains("502"), "{}", broken.message);
    }
}
