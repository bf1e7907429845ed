//! How often one caller, or one address, may ask; and how many connections an address may hold.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

use parking_lot::{Mutex, MutexGuard};
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
        let mut buckets = self.lock();
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

    fn lock(&self) -> MutexGuard<'_, HashMap<String, TokenBucket>> {
        self.buckets.lock()
    }
}

/// Whom an address stands for: in IPv6 one host has a whole /64.
pub fn ip_prefix(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            Ipv6Addr::from(network).into()
        }
    }
}

/// How many connections each address holds.
#[derive(Debug, Clone)]
pub struct PerIpLimit {
    most: usize,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One of them, until dropped.
#[derive(Debug)]
pub struct PerIpPermit {
    per_ip: PerIpLimit,
    address: IpAddr,
}

impl PerIpLimit {
    pub fn new(most: usize) -> Self {
        Self {
            most,
            taken: Arc::default(),
        }
    }

    pub fn take(&self, address: IpAddr) -> Option<PerIpPermit> {
        let address = ip_prefix(address);
        let mut taken = self.taken.lock();
        let count = taken.entry(address).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(PerIpPermit {
            per_ip: self.clone(),
            address,
        })
    }
}

impl Drop for PerIpPermit {
    fn drop(&mut self) {
        let mut taken = self.per_ip.taken.lock();
        if let Some(count) = taken.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.address);
            }
        }
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
        assert!(rate_limit.lock().len() <= MOST);
    }

    #[test]
    fn an_address_holds_so_many_and_gives_them_back() {
        let per_ip = PerIpLimit::new(2);
        let one: IpAddr = "2001:db8::1".parse().unwrap();
        let same: IpAddr = "2001:db8::ffff".parse().unwrap();
        let other: IpAddr = "2001:db8:0:1::1".parse().unwrap();
        let first = per_ip.take(one).unwrap();
        let _second = per_ip.take(same).unwrap();
        assert!(per_ip.take(one).is_none());
        assert!(per_ip.take(other).is_some());
        drop(first);
        assert!(per_ip.take(one).is_some());
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(ip_prefix(mapped), IpAddr::from([192, 0, 2, 1]));
    }
}
