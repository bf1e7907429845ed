//! `MirrorTask`: follows a project's rows while its preview runs, and connects again when there is no
//! connection to begin with.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::sync::{Notify, watch};

use super::{FollowStatus, PullOutcome, Puller, SupabaseError, SupabaseSessions};
use crate::task::Scope;

/// Between attempts to connect: the first, and the longest.
const RECONNECT_DELAY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// Dropped, it stops.
pub struct MirrorTask {
    touched: Arc<Notify>,
    status: watch::Receiver<FollowStatus>,
    scope: Scope,
}

/// Which rows, and where their files go.
#[derive(Debug, Clone)]
pub struct MirrorTarget {
    pub project: String,
    pub dir: PathBuf,
}

impl MirrorTask {
    /// `pulled` is a connection that is there already, and what its first pull did.
    pub fn start(
        sessions: Arc<SupabaseSessions>,
        rows: MirrorTarget,
        pulled: Option<(Puller, PullOutcome)>,
        scope: &Scope,
    ) -> Self {
        let scope = scope.child();
        let (status_tx, status) = watch::channel(FollowStatus::default());
        let touched = Arc::new(Notify::new());
        let work = MirrorTaskState {
            touched: Arc::clone(&touched),
            sessions,
            rows,
            status_tx,
            scope: scope.clone(),
        };
        scope.spawn(work.run(pulled));
        Self {
            touched,
            status,
            scope,
        }
    }

    /// To be called when somebody uses the preview: the rows are looked at, and often for a while.
    pub fn toucher(&self) -> impl Fn() + Send + Sync + use<> {
        let touched = Arc::clone(&self.touched);
        move || touched.notify_one()
    }

    /// Ends with it.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    pub fn status(&self) -> watch::Receiver<FollowStatus> {
        self.status.clone()
    }
}

impl Drop for MirrorTask {
    fn drop(&mut self) {
        self.scope.cancel();
    }
}

struct MirrorTaskState {
    touched: Arc<Notify>,
    sessions: Arc<SupabaseSessions>,
    rows: MirrorTarget,
    status_tx: watch::Sender<FollowStatus>,
    scope: Scope,
}

impl MirrorTaskState {
    async fn run(self, pulled: Option<(Puller, PullOutcome)>) {
        let token = self.scope.token();
        let (connection, first) = match pulled {
            Some(pulled) => pulled,
            None => match token.run_until_cancelled(self.connect_until_pulled()).await {
                Some(pulled) => pulled,
                None => return,
            },
        };
        let following = self.sessions.follow(connection, &first, &self.scope);
        let follower = match token.run_until_cancelled(following).await {
            Some(Ok(follower)) => follower,
            Some(Err(error)) => return self.failed(&error),
            None => return,
        };
        let mut status = follower.status();
        loop {
            self.status_tx
                .send_replace(status.borrow_and_update().clone());
            tokio::select! {
                changed = status.changed() => if changed.is_err() {
                    break;
                },
                () = self.touched.notified() => follower.touch(),
            }
        }
        follower.ended().await;
    }

    async fn connect_until_pulled(&self) -> (Puller, PullOutcome) {
        let mut wait = RECONNECT_DELAY.0;
        loop {
            match self.pull().await {
                Ok(pulled) => return pulled,
                Err(error) => self.failed(&error),
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(RECONNECT_DELAY.1);
        }
    }

    async fn pull(&self) -> Result<(Puller, PullOutcome), SupabaseError> {
        let rows = &self.rows;
        let mut puller = self
            .sessions
            .connect(&rows.project, &rows.dir, &self.scope)
            .await?;
        let first = puller.first().await?;
        Ok((puller, first))
    }

    fn failed(&self, error: &SupabaseError) {
        tracing::warn!(project = self.rows.project, %error, "rows cannot be followed");
        self.status_tx.send_modify(|status| {
            status.failures += 1;
            status.problem = Some(error.problem());
        });
    }
}
