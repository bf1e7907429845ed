//! `Activity`: how busy an instance is, and since when it is not.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Counts what visitors have open with one instance. Shared between the gateway, which holds it,
/// and whoever decides when an instance may sleep.
#[derive(Debug)]
pub struct Activity {
    requests: AtomicUsize,
    sockets: AtomicUsize,
    born: Instant,
    /// Milliseconds after `born` at which something last began or ended.
    last: AtomicU64,
    /// Of what is open with the app as it runs now.
    streams: Mutex<CancellationToken>,
}

/// What is open at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Requests whose answer has not ended.
    pub requests: usize,
    /// Upgraded connections, such as `WebSockets`.
    pub sockets: usize,
}

impl Default for Activity {
    fn default() -> Self {
        Self {
            requests: AtomicUsize::new(0),
            sockets: AtomicUsize::new(0),
            born: Instant::now(),
            last: AtomicU64::new(0),
            streams: Mutex::default(),
        }
    }
}

impl Activity {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Count a request until the guard is dropped.
    pub fn begin_request(self: &Arc<Self>) -> ActivityGuard {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.touch();
        ActivityGuard {
            activity: Arc::clone(self),
            socket: false,
        }
    }

    /// The app is about to be asked to stop, and waits for what it has open: event streams, sockets
    /// and answers that do not come are ended. Whoever held one connects again and finds the next
    /// app. Answers that are under way are not touched.
    pub fn end_streams(&self) {
        std::mem::take(&mut *self.streams()).cancel();
    }

    /// Cancelled when the app that runs now is about to be asked to stop.
    pub(in crate::gateway) fn app_stopping(&self) -> CancellationToken {
        self.streams().clone()
    }

    fn streams(&self) -> MutexGuard<'_, CancellationToken> {
        self.streams.lock()
    }

    pub fn load(&self) -> Load {
        Load {
            requests: self.requests.load(Ordering::Relaxed),
            sockets: self.sockets.load(Ordering::Relaxed),
        }
    }

    /// When something last began or ended; the moment of creation if nothing ever did.
    pub fn last(&self) -> Instant {
        self.born + Duration::from_millis(self.last.load(Ordering::Relaxed))
    }

    /// Count this moment as activity.
    pub fn touch(&self) {
        let since = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.fetch_max(since, Ordering::Relaxed);
    }
}

/// One request or socket that is counted.
#[derive(Debug)]
pub struct ActivityGuard {
    activity: Arc<Activity>,
    socket: bool,
}

impl ActivityGuard {
    /// The request became an upgraded connection.
    pub(in crate::gateway) fn into_socket(mut self) -> Self {
        self.activity.sockets.fetch_add(1, Ordering::Relaxed);
        self.activity.requests.fetch_sub(1, Ordering::Relaxed);
        self.socket = true;
        self
    }
}

impl Drop for ActivityGuard {
    fn drop(&mut self) {
        let count = if self.socket {
            &self.activity.sockets
        } else {
            &self.activity.requests
        };
        count.fetch_sub(1, Ordering::Relaxed);
        self.activity.touch();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_request_is_activity_too() {
        let activity = Activity::new();
        let activity_guard = activity.begin_request();
        assert_eq!(
            activity.load(),
            Load {
                requests: 1,
                sockets: 0
            }
        );
        tokio::time::advance(Duration::from_secs(9)).await;
        let activity_guard = activity_guard.into_socket();
        assert_eq!(
            activity.load(),
            Load {
                requests: 0,
                sockets: 1
            }
        );
        drop(activity_guard);
        assert_eq!(
            activity.load(),
            Load {
                requests: 0,
                sockets: 0
            }
        );
        assert_eq!(activity.last(), Instant::now());
    }
}
