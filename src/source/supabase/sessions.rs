//! `SupabaseSessions`: the identities we have at Supabase, and connections made with them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::sync::{Mutex as AsyncMutex, mpsc};

use super::{
    FixedToken, Follower, Options, PullOutcome, Puller, Realtime, RealtimeState, Session,
    SignedOut, Subscription, SupabaseCredentials, SupabaseError, TenantToken, TenantTokens, Tokens,
    Vault, realtime::RealtimeFeed,
};
use crate::{
    config::{CredentialRegistry, SupabaseSettings},
    model::Secret,
    task::Scope,
};

/// One a host.
pub struct SupabaseSessions {
    settings: SupabaseSettings,
    credentials: CredentialRegistry,
    vault: Arc<dyn Vault>,
    /// PEM file of authorities trusted beside the system's.
    authorities: Option<PathBuf>,
    /// The one of the project that was last meant, and its URL.
    session: AsyncMutex<Option<(String, Session)>>,
    scope: Scope,
    tenants: TenantTokens,
    /// The tenant whose token is used; `None` for the host's user.
    tenant: Option<Arc<TenantToken>>,
}

/// Who requests are made as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SupabaseIdentity {
    /// A user who signed in.
    User(String),
    /// A token from the settings or the environment.
    Token,
    /// A key that no row-level security binds.
    Service,
    Anyone,
}

impl SupabaseSessions {
    pub fn new(
        settings: SupabaseSettings,
        credentials: CredentialRegistry,
        vault: Arc<dyn Vault>,
        scope: &Scope,
    ) -> Self {
        Self {
            settings,
            credentials,
            vault,
            authorities: None,
            session: AsyncMutex::default(),
            scope: scope.child(),
            tenants: TenantTokens::default(),
            tenant: None,
        }
    }

    /// The same for one tenant of the API, who sees what its own token may see.
    #[must_use]
    pub fn for_tenant(&self, tenant: &str) -> Self {
        Self {
            settings: self.settings.clone(),
            credentials: self.credentials.clone(),
            vault: Arc::clone(&self.vault),
            authorities: self.authorities.clone(),
            session: AsyncMutex::default(),
            scope: self.scope.child(),
            tenants: self.tenants.clone(),
            tenant: Some(self.tenants.token(tenant)),
        }
    }

    /// The tokens of the API's tenants.
    pub fn tenants(&self) -> &TenantTokens {
        &self.tenants
    }

    /// Trust these authorities beside the system's.
    #[must_use]
    pub fn with_authorities(self, authorities: Option<PathBuf>) -> Self {
        Self {
            authorities,
            ..self
        }
    }

    pub async fn options(&self) -> Result<Options, SupabaseError> {
        let settings = self.settings.clone();
        let credentials = SupabaseCredentials::of(&self.credentials.current());
        let resolved = self
            .scope
            .spawn_blocking(move || Options::resolve(&settings, &credentials))
            .await
            .unwrap_or(Err(SupabaseError::Stopped))?;
        let token = resolved.token.clone().filter(|_| self.tenant.is_none());
        Ok(Options {
            authorities: self.authorities.clone(),
            token,
            ..resolved
        })
    }

    pub async fn sign_in(&self, email: &str, password: &Secret) -> Result<String, SupabaseError> {
        let options = self.options().await?;
        self.session(&options).await?.sign_in(email, password).await
    }

    pub async fn sign_out(&self) -> Result<SignedOut, SupabaseError> {
        let options = self.options().await?;
        self.session(&options).await?.sign_out().await
    }

    pub async fn identity(&self, options: &Options) -> Result<SupabaseIdentity, SupabaseError> {
        if options.token.is_some() {
            return Ok(SupabaseIdentity::Token);
        }
        if options.key.as_ref().is_some_and(super::ApiKey::is_service) {
            return Ok(SupabaseIdentity::Service);
        }
        if options.endpoint.auth().is_none() {
            return Ok(SupabaseIdentity::Anyone);
        }
        let user = self.session(options).await?.user().await;
        Ok(user.map_or(SupabaseIdentity::Anyone, SupabaseIdentity::User))
    }

    /// Where requests get their tokens from.
    pub(super) async fn tokens(&self, options: &Options) -> Result<Arc<dyn Tokens>, SupabaseError> {
        if let Some(own) = &self.tenant {
            return Ok(Arc::clone(own) as Arc<dyn Tokens>);
        }
        let is_service = options.key.as_ref().is_some_and(super::ApiKey::is_service);
        if options.token.is_some() || is_service || options.endpoint.auth().is_none() {
            return Ok(Arc::new(FixedToken(options.token.clone())));
        }
        Ok(Arc::new(self.session(options).await?))
    }

    /// The files of a project, in a directory of this host.
    pub async fn connect(
        &self,
        project: &str,
        dir: &Path,
        scope: &Scope,
    ) -> Result<Puller, SupabaseError> {
        let options = self.options().await?;
        let tokens = self.tokens(&options).await?;
        Puller::connect(options, tokens, project, dir, scope).await
    }

    /// Keep a directory in step from now on, told by Realtime where there is any.
    pub async fn follow(
        &self,
        puller: Puller,
        first: &PullOutcome,
        scope: &Scope,
    ) -> Result<Follower, SupabaseError> {
        let hints = match self.listen(&puller, scope).await? {
            Some(listening) => listening.hints,
            None => mpsc::channel(1).1,
        };
        Ok(Follower::start(puller, first, hints, scope))
    }

    async fn listen(
        &self,
        puller: &Puller,
        scope: &Scope,
    ) -> Result<Option<RealtimeFeed>, SupabaseError> {
        let options = puller.options();
        if !options.realtime {
            return Ok(None);
        }
        let what = Subscription {
            project: puller.project().to_owned(),
            schema: options.schema.clone(),
            table: puller.shape().table.clone(),
            column: Some(puller.shape().project.clone()),
        };
        Ok(self
            .realtime(options, what)
            .await?
            .map(|realtime| realtime.start(scope)))
    }

    /// `None` where there is no such server.
    async fn realtime(
        &self,
        options: &Options,
        what: Subscription,
    ) -> Result<Option<Realtime>, SupabaseError> {
        let Some(key) = options.key.clone() else {
            return Ok(None);
        };
        let tokens = self.tokens(options).await?;
        let realtime = Realtime::new(&options.endpoint, key, tokens, what);
        let authorities = options.authorities.clone();
        Ok(realtime.map(|realtime| realtime.trusting(authorities)))
    }

    /// What Realtime says when it is asked to tell of a project; `None` where there is none.
    pub(super) async fn try_realtime(
        &self,
        options: &Options,
        what: Subscription,
    ) -> Result<Option<RealtimeState>, SupabaseError> {
        let Some(realtime) = self.realtime(options, what).await? else {
            return Ok(None);
        };
        let scope = self.scope.child();
        let ends = scope.token().drop_guard();
        let mut listening = realtime.start(&scope);
        let state = listening
            .state
            .wait_for(|state| *state != RealtimeState::Opening)
            .await
            .map(|state| state.clone())
            .ok();
        drop(ends);
        Ok(state)
    }

    async fn session(&self, options: &Options) -> Result<Session, SupabaseError> {
        let key = options.key.clone().ok_or_else(|| {
            SupabaseError::settings(
                "there is no key for the Supabase project",
                "set SUPABASE_KEY to its publishable key",
            )
        })?;
        let url = options.endpoint.auth().map(|url| url.to_string());
        let mut session = self.session.lock().await;
        if let (Some((of, session)), Some(url)) = (&*session, &url)
            && of == url
        {
            return Ok(session.clone());
        }
        let vault = Arc::clone(&self.vault);
        let trust = options.authorities.as_deref();
        let opened = Session::open(&options.endpoint, key, trust, vault, &self.scope).await?;
        if let Some(url) = url {
            *session = Some((url, opened.clone()));
        }
        Ok(opened)
    }
}
