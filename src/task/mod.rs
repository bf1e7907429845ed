//! `Scope`: the token that stops a task and the tracker that waits for it; how every task is spawned.

mod io;
mod jitter;

pub use io::{BoxedIo, Io};
pub use jitter::{between_half_and_all, chance, jittered};

use std::{future::Future, time::Duration};

use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{Instrument as _, Span};

/// A group of tasks that stop together and are waited for together.
///
/// Every endless stream and loop must watch [`Scope::cancelled`], or [`Scope::close`] runs into
/// its deadline.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    token: CancellationToken,
    tracker: TaskTracker,
}

impl Scope {
    pub fn new() -> Self {
        Self::default()
    }

    /// A scope that stops when this one does, or alone.
    #[must_use]
    pub fn child(&self) -> Self {
        Self {
            token: self.token.child_token(),
            tracker: self.tracker.clone(),
        }
    }

    /// What the task logs is in the span of whoever spawns it.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tracker.spawn(task.in_current_span())
    }

    /// Run blocking work on a thread of its own, and have [`Scope::close`] wait for it.
    pub fn spawn_blocking<F, T>(&self, work: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let span = Span::current();
        self.tracker.spawn_blocking(move || span.in_scope(work))
    }

    /// Resolves once the scope is being stopped.
    pub async fn cancelled(&self) {
        self.token.cancelled().await;
    }

    pub fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }

    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Ask every task to stop, without waiting.
    pub fn cancel(&self) {
        self.token.cancel();
    }

    /// Stop every task and wait for them, at most `grace`. Says whether all of them ended.
    pub async fn close(&self, grace: Duration) -> bool {
        self.token.cancel();
        self.tracker.close();
        tokio::time::timeout(grace, self.tracker.wait())
            .await
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn close_waits_for_what_watches_the_token() {
        let scope = Scope::new();
        let inner = scope.child();
        scope.spawn(async move { inner.cancelled().await });
        assert!(scope.close(Duration::from_secs(5)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn close_gives_up_on_what_does_not() {
        let scope = Scope::new();
        scope.spawn(std::future::pending::<()>());
        assert!(!scope.close(Duration::from_secs(5)).await);
    }
}
