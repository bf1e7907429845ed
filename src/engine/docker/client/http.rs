//! Plain HTTP to the engine, for what bollard does not do: asking for the version without naming
//! one, and handing over the raw stream of an exec.
//!
//! bollard guesses from the first byte whether an exec's stream has frames, which a terminal's
//! output can look like.

use std::{future::poll_fn, io, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, de::DeserializeOwned};
use tokio::net::{TcpStream, UnixStream};

use super::{
    connect::DockerEndpoint,
    error::{self, Operation},
};
use crate::{
    engine::{EngineError, Result},
    task::BoxedIo,
};

/// A connection that carries one request, and whether it has done all it will: then it must not be
/// polled again.
struct HttpConnection {
    inner: http1::Connection<TokioIo<BoxedIo>, Full<Bytes>>,
    ended: bool,
}

impl HttpConnection {
    /// Drive it until `done` resolves.
    async fn during<T>(&mut self, done: impl Future<Output = T>) -> T {
        tokio::pin!(done);
        loop {
            tokio::select! {
                value = &mut done => return value,
                () = self.end(), if !self.ended => {}
            }
        }
    }

    /// Drive it to its end. How it fails is told by the request's own future.
    async fn end(&mut self) {
        if !self.ended {
            let _reported_by_request = poll_fn(|cx| self.inner.poll_without_shutdown(cx)).await;
            self.ended = true;
        }
    }
}

/// A stream that has left HTTP behind, and the bytes that came with the answer.
pub struct Hijacked {
    pub io: BoxedIo,
    pub first: Bytes,
}

async fn dial(endpoint: &DockerEndpoint) -> io::Result<BoxedIo> {
    Ok(match endpoint {
        DockerEndpoint::Unix(path) => Box::pin(UnixStream::connect(path).await?),
        DockerEndpoint::Tcp(address) => {
            let stream = TcpStream::connect(address.as_str()).await?;
            stream.set_nodelay(true)?;
            Box::pin(stream)
        }
    })
}

/// Ask for a JSON document. `path` begins with `/`.
pub async fn get<T: DeserializeOwned>(
    endpoint: &DockerEndpoint,
    path: &str,
    limit: Duration,
) -> Result<T> {
    let operation = Operation {
        verb: "answer",
        what: path,
    };
    let work = async {
        let io = dial(endpoint)
            .await
            .map_err(|cause| error::of_io(&cause, endpoint))?;
        let request = request(Method::GET, path).body(Full::default());
        let (response, connection) = send(io, request)
            .await
            .map_err(|cause| unreachable(endpoint, &cause))?;
        let (status, body) = finish(response, connection)
            .await
            .map_err(|cause| unreachable(endpoint, &cause))?;
        if !status.is_success() {
            return Err(error::of_status(status.as_u16(), reason(&body), operation));
        }
        serde_json::from_slice(&body).map_err(|cause| unreachable(endpoint, &cause))
    };
    tokio::time::timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(error::hanging(endpoint, limit)))
}

/// Post JSON to an address that answers by handing over its end of the connection.
pub async fn hijack(
    endpoint: &DockerEndpoint,
    path: &str,
    json: Vec<u8>,
    operation: Operation<'_>,
    limit: Duration,
) -> Result<Hijacked> {
    let work = async {
        let io = dial(endpoint)
            .await
            .map_err(|cause| error::of_io(&cause, endpoint))?;
        let request = request(Method::POST, path)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "tcp")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(json)));
        let (response, mut connection) = send(io, request)
            .await
            .map_err(|cause| unreachable(endpoint, &cause))?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            connection.end().await;
            let parts = connection.inner.into_parts();
            return Ok(Hijacked {
                io: parts.io.into_inner(),
                first: parts.read_buf,
            });
        }
        let (status, body) = finish(response, connection)
            .await
            .map_err(|cause| unreachable(endpoint, &cause))?;
        Err(error::of_status(status.as_u16(), reason(&body), operation))
    };
    tokio::time::timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(error::hanging(endpoint, limit)))
}

fn request(method: Method, path: &str) -> http::request::Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "docker")
}

async fn send(
    io: BoxedIo,
    request: http::Result<Request<Full<Bytes>>>,
) -> Result<(Response<Incoming>, HttpConnection), Box<dyn std::error::Error + Send + Sync>> {
    let (mut sender, inner) = http1::handshake(TokioIo::new(io)).await?;
    let mut connection = HttpConnection {
        inner,
        ended: false,
    };
    let response = connection.during(sender.send_request(request?)).await?;
    Ok((response, connection))
}

async fn finish(
    response: Response<Incoming>,
    mut connection: HttpConnection,
) -> Result<(StatusCode, Bytes), hyper::Error> {
    let status = response.status();
    let body = connection.during(response.into_body().collect()).await?;
    Ok((status, body.to_bytes()))
}

fn unreachable(
    endpoint: &DockerEndpoint,
    cause: &(impl std::fmt::Display + ?Sized),
) -> EngineError {
    EngineError::Unreachable {
        endpoint: endpoint.to_string(),
        reason: cause.to_string(),
    }
}

#[derive(Deserialize)]
struct ErrorBody {
    message: String,
}

fn reason(body: &[u8]) -> String {
    match serde_json::from_slice::<ErrorBody>(body) {
        Ok(body) => body.message,
        Err(_) => String::from_utf8_lossy(body).trim().to_owned(),
    }
}
