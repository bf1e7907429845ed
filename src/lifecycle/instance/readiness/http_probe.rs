//! One request to one port of a container, and what can be told from what comes back.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, header};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};

use super::{app_tls::over_tls, host_refusal};
use crate::{
    engine::link::Link,
    model::{AppAnswer, PortKind, ServedHost},
};

/// Of an answer's body, as far as it is read.
const MOST_READ: usize = 8 << 10;
/// A fine page is longer than what a server says to a host name that it does not know.
const SHORT: usize = 256;
/// For a body after its head, for a TLS handshake, and for what a debugger answers.
const SOON: Duration = Duration::from_secs(2);

/// What debuggers that speak no HTTP listen on unless they are told otherwise: debugpy, JDWP, the
/// inspectors of Node and Bun.
const DEBUGGERS: [u16; 5] = [5678, 5005, 9229, 9230, 6499];

/// Where what debuggers connect to describes itself.
const DESCRIPTION: &str = "/json/version";

/// What is asked for.
#[derive(Debug, Clone)]
pub struct ProbeRequest {
    pub path: String,
    pub host: String,
    /// The name to try where that one may be refused.
    pub or: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortAnswer {
    Http {
        status: u16,
        /// See [`crate::model::AppAnswer::page`].
        page: bool,
        tls: bool,
        /// What it says is that it does not serve the name it was asked by.
        refuses_host: bool,
        /// It is an answer to the other name of the question.
        other_host: bool,
    },
    Debugger,
    /// The connection ended without an answer, or what came is no HTTP.
    NotHttp,
    /// Nothing listens.
    Refused,
}

impl PortAnswer {
    /// `None` where it was no answer over HTTP.
    pub fn of_port(self, port: u16) -> Option<AppAnswer> {
        match self {
            Self::Http {
                status,
                page,
                tls,
                refuses_host,
                other_host,
            } => Some(AppAnswer {
                port,
                status,
                page,
                tls,
                host: match (refuses_host, other_host) {
                    (true, _) => ServedHost::Neither,
                    (false, true) => ServedHost::Localhost,
                    (false, false) => ServedHost::Own,
                },
            }),
            Self::Debugger | Self::NotHttp | Self::Refused => None,
        }
    }

    fn may_refuse_host(self) -> bool {
        matches!(self, Self::Http { status, refuses_host, .. }
            if refuses_host || host_refusal::may_refuse(status))
    }

    pub fn kind(self) -> Option<PortKind> {
        match self {
            Self::Http { tls: false, .. } => Some(PortKind::Http),
            Self::Http { tls: true, .. } => Some(PortKind::Https),
            Self::Debugger => Some(PortKind::Debugger),
            Self::NotHttp => Some(PortKind::Other),
            Self::Refused => None,
        }
    }
}

/// Ask, and wait for the answer for as long as it takes.
pub async fn ask(link: &Link, port: u16, request: &ProbeRequest) -> PortAnswer {
    let first = ask_once(link, port, request).await;
    let Some(host) = request.or.clone().filter(|_| first.may_refuse_host()) else {
        return first;
    };
    let other = ProbeRequest {
        host,
        or: None,
        path: request.path.clone(),
    };
    match (first.of_port(port), ask_once(link, port, &other).await) {
        (
            Some(refused),
            PortAnswer::Http {
                status,
                page,
                tls,
                refuses_host: false,
                ..
            },
        ) if refused.host == ServedHost::Neither || matches!(status, 200..=399) => {
            PortAnswer::Http {
                status,
                page,
                tls,
                refuses_host: false,
                other_host: true,
            }
        }
        _ => first,
    }
}

async fn ask_once(link: &Link, port: u16, request: &ProbeRequest) -> PortAnswer {
    let Ok(io) = link.dial(port).await else {
        return PortAnswer::Refused;
    };
    let plain = exchange(io, request).await;
    match &plain {
        Some(response) if response.wants_tls() => {}
        Some(response) if response.is_inspector() => return PortAnswer::Debugger,
        Some(response) if response.may_be_inspector() && is_inspector(link, port).await => {
            return PortAnswer::Debugger;
        }
        Some(response) => return response.port_answer(false),
        None => {}
    }
    let secure = async {
        let io = link.dial(port).await.ok()?;
        let io = timeout(SOON, over_tls(io)).await.ok()?.ok()?;
        exchange(io, request).await
    };
    match (secure.await, plain) {
        (Some(response), _) => response.port_answer(true),
        (None, Some(response)) => response.port_answer(false),
        (None, None) if DEBUGGERS.contains(&port) => PortAnswer::Debugger,
        (None, None) => PortAnswer::NotHttp,
    }
}

/// Whether what listens there describes itself as what debuggers connect to.
async fn is_inspector(link: &Link, port: u16) -> bool {
    let request = ProbeRequest {
        path: DESCRIPTION.to_owned(),
        host: format!("localhost:{port}"),
        or: None,
    };
    let asked = async {
        let io = link.dial(port).await.ok()?;
        exchange(io, &request).await
    };
    let response = timeout(SOON, asked).await.ok().flatten();
    response.is_some_and(|response| {
        response.text.contains("webSocketDebuggerUrl")
            || response.text.contains("\"Browser\"")
                && response.text.contains("\"Protocol-Version\"")
    })
}

/// An answer, as far as it was read.
struct ReadResponse {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl ReadResponse {
    fn port_answer(&self, tls: bool) -> PortAnswer {
        let kind = self.headers.get(header::CONTENT_TYPE);
        let html = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
        PortAnswer::Http {
            status: self.status,
            page: html || (300..400).contains(&self.status),
            tls,
            refuses_host: host_refusal::refuses(self.status, &self.text),
            other_host: false,
        }
    }

    /// In the words of Go, nginx and Apache.
    fn wants_tls(&self) -> bool {
        self.status == 400
            && [
                "HTTP request to an HTTPS server",
                "plain HTTP request was sent to HTTPS port",
                "speaking plain HTTP to an SSL-enabled server port",
            ]
            .iter()
            .any(|words| self.text.contains(words))
    }

    /// In the words of Node's.
    fn is_inspector(&self) -> bool {
        self.status == 400 && self.text.contains("WebSockets request was expected")
    }

    /// What serves apps says what time it is; what debuggers connect to does not.
    fn may_be_inspector(&self) -> bool {
        (400..500).contains(&self.status) && !self.headers.contains_key(header::DATE)
    }
}

/// `None` where no answer came, or none that is HTTP.
async fn exchange<S>(io: S, probe: &ProbeRequest) -> Option<ReadResponse>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake::<_, Empty<Bytes>>(TokioIo::new(io))
        .await
        .ok()?;
    let request = Request::get(probe.path.as_str())
        .header(header::HOST, probe.host.as_str())
        .header(header::USER_AGENT, "codemate-preview-probe")
        .header(header::ACCEPT, "text/html,*/*;q=0.8")
        // Every browser sends one, and there are apps that take it for granted.
        .header(header::ACCEPT_LANGUAGE, "en-US,en;q=0.9")
        .header(header::CONNECTION, "close")
        .body(Empty::new())
        .ok()?;
    let response = async {
        let (head, body) = sender.send_request(request).await.ok()?.into_parts();
        let mut text = BytesMut::new();
        if probe.path == DESCRIPTION || is_informative(&head) {
            // An answer without an end is one all the same.
            let _ = timeout(SOON, read(body, &mut text)).await;
        }
        Some(ReadResponse {
            status: head.status.as_u16(),
            headers: head.headers,
            text: String::from_utf8_lossy(&text).into_owned(),
        })
    };
    let driver = async {
        // What ends the connection shows in the answer, or in its absence.
        let _ = connection.await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        response = response => response,
        () = driver => None,
    }
}

/// Whether its words say more than its status: those of a page that is fine are not waited for.
fn is_informative(head: &http::response::Parts) -> bool {
    let length = head.headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    !matches!(head.status.as_u16(), 200..=399) || length.is_some_and(|length| length < SHORT)
}

async fn read(mut body: Incoming, text: &mut BytesMut) {
    while let Some(Ok(frame)) = body.frame().await {
        if let Some(data) = frame.data_ref() {
            let room = MOST_READ.saturating_sub(text.len()).min(data.len());
            text.extend_from_slice(&data[..room]);
        }
        if text.len() >= MOST_READ {
            return;
        }
    }
}
