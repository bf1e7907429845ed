//! An app that keeps every byte it is sent, and finds the requests in them as a lenient server would.

use std::sync::{Arc, Mutex};

use codemate_preview::task::Scope;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Arrived {
    pub head: String,
    pub body: String,
    /// What came after it of another protocol.
    pub tunnel: String,
    /// It came to its end.
    pub whole: bool,
}

impl Arrived {
    /// Method, target and body.
    pub fn gist(&self) -> String {
        let line = self.head.lines().next().unwrap_or_default();
        let mut words = line.split(' ');
        let (method, target) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        );
        format!("{method} {target} {}", self.body)
    }

    pub fn values(&self, name: &str) -> Vec<&str> {
        fields(&self.head)
            .filter(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect()
    }
}

pub fn fields(head: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = head.split('\n').skip(1);
    let parted = lines.filter_map(|line| line.split_once(':'));
    parted.map(|(name, value)| (name.trim(), value.trim()))
}

pub struct Tape {
    pub port: u16,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

/// Ends a tunnel.
pub const END: &str = "x-end: 1\r\n\r\n";

impl Tape {
    pub async fn start(scope: &Scope) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let arrived = Arc::<Mutex<Vec<Arrived>>>::default();
        let (tape, inner, token) = (Arc::clone(&arrived), scope.clone(), scope.token());
        let accept = async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let tape = Arc::clone(&tape);
                inner.spawn(async move { _ = record(stream, &tape).await });
            }
        };
        scope.spawn(async move { token.run_until_cancelled(accept).await });
        Self { port, arrived }
    }

    /// All since the last time.
    pub fn take(&self) -> Vec<Arrived> {
        std::mem::take(&mut *self.arrived.lock().unwrap())
    }
}

/// The connection as far as it was read.
struct Reel {
    stream: TcpStream,
    held: Vec<u8>,
}

impl Reel {
    async fn more(&mut self) -> Option<()> {
        let read = self.stream.read_buf(&mut self.held).await.ok()?;
        (read > 0).then_some(())
    }

    /// Up to and with `mark`.
    async fn until(&mut self, mark: &[u8]) -> Option<String> {
        loop {
            if let Some(at) = self.held.windows(mark.len()).position(|it| it == mark) {
                let taken = self.held.drain(..at + mark.len()).collect();
                return String::from_utf8(taken).ok();
            }
            self.more().await?;
        }
    }

    async fn exactly(&mut self, len: usize) -> Option<String> {
        while self.held.len() < len {
            self.more().await?;
        }
        String::from_utf8(self.held.drain(..len).collect()).ok()
    }

    async fn chunks(&mut self) -> Option<String> {
        let mut body = String::new();
        loop {
            let size = self.until(b"\n").await?;
            let size = size.trim().split(';').next()?.to_owned();
            let size = usize::from_str_radix(&size, 16).ok()?;
            if size == 0 {
                let mut trailers = String::new();
                while !trailers.ends_with("\n\r\n") && trailers != "\r\n" {
                    trailers += &self.until(b"\n").await?;
                }
                return Some(body + trailers.trim_end());
            }
            body += &self.exactly(size).await?;
            self.until(b"\n").await?;
        }
    }
}

/// Chunks win over a length, and whatever mentions chunks has them.
async fn record(stream: TcpStream, tape: &Mutex<Vec<Arrived>>) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut reel = Reel {
        stream,
        held: Vec::new(),
    };
    loop {
        let head = reel.until(b"\r\n\r\n").await?;
        let number = {
            let mut tape = tape.lock().unwrap();
            let (body, tunnel) = (String::new(), String::new());
            tape.push(Arrived {
                head: head.clone(),
                body,
                tunnel,
                whole: false,
            });
            tape.len() - 1
        };
        let value = |name: &str| {
            let mut fields = fields(&head);
            let named = fields.find(|(field, _)| field.eq_ignore_ascii_case(name));
            named.map(|(_, value)| value.to_owned())
        };
        let body = if value("transfer-encoding").is_some_and(|it| it.contains("chunked")) {
            reel.chunks().await?
        } else {
            let len = value("content-length").map_or(Ok(0), |it| it.parse());
            reel.exactly(len.ok()?).await?
        };
        if let Some(arrived) = tape.lock().unwrap().get_mut(number) {
            arrived.body = body;
            arrived.whole = true;
        }
        if head.contains(" /up/yes ") {
            let agreed = "HTTP/1.1 101 Yes\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
            reel.stream.write_all(agreed.as_bytes()).await.ok()?;
            while !String::from_utf8_lossy(&reel.held).contains(END) {
                reel.more().await?;
            }
            let tunnel = String::from_utf8_lossy(&reel.held).into_owned();
            tape.lock().unwrap().get_mut(number)?.tunnel = tunnel;
            return None;
        }
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\naccepted";
        reel.stream.write_all(answer).await.ok()?;
    }
}
