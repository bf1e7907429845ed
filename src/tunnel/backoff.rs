//! How long to wait before the next attempt.

use std::time::Duration;

use tokio::time::Instant;

use crate::task::between_half_and_all;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(1);
/// After this long in good health, the next failure is a first one again.
const HEALTHY: Duration = Duration::from_mins(5);

/// Doubles from one attempt to the next, with jitter, so that a host's tunnels do not come back
/// all at once.
pub struct Backoff {
    next: Duration,
    up_since: Option<Instant>,
}

impl Backoff {
    pub fn new() -> Self {
        Self {
            next: FIRST,
            up_since: None,
        }
    }

    pub fn is_up(&mut self) {
        self.up_since.get_or_insert_with(Instant::now);
    }

    /// What to wait now. `chance` is anywhere from 0 to 1.
    pub fn wait(&mut self, chance: f64) -> Duration {
        if self
            .up_since
            .take()
            .is_some_and(|since| since.elapsed() >= HEALTHY)
        {
            self.next = FIRST;
        }
        let wait = between_half_and_all(self.next, chance);
        self.next = (self.next * 2).min(LONGEST);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_doubles_up_to_a_minute_and_starts_over_when_healthy() {
        let mut backoff = Backoff::new();
        let waits: Vec<u64> = (0..8).map(|_| backoff.wait(1.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        backoff.is_up();
        tokio::time::advance(HEALTHY / 2).await;
        assert_eq!(backoff.wait(1.0), LONGEST, "not healthy for long enough");
        backoff.is_up();
        tokio::time::advance(HEALTHY).await;
        assert_eq!(backoff.wait(1.0), FIRST);
    }

    #[test]
    fn jitter_takes_at_most_half() {
        assert_eq!(Backoff::new().wait(0.0), FIRST / 2);
        assert_eq!(Backoff::new().wait(7.0), FIRST);
    }
}
