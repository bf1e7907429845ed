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

use super::{host_check, tls_inside::over_tls};
use crate::{
    engine::link::Link,
    model::{Answered, HostServed, PortKind},
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
pub struct Question {
    pub path: String,
    pub host: String,
    /// The name to try where that one may be refused.
    pub or: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Http {
        status: u16,
        /// See [`crate::model::Answered::page`].
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

impl Answer {
    /// `None` where it was no answer over HTTP.
    pub fn of_port(self, port: u16) -> Option<Answered> {
        match self {
            Self::Http {
                status,
                page,
                tls,
                refuses_host,
                other_host,
            } => Some(Answered {
                port,
                status,
                page,
                tls,
                host: match (refuses_host, other_host) {
                    (true, _) => HostServed::Neither,
                    (false, true) => HostServed::Localhost,
                    (false, false) => HostServed::Own,
                },
            }),
            Self::Debugger | Self::NotHttp | Self::Refused => None,
        }
    }

    fn may_refuse_host(self) -> bool {
        matches!(self, Self::Http { status, refuses_host, .. }
            if refuses_host || host_check::may_refuse(status))
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
pub async fn ask(link: &Link, port: u16, question: &Question) -> Answer {
    let first = ask_once(link, port, question).await;
    let Some(host) = question.or.clone().filter(|_| first.may_refuse_host()) else {
        return first;
    };
    let other = Question {
        host,
        or: None,
        path: question.path.clone(),
    };
    match (first.of_port(port), ask_once(link, port, &other).await) {
        (
            Some(refused),
            Answer::Http {
                status,
                page,
                tls,
                refuses_host: false,
                ..
            },
        ) if refused.host == HostServed::Neither || matches!(status, 200..=399) => Answer::Http {
            status,
            page,
            tls,
            refuses_host: false,
            other_host: true,
        },
        _ => first,
    }
}

async fn ask_once(link: &Link, port: u16, question: &Question) -> Answer {
    let Ok(io) = link.dial(port).await else {
        return Answer::Refused;
    };
    let plain = exchange(io, question).await;
    match &plain {
        Some(heard) if heard.wants_tls() => {}
        Some(heard) if heard.is_inspector() => return Answer::Debugger,
        Some(heard) if heard.may_be_inspector() && is_inspector(link, port).await => {
            return Answer::Debugger;
        }
        Some(heard) => return heard.answer(false),
        None => {}
    }
    let secure = async {
        let io = link.dial(port).await.ok()?;
        let io = timeout(SOON, over_tls(io)).await.ok()?.ok()?;
        exchange(io, question).await
    };
    match (secure.await, plain) {
        (Some(heard), _) => heard.answer(true),
        (None, Some(heard)) => heard.answer(false),
        (None, None) if DEBUGGERS.contains(&port) => Answer::Debugger,
        (None, None) => Answer::NotHttp,
    }
}

/// Whether what listens there describes itself as what debuggers connect to.
async fn is_inspector(link: &Link, port: u16) -> bool {
    let question = Question {
        path: DESCRIPTION.to_owned(),
        host: format!("localhost:{port}"),
        or: None,
    };
    let asked = async {
        let io = link.dial(port).await.ok()?;
        exchange(io, &question).await
    };
    let heard = timeout(SOON, asked).await.ok().flatten();
    heard.is_some_and(|heard| {
        heard.text.contains("webSocketDebuggerUrl")
            || heard.text.contains("\"Browser\"") && heard.text.contains("\"Protocol-Version\"")
    })
}

/// An answer, as far as it was read.
struct Heard {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Heard {
    fn answer(&self, tls: bool) -> Answer {
        let kind = self.headers.get(header::CONTENT_TYPE);
        let html = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
        Answer::Http {
            status: self.status,
            page: html || (300..400).contains(&self.status),
            tls,
            refuses_host: host_check::refuses(self.status, &self.text),
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
async fn exchange<S>(io: S, question: &Question) -> Option<Heard>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake::<_, Empty<Bytes>>(TokioIo::new(io))
        .await
        .ok()?;
    let request = Request::get(question.path.as_str())
        .header(header::HOST, question.host.as_str())
        .header(header::USER_AGENT, "codemate-preview-probe")
        .header(header::ACCEPT, "text/html,*/*;q=0.8")
        .header(header::CONNECTION, "close")
        .body(Empty::new())
        .ok()?;
    let heard = async {
        let (head, body) = sender.send_request(request).await.ok()?.into_parts();
        let mut text = BytesMut::new();
        if question.path == DESCRIPTION || is_telling(&head) {
            // An answer without an end is one all the same.
            let _ = timeout(SOON, read(body, &mut text)).await;
        }
        Some(Heard {
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
        heard = heard => heard,
        () = driver => None,
    }
}

/// Whether its words say more than its status: those of a page that is fine are not waited for.
fn is_telling(head: &http::response::Parts) -> bool {
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
