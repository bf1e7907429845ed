//! Sessions as they are kept by the agent, in a store that can be made to fail.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use codemate_preview::{
    model::{Code, Problem, Secret, UserSession},
    source::supabase::{
        ApiKey, Endpoint, Tokens as _,
        session::{Session, Vault},
    },
    store::Store,
    task::Scope,
};
use tempfile::TempDir;

use crate::{
    lite::{Lite, PASSWORD, PUBLISHABLE},
    world::until,
};

/// The store, as the agent would give it, that can be made to fail.
pub struct Kept {
    store: Store,
    pub fails: AtomicBool,
    pub saved: Mutex<Vec<UserSession>>,
    _dir: TempDir,
}

impl Kept {
    pub fn new() -> Arc<Self> {
        let dir = tempfile::tempdir().unwrap();
        Arc::new(Self {
            store: Store::open(dir.path().join("store")).unwrap(),
            fails: AtomicBool::new(false),
            saved: Mutex::default(),
            _dir: dir,
        })
    }

    pub fn saves(&self) -> usize {
        self.saved.lock().unwrap().len()
    }

    pub fn now(&self, lite: &Lite) -> Option<UserSession> {
        self.load(lite.endpoint().auth().unwrap().as_str()).unwrap()
    }
}

impl Vault for Kept {
    fn load(&self, url: &str) -> Result<Option<UserSession>, Problem> {
        self.store
            .user_session(url)
            .map_err(|error| error.problem())
    }

    fn save(&self, session: &UserSession) -> Result<(), Problem> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(Problem::new(Code::Agent, "the disk is full").retryable());
        }
        let saved = self.store.save_user_session(session);
        saved.map_err(|error| error.problem())?;
        self.saved.lock().unwrap().push(session.clone());
        Ok(())
    }

    fn remove(&self, url: &str) -> Result<(), Problem> {
        let removed = self.store.remove_user_session(url);
        removed.map_err(|error| error.problem())
    }
}

pub async fn open(lite: &Lite, kept: &Arc<Kept>, scope: &Scope) -> Session {
    open_at(&lite.endpoint(), kept, scope).await
}

pub async fn open_at(at: &Endpoint, kept: &Arc<Kept>, scope: &Scope) -> Session {
    let key = ApiKey::new(PUBLISHABLE);
    let vault = Arc::clone(kept) as Arc<dyn Vault>;
    Session::open(at, key, None, vault, scope).await.unwrap()
}

/// The same session, kept where nobody answers.
pub async fn gone(mut held: UserSession, scope: &Scope) -> (Session, Arc<Kept>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let at = Endpoint::new(Some(&url), None).unwrap();
    held.url = at.auth().unwrap().to_string();
    let kept = Kept::new();
    kept.save(&held).unwrap();
    (open_at(&at, &kept, scope).await, kept)
}

/// With the access token it has.
pub async fn signed_in(lite: &Lite, email: &str, scope: &Scope) -> (Session, Arc<Kept>, Secret) {
    lite.sign_up(email).await;
    let kept = Kept::new();
    let session = open(lite, &kept, scope).await;
    let password = Secret::new(PASSWORD);
    assert_eq!(session.sign_in(email, &password).await.unwrap(), email);
    let token = session.token().await.unwrap().unwrap();
    // Tokens of one user made in the same second are the same text.
    let made = jiff::Timestamp::now().as_second();
    until("the next second", || {
        (jiff::Timestamp::now().as_second() > made).then_some(())
    });
    (session, kept, token)
}
