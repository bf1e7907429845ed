//! `jittered`: a wait that is not the same for everybody, so that those who failed together do not come
//! back together.

use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

/// Between half of the wait and all of it.
pub fn jittered(wait: Duration) -> Duration {
    between_half_and_all(wait, chance())
}

/// Anywhere from 0 to 1.
pub fn chance() -> f64 {
    let random = RandomState::new().hash_one(0_u8) >> 40;
    f64::from(u32::try_from(random).unwrap_or(0)) / f64::from(1_u32 << 24)
}

/// For callers whose tests choose the `chance`, which is from 0 to 1.
pub fn between_half_and_all(wait: Duration, chance: f64) -> Duration {
    wait.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_at_least_half_of_what_it_may_be() {
        const WAIT: Duration = Duration::from_secs(8);
        let at = |chance| between_half_and_all(WAIT, chance);
        assert_eq!(at(0.0), WAIT / 2);
        assert_eq!(at(1.0), WAIT);
        assert_eq!(at(7.0), WAIT);
        let waits: Vec<Duration> = (0..64).map(|_| jittered(WAIT)).collect();
        assert!(waits.iter().all(|wait| (WAIT / 2..=WAIT).contains(wait)));
        assert!(waits.iter().any(|wait| *wait != waits[0]), "{waits:?}");
    }
}
