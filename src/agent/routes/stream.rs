//! Answers that go on: one envelope a line, flushed as it happens.

use std::{future::Future, time::Duration};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use http::header::CONTENT_TYPE;
use tokio::sync::mpsc;

use crate::{
    api::{API_VERSION, Envelope},
    model::{Event, InstanceId, UpOutcome},
    task::Scope,
};

/// A quiet stream says so this often.
pub const HEARTBEAT: Duration = Duration::from_secs(15);

/// Lines that may wait for the reader. All that wait are written at once: a write for each line
/// would cost more than the line.
const AHEAD: usize = 64;

/// Where the lines of one answer go.
pub struct NdjsonLines {
    to: mpsc::Sender<Bytes>,
    seq: u64,
    pub instance: Option<InstanceId>,
}

/// The reader went away.
pub struct ClientGone;

impl NdjsonLines {
    pub async fn send(&mut self, event: Event) -> Result<(), ClientGone> {
        self.send_of(self.instance.clone(), jiff::Timestamp::now(), event)
            .await
    }

    /// An event of some instance that happened at its own time.
    pub async fn send_of(
        &mut self,
        instance: Option<InstanceId>,
        at: jiff::Timestamp,
        event: Event,
    ) -> Result<(), ClientGone> {
        let envelope = Envelope {
            v: Envelope::VERSION,
            seq: self.seq,
            ts: at,
            instance,
            event,
        };
        let mut line = serde_json::to_vec(&envelope).map_err(|_| ClientGone)?;
        line.push(b'\n');
        self.seq += 1;
        self.to.send(line.into()).await.map_err(|_| ClientGone)
    }

    pub async fn end(&mut self, outcome: UpOutcome) -> Result<(), ClientGone> {
        self.send(Event::Result(outcome)).await
    }

    /// Resolves once nobody reads any more.
    pub async fn gone(&self) {
        self.to.closed().await;
    }
}

/// Answer with the lines that `work` sends, `hello` first. `work` ends by itself, or when a send
/// says that the reader is gone.
pub fn ndjson<F>(
    scope: &Scope,
    instance: Option<InstanceId>,
    work: impl FnOnce(NdjsonLines) -> F + Send + 'static,
) -> Response
where
    F: Future<Output = Result<(), ClientGone>> + Send + 'static,
{
    let (to, from) = mpsc::channel(AHEAD);
    let mut lines = NdjsonLines {
        to,
        seq: 0,
        instance,
    };
    scope.spawn(async move {
        let hello = Event::Hello {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            api: API_VERSION,
            pid: std::process::id(),
        };
        if lines.send(hello).await.is_ok() {
            let _ = work(lines).await;
        }
    });
    let body = stream::unfold(from, |mut from| async move {
        let mut lines = Vec::new();
        let some = from.recv_many(&mut lines, AHEAD).await > 0;
        some.then(|| (Ok::<_, std::convert::Infallible>(lines.concat()), from))
    });
    (
        [(CONTENT_TYPE, "application/x-ndjson")],
        Body::from_stream(body),
    )
        .into_response()
}
