//! `Connector`: the one `cloudflared` of this host, for all previews at once.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::token_run::TokenRun;
use crate::{
    task::{Scope, chance},
    tunnel::{Retry, TunnelError, backoff::Backoff},
};

/// How often in a row it may end before it is given up. Being ready begins the count anew.
const DEATHS: u32 = 4;

/// How the program is.
#[derive(Debug, Clone)]
pub enum ConnectorState {
    Opening,
    Ready,
    Down {
        why: String,
    },
    /// It will not be started again.
    Over(Arc<TunnelError>),
}

/// Runs as long as anyone has it. The last to let go has to [`Connector::end`] it, to know that it
/// has ended.
pub struct Connector {
    state_tx: watch::Sender<ConnectorState>,
    scope: Scope,
    ended: CancellationToken,
}

impl Connector {
    /// Start it, and start it again when it ends.
    pub fn start(run: TokenRun, scope: &Scope) -> Self {
        let connector = Self {
            state_tx: watch::Sender::new(ConnectorState::Opening),
            scope: scope.child(),
            ended: CancellationToken::new(),
        };
        let (state_tx, until) = (connector.state_tx.clone(), connector.scope.clone());
        let ended = connector.ended.clone().drop_guard();
        scope.spawn(async move {
            let _ended = ended;
            if let Some(error) = run_until_stopped(&run, &state_tx, &until).await {
                publish(&state_tx, ConnectorState::Over(Arc::new(error)));
            }
        });
        connector
    }

    pub fn link(&self) -> watch::Receiver<ConnectorState> {
        self.state_tx.subscribe()
    }

    /// Stop it, and wait until nothing of it runs.
    pub async fn end(self) {
        self.scope.cancel();
        self.ended.cancelled().await;
    }

    /// Stop it although it is held, and tell those who do.
    pub fn give_up(&self, why: &str) {
        publish(
            &self.state_tx,
            ConnectorState::Over(Arc::new(TunnelError::Lost {
                why: why.to_owned(),
            })),
        );
        self.scope.cancel();
    }

    /// Cancelled once nothing of it runs any more.
    pub fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }

    pub fn is_over(&self) -> bool {
        matches!(*self.state_tx.borrow(), ConnectorState::Over(_)) || self.scope.is_cancelled()
    }
}

impl Drop for Connector {
    fn drop(&mut self) {
        self.scope.cancel();
    }
}

/// Until stopped, or until it keeps ending.
async fn run_until_stopped(
    run: &TokenRun,
    state_tx: &watch::Sender<ConnectorState>,
    until: &Scope,
) -> Option<TunnelError> {
    let mut backoff = Backoff::new();
    let mut deaths = 0;
    loop {
        let mut was_ready = false;
        let error = run
            .once(until, |link| {
                if matches!(link, ConnectorState::Ready) {
                    was_ready = true;
                    backoff.is_up();
                }
                publish(state_tx, link);
            })
            .await?;
        deaths = if was_ready { 1 } else { deaths + 1 };
        if deaths == DEATHS || error.retry() == Retry::Never {
            return Some(error);
        }
        tracing::warn!(%error, "cloudflared is started again");
        let why = error.to_string();
        publish(state_tx, ConnectorState::Down { why });
        tokio::select! {
            () = until.cancelled() => return None,
            () = tokio::time::sleep(backoff.wait(chance())) => {}
        }
    }
}

/// Nothing comes after the end.
fn publish(state_tx: &watch::Sender<ConnectorState>, link: ConnectorState) {
    state_tx.send_if_modified(|before| {
        let is_over = matches!(before, ConnectorState::Over(_));
        if !is_over {
            *before = link;
        }
        !is_over
    });
}
