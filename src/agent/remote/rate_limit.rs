//! `RateLimit`: how often one caller, or one address, may ask.

use std::{collections::HashMap, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

/// Names remembered at once; those that owe nothing are forgotten first.
const MOST: usize = 4096;

/// A bucket a name: full at first, emptied by asking, filled again within a minute.
#[derive(Debug)]
pub struct RateLimit {
    per_minute: f64,
    buckets: Mutex<HashMap<String, TokenBucket>>,
}

#[derive(Debug, Clone, Copy)]
struct TokenBucket {
    level: f64,
    at: Instant,
}

impl RateLimit {
    pub fn new(per_minute: u32) -> Self {
        Self {
            per_minute: f64::from(per_minute.max(1)),
            buckets: Mutex::default(),
        }
    }

    /// Count one. The error is how long to wait.
    pub fn take(&self, name: &str) -> Result<(), Duration> {
        let now = Instant::now();
        let mut buckets = self.buckets.lock();
        if buckets.len() >= MOST && !buckets.contains_key(name) {
            buckets.retain(|_, bucket| self.level(*bucket, now) < self.per_minute);
            if buckets.len() >= MOST {
                buckets.clear();
            }
        }
        let bucket = buckets.entry(name.to_owned()).or_insert(TokenBucket {
            level: self.per_minute,
            at: now,
        });
        let level = self.level(*bucket, now);
        let is_there = level >= 1.0;
        *bucket = TokenBucket {
            level: if is_there { level - 1.0 } else { level },
            at: now,
        };
        if is_there {
            Ok(())
        } else {
            Err(Duration::from_secs_f64(
                (1.0 - level) * 60.0 / self.per_minute,
            ))
        }
    }

    fn level(&self, bucket: TokenBucket, now: Instant) -> f64 {
        let gained = (now - bucket.at).as_secs_f64() * self.per_minute / 60.0;
        (bucket.level + gained).min(self.per_minute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_name_that_asks_too_often_waits_and_no_other() {
        let rate_limit = RateLimit::new(60);
        for _ in 0..60 {
            rate_limit.take("a").unwrap();
        }
        assert_eq!(rate_limit.take("a"), Err(Duration::from_secs(1)));
        assert_eq!(rate_limit.take("b"), Ok(()));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(rate_limit.take("a"), Ok(()));
        assert!(rate_limit.take("a").is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn many_names_take_no_more_room() {
        let rate_limit = RateLimit::new(1);
        for number in 0..3 * MOST {
            let _ = rate_limit.take(&number.to_string());
        }
        assert!(rate_limit.buckets.lock().len() <= MOST);
    }
}
