//! `Keeper`: follows a project's rows for as long as its preview is wanted, and gets back to it
//! when there is no connection to begin with.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::sync::{Notify, watch};

use super::{Desk, FollowStatus, Pulled, Puller, SupabaseError};
use crate::task::Scope;

/// Between attempts to connect: the first, and the longest.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Dropped, it stops.
pub struct Keeper {
    touched: Arc<Notify>,
    status: watch::Receiver<FollowStatus>,
    scope: Scope,
}

/// Which rows, and where their files go.
#[derive(Debug, Clone)]
pub struct Rows {
    pub project: String,
    pub dir: PathBuf,
}

impl Keeper {
    /// `pulled` is a connection that is there already, and what its first pull did.
    pub fn start(
        desk: Arc<Desk>,
        rows: Rows,
        pulled: Option<(Puller, Pulled)>,
        scope: &Scope,
    ) -> Self {
        let scope = scope.child();
        let (told, status) = watch::channel(FollowStatus::default());
        let touched = Arc::new(Notify::new());
        let work = Work {
            touched: Arc::clone(&touched),
            desk,
            rows,
            told,
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

impl Drop for Keeper {
    fn drop(&mut self) {
        self.scope.cancel();
    }
}

struct Work {
    touched: Arc<Notify>,
    desk: Arc<Desk>,
    rows: Rows,
    told: watch::Sender<FollowStatus>,
    scope: Scope,
}

impl Work {
    async fn run(self, pulled: Option<(Puller, Pulled)>) {
        let token = self.scope.token();
        let (connection, first) = match pulled {
            Some(pulled) => pulled,
            None => match token.run_until_cancelled(self.until_pulled()).await {
                Some(pulled) => pulled,
                None => return,
            },
        };
        let following = self.desk.follow(connection, &first, &self.scope);
        let follower = match token.run_until_cancelled(following).await {
            Some(Ok(follower)) => follower,
            Some(Err(error)) => return self.failed(&error),
            None => return,
        };
        let mut status = follower.status();
        loop {
            self.told.send_replace(status.borrow_and_update().clone());
            tokio::select! {
                changed = status.changed() => if changed.is_err() {
                    break;
                },
                () = self.touched.notified() => follower.touch(),
            }
        }
        follower.ended().await;
    }

    async fn until_pulled(&self) -> (Puller, Pulled) {
        let mut wait = AGAIN.0;
        loop {
            match self.pull().await {
                Ok(pulled) => return pulled,
                Err(error) => self.failed(&error),
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(AGAIN.1);
        }
    }

    async fn pull(&self) -> Result<(Puller, Pulled), SupabaseError> {
        let rows = &self.rows;
        let mut puller = self
            .desk
            .connect(&rows.project, &rows.dir, &self.scope)
            .await?;
        let first = puller.first().await?;
        Ok((puller, first))
    }

    fn failed(&self, error: &SupabaseError) {
        tracing::warn!(project = self.rows.project, %error, "rows cannot be followed");
        self.told.send_modify(|status| {
            status.failures += 1;
            status.problem = Some(error.problem());
        });
    }
}
