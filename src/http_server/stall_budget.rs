//! How long a visitor may keep a transfer waiting.

use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep};

/// Waited for in all before a transfer is given up.
pub(super) const MOST: Duration = Duration::from_mins(1);
/// So many bytes earn a second of it back, so that a drip gains nothing.
const BYTES_A_SECOND: u32 = 500;

/// How long one direction of a transfer may still wait for its visitor. Time in which nothing waits
/// for the visitor is not counted.
pub struct StallBudget {
    remaining: Duration,
    wait: StallTimer,
}

enum StallTimer {
    /// Most transfers never wait, so most never have a timer.
    Never,
    Since(Instant, Pin<Box<Sleep>>),
    Over(Pin<Box<Sleep>>),
}

impl Default for StallBudget {
    fn default() -> Self {
        Self {
            remaining: MOST,
            wait: StallTimer::Never,
        }
    }
}

impl StallBudget {
    /// Ready once there was too much waiting.
    pub fn poll_exhausted(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !matches!(self.wait, StallTimer::Since(..)) {
            let now = Instant::now();
            let until = now + self.remaining;
            let timer = match std::mem::replace(&mut self.wait, StallTimer::Never) {
                StallTimer::Over(mut timer) => {
                    timer.as_mut().reset(until);
                    timer
                }
                StallTimer::Never | StallTimer::Since(..) => {
                    Box::pin(tokio::time::sleep_until(until))
                }
            };
            self.wait = StallTimer::Since(now, timer);
        }
        match &mut self.wait {
            StallTimer::Since(_, timer) => timer.as_mut().poll(cx),
            StallTimer::Never | StallTimer::Over(_) => Poll::Pending,
        }
    }

    /// So many bytes came.
    pub fn credit(&mut self, bytes: usize) {
        match std::mem::replace(&mut self.wait, StallTimer::Never) {
            StallTimer::Never if self.remaining == MOST => return,
            StallTimer::Never => {}
            StallTimer::Since(since, timer) => {
                self.remaining = self.remaining.saturating_sub(since.elapsed());
                self.wait = StallTimer::Over(timer);
            }
            over @ StallTimer::Over(_) => self.wait = over,
        }
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let credited = Duration::from_secs(1) * bytes / BYTES_A_SECOND;
        self.remaining = self.remaining.saturating_add(credited).min(MOST);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    async fn exhausted(budget: &mut StallBudget) {
        poll_fn(|cx| budget.poll_exhausted(cx)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_it() {
        let start = Instant::now();
        exhausted(&mut StallBudget::default()).await;
        assert_eq!(start.elapsed(), MOST);
    }

    #[tokio::test(start_paused = true)]
    async fn a_drip_gains_next_to_nothing() {
        let (mut budget, start) = (StallBudget::default(), Instant::now());
        let second = Duration::from_secs(1);
        while tokio::time::timeout(second, exhausted(&mut budget))
            .await
            .is_err()
        {
            budget.credit(1);
        }
        assert!((MOST..MOST + second).contains(&start.elapsed()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_sends_enough_may_go_on() {
        let mut budget = StallBudget::default();
        for _ in 0..1000 {
            let second = Duration::from_secs(1);
            let waited = tokio::time::timeout(second, exhausted(&mut budget)).await;
            assert!(waited.is_err());
            budget.credit(BYTES_A_SECOND as usize);
        }
        assert_eq!(budget.remaining, MOST);
        // Nobody waits for it now.
        tokio::time::advance(MOST * 3).await;
        let start = Instant::now();
        exhausted(&mut budget).await;
        assert_eq!(start.elapsed(), MOST);
    }
}
