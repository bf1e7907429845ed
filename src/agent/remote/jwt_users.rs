//! The keys that users' JWTs are checked by: a shared secret, or a key set that is fetched and kept.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use parking_lot::Mutex;
use tokio::time::Instant;
use url::Url;

use crate::security::{JwtAlg, JwtError, JwtKeys, JwtRules, Subject};

/// Between two fetches, however many tokens name keys we do not have.
const FLOOR: Duration = Duration::from_secs(30);
/// After so long a set is fetched anew, so that a withdrawn key does not stay.
const FRESH: Duration = Duration::from_mins(10);
/// Longer than this no set is believed without a newer answer.
const LONGEST: Duration = Duration::from_hours(24);
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// Of a key set, bytes.
const MOST: usize = 256 << 10;

/// Users of one Supabase project.
pub struct JwtUsers {
    rules: JwtRules,
    keys: JwtKeySource,
}

enum JwtKeySource {
    Secret(JwtKeys),
    Set(Box<KeySet>),
}

struct KeySet {
    url: Url,
    http: reqwest::Client,
    alg: JwtAlg,
    cached: Mutex<CachedKeys>,
    /// One fetch at a time.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct CachedKeys {
    keys: Arc<JwtKeys>,
    fetched: Option<Instant>,
    tried: Option<Instant>,
}

impl JwtUsers {
    pub fn by_secret(rules: JwtRules, keys: JwtKeys) -> Self {
        Self {
            rules,
            keys: JwtKeySource::Secret(keys),
        }
    }

    pub fn by_set(rules: JwtRules, url: Url, http: reqwest::Client) -> Self {
        let set = KeySet {
            url,
            http,
            alg: rules.alg,
            cached: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
        };
        Self {
            rules,
            keys: JwtKeySource::Set(Box::new(set)),
        }
    }

    pub async fn check(&self, token: &str) -> Result<Subject, JwtError> {
        match &self.keys {
            JwtKeySource::Secret(keys) => self.rules.check(token, keys),
            JwtKeySource::Set(set) => match self.rules.check(token, &*set.fresh_keys().await) {
                Err(JwtError::UnknownKey) => {
                    set.fetch_again().await;
                    self.rules.check(token, &set.cached().0)
                }
                other => other,
            },
        }
    }
}

impl KeySet {
    fn cached(&self) -> (Arc<JwtKeys>, Option<Duration>) {
        let cached = self.cached.lock();
        (cached.keys.clone(), cached.fetched.map(|at| at.elapsed()))
    }

    /// Keys that are not too old.
    async fn fresh_keys(&self) -> Arc<JwtKeys> {
        let (keys, age) = self.cached();
        if age.is_some_and(|age| age < FRESH) {
            return keys;
        }
        self.fetch_again().await;
        let (keys, age) = self.cached();
        if age.is_some_and(|age| age < LONGEST) {
            keys
        } else {
            Arc::default()
        }
    }

    /// At most once in a while; whoever comes meanwhile waits for the one that goes on.
    async fn fetch_again(&self) {
        let _alone = self.fetching.lock().await;
        {
            let mut cached = self.cached.lock();
            if cached.tried.is_some_and(|at| at.elapsed() < FLOOR) {
                return;
            }
            cached.tried = Some(Instant::now());
        }
        let Ok(Some(keys)) = tokio::time::timeout(FETCH_TIMEOUT, self.fetch()).await else {
            tracing::warn!(url = %self.url, "the key set cannot be fetched");
            return;
        };
        let mut cached = self.cached.lock();
        cached.keys = Arc::new(keys);
        cached.fetched = Some(Instant::now());
    }

    async fn fetch(&self) -> Option<JwtKeys> {
        let response = self.http.get(self.url.clone()).send().await.ok()?;
        if !response.status().is_success() {
            return None;
        }
        let mut body = Vec::new();
        let mut pieces = response.bytes_stream();
        while let Some(piece) = pieces.next().await {
            body.extend_from_slice(&piece.ok()?);
            if body.len() > MOST {
                return None;
            }
        }
        // An empty set would lock everybody out on a server's slip.
        JwtKeys::read(&body, self.alg)
            .ok()
            .filter(|keys| !keys.is_empty())
    }
}
