//! Upgraded connections: once both sides have agreed, the gateway only carries bytes.

use std::sync::Arc;

use bytes::Bytes;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncWriteExt, copy_bidirectional_with_sizes};

use tokio_util::sync::CancellationToken;

use super::{
    half_close::{HalfClose, HalfCloseStream},
    pool::Connection,
};
use crate::{
    gateway::{listener::ConnectionPermit, routing::activity::ActivityGuard},
    http_server::InFlight,
    task::{BoxedIo, Scope},
};

const BUFFER: usize = 16 << 10;

/// What lives as long as the upgraded connection does.
pub(in crate::gateway) struct UpgradeGuards {
    pub(in crate::gateway) activity_guard: ActivityGuard,
    pub(in crate::gateway) in_flight: InFlight,
    /// The visitor's permit among the connections.
    pub(in crate::gateway) permit: Arc<ConnectionPermit>,
    /// Cancelled when the visitor's access is revoked.
    pub(super) visitor_revoked: CancellationToken,
    /// The app is about to be asked to stop.
    pub(in crate::gateway) app_stopping: CancellationToken,
}

/// Carry bytes between the visitor and the app until both have ended or the scope has.
///
/// The visitor's stream is waited for and not used before the answer 101 is written; what it sent
/// too early is passed on only now, as bytes of a protocol the app has agreed to.
pub(super) fn spawn_relay(
    scope: &Scope,
    visitor: OnUpgrade,
    app: Box<Connection>,
    guards: UpgradeGuards,
) {
    let token = scope.token();
    let UpgradeGuards {
        activity_guard,
        in_flight,
        permit,
        visitor_revoked,
        app_stopping,
    } = guards;
    scope.spawn(async move {
        let activity_guard = activity_guard.into_socket();
        let relayed = async {
            let (stream, early) = app.into_stream().await;
            let visitor = visitor.await.map_err(std::io::Error::other)?;
            relay(TokioIo::new(visitor), stream, early).await
        };
        tokio::select! {
            () = token.cancelled() => {}
            () = visitor_revoked.cancelled() => {}
            () = app_stopping.cancelled() => {}
            ended = relayed => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "an upgraded connection broke");
                }
            }
        }
        drop((activity_guard, in_flight, permit));
    });
}

async fn relay(
    visitor: TokioIo<hyper::upgrade::Upgraded>,
    app: BoxedIo,
    early: Bytes,
) -> std::io::Result<()> {
    let half_close = HalfClose::new();
    let half = || Arc::clone(&half_close);
    let mut visitor = HalfCloseStream {
        stream: visitor,
        half_close: half(),
    };
    let mut app = HalfCloseStream {
        stream: app,
        half_close: half(),
    };
    visitor.write_all(&early).await?;
    visitor.flush().await?;
    tokio::select! {
        copied = copy_bidirectional_with_sizes(&mut visitor, &mut app, BUFFER, BUFFER) => {
            copied.map(drop)
        }
        () = half_close.timed_out() => Err(std::io::ErrorKind::TimedOut.into()),
    }
}
