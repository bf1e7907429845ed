//! `Session`: a user signed in at a project, and the tokens that prove it.
//!
//! A refresh token is good for one use. Its successor is kept before the access token that came
//! with it is handed out, so that no crash leaves us with a used one only; and one task renews
//! while the others wait, for two would spend the same token.

mod auth;
pub(super) mod tenant_tokens;
pub(super) mod token_source;
mod vault;

use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::{ApiKey, Endpoint, SupabaseError, Tokens};
use crate::{
    model::{Problem, Secret, UserSession},
    task::Scope,
};
use auth::{Auth, AuthRefusal, ends_the_session, now};

pub use vault::Vault;

/// Between attempts to renew a token that has ended.
const AGAIN: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];
/// After an attempt to renew one that has not, in seconds.
const REST: i64 = 10;

/// Cheap to clone; all clones are one session.
#[derive(Clone)]
pub struct Session(Arc<SessionInner>);

struct SessionInner {
    auth: Auth,
    vault: Arc<dyn Vault>,
    scope: Scope,
    state: Arc<Mutex<SessionState>>,
}

#[derive(Clone)]
enum SessionState {
    /// Nobody has signed in.
    Nobody,
    In {
        session: UserSession,
        /// Not before it is may its access token be used.
        is_kept: bool,
    },
    /// Somebody was, and requests made for them may not go on as anybody's.
    Ended { user: String, said: String },
}

/// What became of a session that was to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedOut {
    /// The server knows.
    Revoked,
    /// It was forgotten here only: its refresh token stays good at the server.
    Forgotten { why: SupabaseError },
    /// There was none.
    Nobody,
}

impl Session {
    /// With what was kept when the program last ran. `authorities` is a PEM file of those that are
    /// trusted beside the system's.
    pub async fn open(
        at: &Endpoint,
        key: ApiKey,
        authorities: Option<&Path>,
        vault: Arc<dyn Vault>,
        scope: &Scope,
    ) -> Result<Self, SupabaseError> {
        let url = at.auth().ok_or_else(|| {
            SupabaseError::settings(
                "a PostgREST alone has no users to sign in",
                "set SUPABASE_URL, or `supabase.url` in the settings",
            )
        })?;
        let inner = SessionInner {
            auth: Auth::new(url, key, authorities)?,
            vault,
            scope: scope.child(),
            state: Arc::new(Mutex::new(SessionState::Nobody)),
        };
        let stored = inner
            .with_vault({
                let url = inner.auth.url().to_owned();
                move |vault| vault.load(&url)
            })
            .await?;
        if let Some(session) = stored {
            *inner.state.lock().await = SessionState::In {
                session,
                is_kept: true,
            };
        }
        Ok(Self(Arc::new(inner)))
    }

    /// Who is signed in.
    pub async fn user(&self) -> Option<String> {
        match &*self.0.state.lock().await {
            SessionState::In { session, .. } => Some(session.user.clone()),
            SessionState::Nobody | SessionState::Ended { .. } => None,
        }
    }

    /// In place of whoever was. Says who it is.
    pub async fn sign_in(&self, email: &str, password: &Secret) -> Result<String, SupabaseError> {
        let (email, password) = (email.trim().to_owned(), password.clone());
        self.to_the_end(|inner, mut state| async move {
            let granted = inner.auth.password(&email, &password).await;
            let session = granted.map_err(not_let_in)?;
            let user = session.user.clone();
            inner.store_session(&mut state, session).await?;
            Ok(user)
        })
        .await
    }

    /// Tell the server, and forget it here whatever the server says.
    pub async fn sign_out(&self) -> Result<SignedOut, SupabaseError> {
        self.to_the_end(|inner, mut state| async move {
            let outcome = match &*state {
                SessionState::Nobody | SessionState::Ended { .. } => SignedOut::Nobody,
                SessionState::In { session, .. } => inner.revoke(session.clone()).await,
            };
            let url = inner.auth.url().to_owned();
            inner.with_vault(move |vault| vault.remove(&url)).await?;
            if let SessionState::In { session, .. } = &*state {
                *state = SessionState::Ended {
                    user: session.user.clone(),
                    said: "signed out".to_owned(),
                };
            }
            Ok(outcome)
        })
        .await
    }

    /// Run what may not stop half-way, such as between the answer with a new token and its being
    /// kept, in a task of its own: whoever waits for it may be dropped.
    async fn to_the_end<T, F, W>(&self, work: W) -> Result<T, SupabaseError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, SupabaseError>> + Send + 'static,
        W: FnOnce(Arc<SessionInner>, OwnedMutexGuard<SessionState>) -> F,
    {
        let state = Arc::clone(&self.0.state).lock_owned().await;
        if self.0.scope.is_cancelled() {
            return Err(SupabaseError::Stopped);
        }
        let work = self.0.scope.spawn(work(Arc::clone(&self.0), state));
        work.await.map_err(|_| SupabaseError::Stopped)?
    }
}

#[async_trait]
impl Tokens for Session {
    async fn token(&self) -> Result<Option<Secret>, SupabaseError> {
        match &*self.0.state.lock().await {
            SessionState::Nobody => return Ok(None),
            SessionState::In {
                session,
                is_kept: true,
            } if now() < session.renew_at => return Ok(Some(session.access_token.clone())),
            SessionState::In { .. } | SessionState::Ended { .. } => {}
        }
        self.to_the_end(|inner, mut state| async move { inner.current(&mut state).await })
            .await
    }

    async fn refresh(&self, stale: &Secret) -> Result<Option<Secret>, SupabaseError> {
        let stale = stale.clone();
        self.to_the_end(|inner, mut state| async move {
            if let SessionState::In { session, .. } = &mut *state
                && session.access_token == stale
            {
                // Whatever the clock of this host says.
                session.renew_at = i64::MIN;
                session.expires_at = i64::MIN;
            }
            inner.current(&mut state).await
        })
        .await
    }
}

impl SessionInner {
    /// A token that is good for a while, renewed if that is what it takes.
    async fn current(&self, state: &mut SessionState) -> Result<Option<Secret>, SupabaseError> {
        let (session, is_kept) = match &*state {
            SessionState::Nobody => return Ok(None),
            SessionState::Ended { user, said } => {
                let (user, said) = (user.clone(), said.clone());
                return Err(SupabaseError::SessionEnded { user, said });
            }
            SessionState::In { session, is_kept } => (session.clone(), *is_kept),
        };
        // Another task may have renewed it while this one waited.
        if now() < session.renew_at {
            if !is_kept {
                self.store_session(state, session.clone()).await?;
            }
            return Ok(Some(session.access_token));
        }
        let has_ended = now() >= session.expires_at;
        let renewed = match self.renew(&session, has_ended).await {
            Ok(renewed) => renewed,
            Err(AuthRefusal::Grant { code, said }) if ends_the_session(&code) => {
                let user = session.user;
                *state = SessionState::Ended {
                    user: user.clone(),
                    said: said.clone(),
                };
                return Err(SupabaseError::SessionEnded { user, said });
            }
            Err(_) if !has_ended && is_kept => {
                tracing::debug!("a session cannot be renewed yet");
                if let SessionState::In { session, .. } = state {
                    session.renew_at = now() + REST;
                }
                return Ok(Some(session.access_token));
            }
            Err(AuthRefusal::Grant { code, said }) => {
                let said = format!("{said} ({code})");
                return Err(SupabaseError::Unexpected { status: 400, said });
            }
            Err(AuthRefusal::Other(error)) => return Err(error),
        };
        let token = renewed.access_token.clone();
        self.store_session(state, renewed).await?;
        Ok(Some(token))
    }

    async fn renew(
        &self,
        session: &UserSession,
        has_ended: bool,
    ) -> Result<UserSession, AuthRefusal> {
        let mut waits = AGAIN.iter();
        loop {
            let refused = match self.auth.refresh(session).await {
                Err(AuthRefusal::Other(error)) if has_ended && error.is_transient() => error,
                result => return result,
            };
            let Some(wait) = waits.next() else {
                return Err(AuthRefusal::Other(refused));
            };
            let token = self.scope.token();
            tokio::select! {
                () = token.cancelled() => return Err(AuthRefusal::Other(SupabaseError::Stopped)),
                () = tokio::time::sleep(*wait) => {}
            }
        }
    }

    /// On the disk first. If that fails the tokens are held, for what is on the disk is used up.
    async fn store_session(
        &self,
        state: &mut SessionState,
        session: UserSession,
    ) -> Result<(), SupabaseError> {
        *state = SessionState::In {
            session: session.clone(),
            is_kept: false,
        };
        self.with_vault(move |vault| vault.save(&session)).await?;
        if let SessionState::In { is_kept, .. } = state {
            *is_kept = true;
        }
        Ok(())
    }

    async fn revoke(&self, mut session: UserSession) -> SignedOut {
        if now() >= session.renew_at {
            session = match self.auth.refresh(&session).await {
                Ok(renewed) => renewed,
                Err(refused) => return after_refusal(refused),
            };
        }
        match self.auth.logout(&session.access_token).await {
            Ok(()) => SignedOut::Revoked,
            Err(refused) => after_refusal(refused),
        }
    }

    async fn with_vault<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Vault) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, SupabaseError> {
        let vault = Arc::clone(&self.vault);
        let done = self.scope.spawn_blocking(move || work(&*vault)).await;
        done.map_err(|_| SupabaseError::Stopped)?
            .map_err(|problem| SupabaseError::SessionNotKept { problem })
    }
}

fn not_let_in(refused: AuthRefusal) -> SupabaseError {
    let (code, said) = match refused {
        AuthRefusal::Grant { code, said } => (code, said),
        AuthRefusal::Other(error) => return error,
    };
    let hint = match code.as_str() {
        "invalid_credentials" | "invalid_grant" => "check the e-mail address and the password",
        "email_not_confirmed" => "follow the link in the e-mail that the project sent first",
        "captcha_failed" => {
            "the project wants a captcha, which no terminal can show: set \
                             SUPABASE_USER_TOKEN instead"
        }
        "email_provider_disabled" => "the project takes no passwords: set SUPABASE_USER_TOKEN",
        _ => "see the settings of the project's authentication",
    };
    SupabaseError::Credential {
        said: format!("{said} ({code})"),
        hint: hint.to_owned(),
    }
}

fn after_refusal(refused: AuthRefusal) -> SignedOut {
    match refused {
        // It had ended there already.
        AuthRefusal::Grant { code, .. } if ends_the_session(&code) => SignedOut::Revoked,
        AuthRefusal::Grant { code, said } => SignedOut::Forgotten {
            why: SupabaseError::Unexpected {
                status: 400,
                said: format!("{said} ({code})"),
            },
        },
        AuthRefusal::Other(why) => SignedOut::Forgotten { why },
    }
}
