//! `HashCache`: tokens of files that were not touched since they were read.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::token::ContentToken;
use crate::source::Stamp;

/// A file written to this shortly before it was read may be written to again without its times
/// telling, for clocks of file systems tick slowly.
const SETTLED: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub struct HashCache(HashMap<String, CachedHash>);

#[derive(Debug)]
struct CachedHash {
    stamp: Stamp,
    mode: u32,
    token: ContentToken,
}

impl HashCache {
    pub fn get(&self, path: &str, stamp: &Stamp, mode: u32) -> Option<ContentToken> {
        self.0
            .get(path)
            .filter(|read| read.stamp == *stamp && read.mode == mode)
            .map(|read| read.token)
    }

    pub fn put(&mut self, path: String, stamp: Stamp, mode: u32, token: ContentToken) {
        self.0.insert(path, CachedHash { stamp, mode, token });
    }

    pub fn remove(&mut self, path: &str) {
        self.0.remove(path);
    }

    pub fn keep(&mut self, paths: &HashSet<&str>) {
        self.0.retain(|path, _| paths.contains(path.as_str()));
    }
}

/// Whether the stamp, taken at `now`, would differ after any later write.
pub fn is_settled(stamp: &Stamp, now: SystemTime) -> bool {
    let Ok(now) = now.duration_since(UNIX_EPOCH) else {
        return false;
    };
    let settled = now.saturating_sub(SETTLED).as_nanos();
    i128::try_from(settled).is_ok_and(|settled| stamp.ctime_ns < settled)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp {
        len: 1,
        mtime_ns: 2,
        ctime_ns: 3_000_000_000,
        ino: 4,
    };

    #[test]
    fn any_difference_is_a_miss() {
        let mut cache = HashCache::default();
        cache.put("a".to_owned(), STAMP, 0o644, [7; 32]);
        assert_eq!(cache.get("a", &STAMP, 0o644), Some([7; 32]));
        assert_eq!(cache.get("a", &STAMP, 0o755), None);
        assert_eq!(cache.get("b", &STAMP, 0o644), None);
        for stamp in [
            Stamp { len: 0, ..STAMP },
            Stamp {
                mtime_ns: 0,
                ..STAMP
            },
            Stamp {
                ctime_ns: 0,
                ..STAMP
            },
            Stamp { ino: 0, ..STAMP },
        ] {
            assert_eq!(cache.get("a", &stamp, 0o644), None);
        }
    }

    #[test]
    fn a_fresh_write_is_not_settled() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        assert!(!is_settled(&STAMP, at(3)));
        assert!(!is_settled(&STAMP, at(5)));
        assert!(is_settled(&STAMP, at(6)));
    }
}
