//! `Limiter`: when the next quick tunnel may be asked for, for all instances of this host.
//!
//! The service refuses a host for minutes once it has asked too often, and asking again prolongs
//! that. So after a refusal everyone waits, longer each time, and then they go one by one.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::tunnel::TunnelTiming;

pub struct Limiter {
    waits: Vec<Duration>,
    apart: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Refusals in a row.
    refused: usize,
    /// Nobody asks before this.
    next: Option<Instant>,
}

/// Leave to ask once.
pub struct AskPermit {
    refused: usize,
}

impl Limiter {
    pub fn new(timing: &TunnelTiming) -> Self {
        Self {
            waits: timing.held_back.clone(),
            apart: timing.apart,
            state: Mutex::default(),
        }
    }

    /// Leave to ask now, or how long until one may try for it again.
    pub fn ask(&self) -> Result<AskPermit, Duration> {
        let mut state = self.state.lock();
        let now = Instant::now();
        if let Some(wait) = state.next.and_then(|next| next.checked_duration_since(now))
            && !wait.is_zero()
        {
            return Err(wait);
        }
        state.next = (state.refused > 0).then(|| now + self.apart);
        Ok(AskPermit {
            refused: state.refused,
        })
    }

    pub fn granted(&self) {
        *self.state.lock() = State::default();
    }

    /// How long everybody waits now. Several that asked before the same refusal count as one.
    pub fn refused(&self, permit: &AskPermit) -> Duration {
        let mut state = self.state.lock();
        let now = Instant::now();
        if permit.refused == state.refused {
            let wait = self
                .waits
                .get(state.refused)
                .or(self.waits.last())
                .copied()
                .unwrap_or_default();
            state.refused += 1;
            state.next = Some(now + wait);
        }
        state
            .next
            .map(|next| next.saturating_duration_since(now))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(n: u64) -> Duration {
        Duration::from_secs(n * 60)
    }

    #[tokio::test(start_paused = true)]
    async fn everyone_waits_longer_each_time() {
        let limiter = Limiter::new(&TunnelTiming::default());
        for wait in [1, 5, 15, 15] {
            let permit = limiter.ask().ok().unwrap();
            assert_eq!(limiter.refused(&permit), minutes(wait));
            assert_eq!(limiter.ask().err(), Some(minutes(wait)));
            tokio::time::advance(minutes(wait)).await;
        }
        assert!(limiter.ask().is_ok());
        limiter.granted();
        let permit = limiter.ask().ok().unwrap();
        assert_eq!(limiter.refused(&permit), minutes(1), "it starts over");
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_asked_together_are_refused_once() {
        let limiter = Limiter::new(&TunnelTiming::default());
        let (one, other) = (limiter.ask().ok().unwrap(), limiter.ask().ok().unwrap());
        assert_eq!(limiter.refused(&one), minutes(1));
        assert_eq!(limiter.refused(&other), minutes(1));
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_refusal_they_go_one_by_one() {
        let timing = TunnelTiming::default();
        let limiter = Limiter::new(&timing);
        let permit = limiter.ask().ok().unwrap();
        tokio::time::advance(limiter.refused(&permit)).await;
        assert!(limiter.ask().is_ok());
        assert_eq!(limiter.ask().err(), Some(timing.apart));
        limiter.granted();
        assert!(limiter.ask().is_ok() && limiter.ask().is_ok());
    }
}
