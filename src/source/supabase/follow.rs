//! `Follower`: a mirror kept in step with its table, whatever happens to either.

use std::{future::pending, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{
    sync::{Notify, mpsc, watch},
    task::JoinHandle,
    time::{Instant, sleep_until},
};

use super::{Hint, Pace, PullOutcome, Puller, SupabaseError};
use crate::{
    source::FollowStatus,
    task::{Scope, jittered},
};

/// After a change, the table is taken to be in use for this long.
const ACTIVE: Duration = Duration::from_mins(2);
/// A burst of hints is waited out no longer.
const LONGEST_BURST: Duration = Duration::from_secs(1);
/// Looks in a row because rows changed meanwhile.
const MOST_AGAIN: u32 = 3;
/// The index waits for this long without a change: it only saves the next start some work.
const SAVE_AFTER: Duration = Duration::from_secs(2);

/// Follows until its scope is cancelled.
pub struct Follower {
    status: watch::Receiver<FollowStatus>,
    touched: Arc<Notify>,
    ended: JoinHandle<()>,
}

impl Follower {
    /// `hints` come from Realtime; without it, drop the sender. `first` is what the pull before
    /// this did.
    pub fn start(
        puller: Puller,
        first: &PullOutcome,
        hints: mpsc::Receiver<Hint>,
        scope: &Scope,
    ) -> Self {
        let touched = Arc::new(Notify::new());
        let status = FollowStatus {
            by_revision: puller.shape().revisions.is_some(),
            cursor: puller.cursor(),
            files: first.files,
            refused: first.refused.clone(),
            last_look: Some(Timestamp::now()),
            last_full_check: Some(Timestamp::now()),
            ..FollowStatus::default()
        };
        let (status_tx, status) = watch::channel(status);
        let now = Instant::now();
        let task = FollowTask {
            pace: puller.options().pace,
            puller,
            hints: Some(hints),
            touched: Arc::clone(&touched),
            status_tx,
            scope: scope.child(),
            is_full_due: false,
            next_full: now,
            active_until: now + ACTIVE,
            again: 0,
            next_look: now,
            save_at: Some(now + SAVE_AFTER),
        };
        let ended = scope.spawn(task.run());
        Self {
            status,
            touched,
            ended,
        }
    }

    pub fn status(&self) -> watch::Receiver<FollowStatus> {
        self.status.clone()
    }

    /// Someone uses the preview: look now, and often for a while.
    pub fn touch(&self) {
        self.touched.notify_one();
    }

    /// Once the scope was cancelled and the index is written.
    pub async fn ended(self) {
        let _ = self.ended.await;
    }
}

struct FollowTask {
    puller: Puller,
    pace: Pace,
    /// `None` once nobody can send any more.
    hints: Option<mpsc::Receiver<Hint>>,
    touched: Arc<Notify>,
    status_tx: watch::Sender<FollowStatus>,
    scope: Scope,
    /// Stays until a comparison of everything went well.
    is_full_due: bool,
    next_full: Instant,
    next_look: Instant,
    active_until: Instant,
    /// Looks in a row that were not enough.
    again: u32,
    save_at: Option<Instant>,
}

enum FollowWake {
    Stop,
    Hint(Option<Hint>),
    Touched,
    Due,
    Save,
}

impl FollowTask {
    async fn run(mut self) {
        self.next_full = Instant::now() + self.pace.full_check;
        self.next_look = Instant::now() + self.between();
        let scope = self.scope.clone();
        loop {
            match self.wake().await {
                FollowWake::Stop => break,
                FollowWake::Save => self.save().await,
                FollowWake::Hint(None) => self.hints = None,
                FollowWake::Hint(Some(hint)) => {
                    let since = Instant::now();
                    tokio::select! {
                        () = scope.cancelled() => break,
                        () = self.hinted(hint, since) => {}
                    }
                }
                woken @ (FollowWake::Touched | FollowWake::Due) => {
                    if matches!(woken, FollowWake::Touched) {
                        self.is_active();
                    }
                    let since = Instant::now();
                    tokio::select! {
                        () = scope.cancelled() => break,
                        () = self.check_visibility(since) => {}
                    }
                }
            }
        }
        self.save().await;
    }

    async fn wake(&mut self) -> FollowWake {
        let hint = async {
            match &mut self.hints {
                Some(hints) => hints.recv().await,
                None => pending().await,
            }
        };
        let save = async {
            match self.save_at {
                Some(at) => sleep_until(at).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.scope.cancelled() => FollowWake::Stop,
            hint = hint => FollowWake::Hint(hint),
            () = self.touched.notified() => FollowWake::Touched,
            () = sleep_until(self.next_look.min(self.next_full)) => FollowWake::Due,
            () = save => FollowWake::Save,
        }
    }

    /// One save of an editor is many rows, and many hints.
    async fn hinted(&mut self, first: Hint, since: Instant) {
        self.take(first);
        if first == Hint::Lost {
            return;
        }
        let longest = since + LONGEST_BURST;
        while let Some(hints) = &mut self.hints {
            let quiet = longest.min(Instant::now() + self.pace.debounce);
            tokio::select! {
                hint = hints.recv() => match hint {
                    Some(hint) => self.take(hint),
                    None => self.hints = None,
                },
                () = sleep_until(quiet) => break,
            }
            if Instant::now() >= longest {
                break;
            }
        }
        self.check_visibility(since).await;
    }

    fn take(&mut self, hint: Hint) {
        match hint {
            Hint::Changed => {}
            // What happened before was not told.
            Hint::Live => {
                self.is_full_due = true;
                self.status_tx.send_modify(|status| status.is_live = true);
            }
            Hint::Lost => {
                self.status_tx.send_modify(|status| status.is_live = false);
                self.is_active();
                self.next_look = self.next_look.min(Instant::now() + self.between());
            }
        }
    }

    async fn check_visibility(&mut self, since: Instant) {
        self.is_full_due |= Instant::now() >= self.next_full;
        let is_full = self.is_full_due;
        let result = if is_full {
            match self.puller.doubt().await {
                Ok(()) => self.puller.full().await,
                Err(error) => Err(error),
            }
        } else {
            self.puller.quick().await
        };
        match result {
            Ok(pulled) => self.went_well(pulled, is_full, since),
            Err(error) => self.went_wrong(&error),
        }
    }

    fn went_well(&mut self, pulled: PullOutcome, is_full: bool, since: Instant) {
        let now = Instant::now();
        let compares = is_full || self.puller.shape().revisions.is_none();
        if compares {
            self.is_full_due = false;
            self.next_full = now + self.pace.full_check;
        }
        let has_changed = !pulled.written.is_empty() || !pulled.deleted.is_empty();
        if has_changed {
            self.is_active();
            self.save_at = Some(now + SAVE_AFTER);
        }
        self.again = if pulled.unsettled == 0 {
            0
        } else {
            self.again + 1
        };
        let is_stuck = self.again > MOST_AGAIN;
        self.next_look = if pulled.unsettled == 0 || is_stuck {
            now + self.between()
        } else {
            now + self.pace.debounce
        };
        let left_out = SupabaseError::Incomplete {
            rows: pulled.unsettled,
        };
        let cursor = self.puller.cursor();
        self.status_tx.send_modify(|status| {
            let at = Timestamp::now();
            status.cursor = cursor;
            status.files = pulled.files;
            status.refused = pulled.refused;
            status.last_look = Some(at);
            if compares {
                status.last_full_check = Some(at);
            }
            if has_changed {
                status.last_change = Some(at);
                status.lag = Some(since.elapsed());
            }
            status.looks += 1;
            status.failures = 0;
            status.problem = is_stuck.then(|| left_out.problem());
        });
    }

    fn went_wrong(&mut self, error: &SupabaseError) {
        let failures = self.status_tx.borrow().failures + 1;
        let effort = self.puller.options().effort;
        let doubled = effort.first_wait * 2_u32.saturating_pow(failures.min(16));
        let asked = match error {
            SupabaseError::RateLimited { after } => *after,
            _ => None,
        };
        let wait = asked.unwrap_or_else(|| jittered(doubled));
        self.next_look = Instant::now() + wait.min(effort.longest_wait);
        // It would be due at once, again and again.
        self.is_full_due |= Instant::now() >= self.next_full;
        self.next_full = self.next_full.max(self.next_look);
        self.status_tx.send_modify(|status| {
            status.failures = failures;
            status.problem = Some(error.problem());
        });
    }

    fn is_active(&mut self) {
        self.active_until = Instant::now() + ACTIVE;
    }

    /// Until the next look that nothing asked for.
    fn between(&self) -> Duration {
        let is_told = self.status_tx.borrow().is_live;
        let is_costly = self.puller.shape().is_blind();
        let is_active = Instant::now() < self.active_until;
        if is_active && !is_told && !is_costly {
            self.pace.poll
        } else {
            self.pace.idle_poll
        }
    }

    async fn save(&mut self) {
        self.save_at = None;
        // The next start will fetch more, and that is all.
        if let Err(error) = self.puller.save().await {
            tracing::debug!(%error, "the index of a mirror was not written");
        }
    }
}
