//! How long a visitor may keep a transfer waiting.

use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep};

/// Waited for in all before a transfer is given up.
pub(super) const MOST: Duration = Duration::from_secs(60);
/// So many bytes earn a second of it back, so that a drip gains nothing.
const BYTES_A_SECOND: u32 = 500;

/// The waiting that is left to one direction of one visitor. Time in which the visitor is not
/// waited for costs nothing.
pub(super) struct Allowance {
    left: Duration,
    wait: Wait,
}

enum Wait {
    /// Most transfers never wait, so most never have a timer.
    Never,
    Since(Instant, Pin<Box<Sleep>>),
    Over(Pin<Box<Sleep>>),
}

impl Allowance {
    pub(super) fn new() -> Self {
        Self {
            left: MOST,
            wait: Wait::Never,
        }
    }

    /// Ready once there was too much waiting.
    pub(super) fn poll_used_up(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !matches!(self.wait, Wait::Since(..)) {
            let now = Instant::now();
            let until = now + self.left;
            let alarm = match std::mem::replace(&mut self.wait, Wait::Never) {
                Wait::Over(mut alarm) => {
                    alarm.as_mut().reset(until);
                    alarm
                }
                Wait::Never | Wait::Since(..) => Box::pin(tokio::time::sleep_until(until)),
            };
            self.wait = Wait::Since(now, alarm);
        }
        match &mut self.wait {
            Wait::Since(_, alarm) => alarm.as_mut().poll(cx),
            Wait::Never | Wait::Over(_) => Poll::Pending,
        }
    }

    /// So many bytes came.
    pub(super) fn earn(&mut self, bytes: usize) {
        match std::mem::replace(&mut self.wait, Wait::Never) {
            Wait::Never if self.left == MOST => return,
            Wait::Never => {}
            Wait::Since(since, alarm) => {
                self.left = self.left.saturating_sub(since.elapsed());
                self.wait = Wait::Over(alarm);
            }
            over @ Wait::Over(_) => self.wait = over,
        }
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let earned = Duration::from_secs(1) * bytes / BYTES_A_SECOND;
        self.left = self.left.saturating_add(earned).min(MOST);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    async fn used_up(allowance: &mut Allowance) {
        poll_fn(|cx| allowance.poll_used_up(cx)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_it() {
        let start = Instant::now();
        used_up(&mut Allowance::new()).await;
        assert_eq!(start.elapsed(), MOST);
    }

    #[tokio::test(start_paused = true)]
    async fn a_drip_gains_next_to_nothing() {
        let (mut allowance, start) = (Allowance::new(), Instant::now());
        let second = Duration::from_secs(1);
        while tokio::time::timeout(second, used_up(&mut allowance))
            .await
            .is_err()
        {
            allowance.earn(1);
        }
        assert!((MOST..MOST + second).contains(&start.elapsed()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_sends_enough_may_go_on() {
        let mut allowance = Allowance::new();
        for _ in 0..1000 {
            let second = Duration::from_secs(1);
            let waited = tokio::time::timeout(second, used_up(&mut allowance)).await;
            assert!(waited.is_err());
            allowance.earn(BYTES_A_SECOND as usize);
        }
        assert_eq!(allowance.left, MOST);
        // Nobody waits for it now.
        tokio::time::advance(MOST * 3).await;
        let start = Instant::now();
        used_up(&mut allowance).await;
        assert_eq!(start.elapsed(), MOST);
    }
}
