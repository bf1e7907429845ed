//! `Pace`: how long each thing may take, and what is waited between attempts.

use std::time::Duration;

use tokio::time::Instant;

use crate::task::jittered;

#[derive(Debug, Clone)]
pub struct Pace {
    /// To reach the server, and to have the answer to a join.
    pub opening: Duration,
    /// From that answer to the message that changes are told from now on. Servers take a second
    /// or two, and more while their link to the database is being made.
    pub confirming: Duration,
    /// Between heartbeats. Servers close a socket that is silent for 60 s; their own client sends
    /// one every 25 s.
    pub heartbeat: Duration,
    /// For the answer to one.
    pub answer: Duration,
    /// Between attempts, the last one for ever. The same as of Supabase's own client.
    pub waits: Vec<Duration>,
    /// Between attempts that are not expected to succeed.
    pub rarely: Duration,
    /// Told of changes for so long, the next failure is a first one again.
    pub healthy: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            opening: Duration::from_secs(15),
            confirming: Duration::from_secs(20),
            heartbeat: Duration::from_secs(25),
            answer: Duration::from_secs(10),
            waits: [1, 2, 5, 10].map(Duration::from_secs).to_vec(),
            rarely: Duration::from_mins(5),
            healthy: Duration::from_mins(1),
        }
    }
}

/// Where in its waits an endless series of attempts is.
#[derive(Default)]
pub(super) struct Attempts {
    failed: usize,
}

impl Attempts {
    /// What to wait after a failure. `live` is since when changes were told before it.
    pub(super) fn wait(&mut self, pace: &Pace, live: Option<Instant>) -> Duration {
        if live.is_some_and(|since| since.elapsed() >= pace.healthy) {
            self.failed = 0;
        }
        let last = pace.waits.len().saturating_sub(1);
        let wait = pace.waits.get(self.failed.min(last)).copied();
        self.failed += 1;
        jittered(wait.unwrap_or(Duration::from_secs(10)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waits_grow_and_start_over_only_after_health() {
        let pace = Pace::default();
        let mut attempts = Attempts::default();
        let mut waited = |live| attempts.wait(&pace, live);
        for expected in [1, 2, 5, 10, 10, 10] {
            let (wait, most) = (waited(None), Duration::from_secs(expected));
            assert!(wait >= most / 2 && wait <= most, "{wait:?} of {most:?}");
        }
        let now = Instant::now();
        assert!(waited(Some(now)) >= Duration::from_secs(5), "it flaps");
        tokio::time::advance(pace.healthy).await;
        assert!(waited(Some(now)) <= Duration::from_secs(1));
    }
}
