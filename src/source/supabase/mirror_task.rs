//! `MirrorTask`: follows a project's rows while its preview runs, and connects again when there is no
//! connection to begin with.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval_at},
};

use super::{PullOutcome, Puller, SupabaseError, SupabaseSessions};
use crate::{
    source::{FollowStatus, InUse},
    task::Scope,
};

/// Between attempts to connect: the first, and the longest.
const RECONNECT_DELAY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// Between looks at whether the preview is being used, and its rows should be looked at often.
const USED: Duration = Duration::from_secs(2);

/// Dropped, it stops.
pub struct MirrorTask {
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
        in_use: InUse,
        scope: &Scope,
    ) -> Self {
        let scope = scope.child();
        let (status_tx, status) = watch::channel(FollowStatus::default());
        let work = MirrorTaskState {
            sessions,
            rows,
            in_use,
            status_tx,
            scope: scope.clone(),
        };
        scope.spawn(work.run(pulled));
        Self { status, scope }
    }

    pub fn status(&self) -> FollowStatus {
        self.status.borrow().clone()
    }
}

impl Drop for MirrorTask {
    fn drop(&mut self) {
        self.scope.cancel();
    }
}

struct MirrorTaskState {
    sessions: Arc<SupabaseSessions>,
    rows: MirrorTarget,
    in_use: InUse,
    status_tx: watch::Sender<FollowStatus>,
    scope: Scope,
}

impl MirrorTaskState {
    async fn run(mut self, pulled: Option<(Puller, PullOutcome)>) {
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
        let mut looks = interval_at(Instant::now() + USED, USED);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.status_tx
                .send_replace(status.borrow_and_update().clone());
            tokio::select! {
                changed = status.changed() => if changed.is_err() {
                    break;
                },
                _ = looks.tick() => if (self.in_use)() {
                    follower.touch();
                },
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
