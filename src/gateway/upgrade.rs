//! Upgraded connections: once both sides have agreed, the gateway only carries bytes.

use std::sync::Arc;

use bytes::Bytes;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncWriteExt, copy_bidirectional_with_sizes};

use tokio_util::sync::CancellationToken;

use crate::task::Scope;

use super::{
    activity::Hold,
    dial::Stream,
    door::Seat,
    halves::{Half, Halves},
    patience::Busy,
    pool::Connection,
};

const BUFFER: usize = 16 << 10;

/// What lives as long as the upgraded connection does.
pub(super) struct Kept {
    pub(super) hold: Hold,
    pub(super) busy: Busy,
    /// The visitor's place among the connections.
    pub(super) seat: Arc<Seat>,
    /// The visitor's leave to be here.
    pub(super) ends: CancellationToken,
    /// The app is about to be asked to stop.
    pub(super) restarts: CancellationToken,
}

/// Carry bytes between the visitor and the app until both have ended or the scope has.
///
/// The visitor's stream is waited for and not used before the answer 101 is written; what it sent
/// too early is passed on only now, as bytes of a protocol the app has agreed to.
pub(super) fn join(scope: &Scope, visitor: OnUpgrade, app: Box<Connection>, kept: Kept) {
    let token = scope.token();
    let Kept {
        hold,
        busy,
        seat,
        ends,
        restarts,
    } = kept;
    scope.spawn(async move {
        let hold = hold.into_socket();
        let carried = async {
            let (stream, early) = app.into_stream().await;
            let visitor = visitor.await.map_err(std::io::Error::other)?;
            carry(TokioIo::new(visitor), stream, early).await
        };
        tokio::select! {
            () = token.cancelled() => {}
            () = ends.cancelled() => {}
            () = restarts.cancelled() => {}
            ended = carried => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "an upgraded connection broke");
                }
            }
        }
        drop((hold, busy, seat));
    });
}

async fn carry(
    visitor: TokioIo<hyper::upgrade::Upgraded>,
    app: Stream,
    early: Bytes,
) -> std::io::Result<()> {
    let halves = Halves::new();
    let half = || Arc::clone(&halves);
    let mut visitor = Half {
        stream: visitor,
        halves: half(),
    };
    let mut app = Half {
        stream: app,
        halves: half(),
    };
    visitor.write_all(&early).await?;
    visitor.flush().await?;
    tokio::select! {
        copied = copy_bidirectional_with_sizes(&mut visitor, &mut app, BUFFER, BUFFER) => {
            copied.map(drop)
        }
        () = halves.forgotten() => Err(std::io::ErrorKind::TimedOut.into()),
    }
}
