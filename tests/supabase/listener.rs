//! Our Realtime client, the tokens it is given, and what was heard and logged.

use std::{
    io,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use codemate_preview::{
    model::Secret,
    source::supabase::{
        ApiKey, Endpoint, Hint, SupabaseError, Tokens,
        realtime::{Pace, Realtime, RealtimeFeed, RealtimeState, Subscription},
    },
    task::Scope,
};
use tokio::time::timeout;

use crate::{phoenix::Phoenix, wire::a_token, world::PATIENCE};

pub const PROJECT: &str = "aaaaaaaa-0000-0000-0000-000000000001";
pub const KEY: &str = "sb_publishable_7Qk2xW9mPz";

/// Tokens by hand.
pub struct Purse {
    now: Mutex<Option<Secret>>,
    /// What a refresh gives: `None` ends the session.
    next: Mutex<Option<Secret>>,
    pub refreshed: Mutex<Vec<Secret>>,
}

impl Purse {
    pub fn new(token: &str) -> Arc<Self> {
        Arc::new(Self {
            now: Mutex::new(Some(Secret::new(token))),
            next: Mutex::new(None),
            refreshed: Mutex::default(),
        })
    }

    pub fn put(&self, token: &str) {
        *self.now.lock().unwrap() = Some(Secret::new(token));
    }

    pub fn will_give(&self, token: &str) {
        *self.next.lock().unwrap() = Some(Secret::new(token));
    }
}

#[async_trait]
impl Tokens for Purse {
    async fn token(&self) -> Result<Option<Secret>, SupabaseError> {
        Ok(self.now.lock().unwrap().clone())
    }

    async fn refresh(&self, stale: &Secret) -> Result<Option<Secret>, SupabaseError> {
        self.refreshed.lock().unwrap().push(stale.clone());
        let Some(next) = self.next.lock().unwrap().clone() else {
            return Err(SupabaseError::SessionEnded {
                user: "a@example.com".to_owned(),
                said: "Already Used".to_owned(),
            });
        };
        *self.now.lock().unwrap() = Some(next.clone());
        Ok(Some(next))
    }
}

/// A test's patience; what is not expected to run out is left long.
pub fn hasty() -> Pace {
    Pace {
        heartbeat: Duration::from_millis(50),
        answer: PATIENCE,
        waits: vec![Duration::from_millis(20)],
        rarely: PATIENCE,
        ..Pace::default()
    }
}

pub fn start(
    phoenix: &Phoenix,
    tokens: Arc<dyn Tokens>,
    pace: Pace,
    scope: &Scope,
) -> RealtimeFeed {
    logged();
    let at = Endpoint::new(Some(&phoenix.url()), None).unwrap();
    let what = Subscription {
        project: PROJECT.to_owned(),
        schema: "public".to_owned(),
        table: "project_files".to_owned(),
        column: Some("project_id".to_owned()),
    };
    Realtime::new(&at, ApiKey::new(KEY), tokens, what)
        .unwrap()
        .pace(pace)
        .start(scope)
}

pub async fn hint(listening: &mut RealtimeFeed) -> Hint {
    let hint = timeout(PATIENCE, listening.hints.recv()).await;
    hint.expect("a hint in time").expect("it runs on")
}

pub async fn state(listening: &mut RealtimeFeed, is_it: impl FnMut(&RealtimeState) -> bool) {
    let found = timeout(PATIENCE, listening.state.wait_for(is_it)).await;
    found.expect("that state in time").unwrap();
}

/// Joined and confirmed, with a token that is good for a while.
pub async fn live(scope: &Scope, pace: Pace) -> (Phoenix, RealtimeFeed, Arc<Purse>) {
    let phoenix = Phoenix::start(scope).await;
    let purse = Purse::new(&a_token("first", 600));
    let mut listening = start(&phoenix, purse.clone(), pace, scope);
    assert_eq!(hint(&mut listening).await, Hint::Live);
    (phoenix, listening, purse)
}

/// What all tests of this program logged.
pub fn logged() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Log::default();
        let writer = log.clone();
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_writer(move || writer.clone())
            .init();
        log
    })
}

#[derive(Clone, Default)]
pub struct Log(pub Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
