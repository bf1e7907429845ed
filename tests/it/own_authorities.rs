//! The user's own authorities (`ca_bundle`) are trusted by every way to Supabase: its table, its users,
//! its Realtime. A server here has a certificate that no system trusts.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use codemate_preview::{
    config::{CredentialRegistry, SupabaseSettings},
    model::Secret,
    source::supabase::{
        ApiKey, Endpoint, SupabaseError, SupabaseSessions, Tokens,
        realtime::{Realtime, RealtimeError, RealtimeState, Subscription},
    },
    task::Scope,
};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    time::timeout,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig, crypto,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

use crate::help::no_vault::NoVault;

const PATIENCE: Duration = Duration::from_secs(20);

struct NoTokens;

#[async_trait]
impl Tokens for NoTokens {
    async fn token(&self) -> Result<Option<Secret>, SupabaseError> {
        Ok(None)
    }

    async fn refresh(&self, _stale: &Secret) -> Result<Option<Secret>, SupabaseError> {
        Ok(None)
    }
}

/// Answers every request with 418, so that an answer can only be its own.
struct Teapot {
    at: SocketAddr,
    ca: PathBuf,
    _dir: tempfile::TempDir,
}

impl Teapot {
    async fn start(scope: &Scope) -> Self {
        let names = vec!["127.0.0.1".to_owned()];
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let ca = dir.path().join("ca.pem");
        std::fs::write(&ca, cert.pem()).unwrap();
        let key = signing_key.serialize_pem();
        let config =
            ServerConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(
                    vec![CertificateDer::from_pem_file(&ca).unwrap()],
                    PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
                )
                .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let (acceptor, token) = (TlsAcceptor::from(Arc::new(config)), scope.token());
        scope.spawn(async move {
            while let Some(Ok((stream, _))) = token.run_until_cancelled(listener.accept()).await {
                // A client that does not trust it ends the handshake.
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let mut asked = [0; 4096];
                if stream.read(&mut asked).await.is_ok() {
                    let answer = "HTTP/1.1 418 I'm a teapot\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                    let _ = stream.write_all(answer.as_bytes()).await;
                    let _ = stream.shutdown().await;
                }
            }
        });
        Self { at, ca, _dir: dir }
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::new(Some(&format!("https://{}", self.at)), None).unwrap()
    }
}

async fn sign_in(teapot: &Teapot, trusted: Option<PathBuf>, scope: &Scope) -> SupabaseError {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    std::fs::write(&key, "sb_publishable_x").unwrap();
    let settings = SupabaseSettings {
        url: Some(format!("https://{}", teapot.at)),
        key_file: Some(key),
        ..SupabaseSettings::default()
    };
    let known = CredentialRegistry::default();
    let sessions =
        SupabaseSessions::new(settings, known, Arc::new(NoVault), scope).with_authorities(trusted);
    let password = Secret::new("x");
    let signed_in = sessions.sign_in("ann@example.com", &password);
    timeout(PATIENCE, signed_in).await.unwrap().unwrap_err()
}

async fn realtime(teapot: &Teapot, trusted: Option<PathBuf>, scope: &Scope) -> RealtimeError {
    let what = Subscription {
        project: "p1".to_owned(),
        schema: "public".to_owned(),
        table: "project_files".to_owned(),
        column: None,
    };
    let key = ApiKey::new("sb_publishable_x");
    let realtime = Realtime::new(&teapot.endpoint(), key, Arc::new(NoTokens), what).unwrap();
    let mut feed = realtime.trusting(trusted).start(scope);
    let told = feed
        .state
        .wait_for(|state| *state != RealtimeState::Opening);
    let state = timeout(PATIENCE, told).await.unwrap().unwrap().clone();
    match state {
        RealtimeState::Lost(error) | RealtimeState::Unavailable(error) => error,
        other => panic!("{other:?}"),
    }
}

/// What a listing says, by the way that every pull takes.
async fn table(teapot: &Teapot, trusted: Option<&Path>, scope: &Scope) -> SupabaseError {
    let dir = tempfile::tempdir().unwrap();
    let settings = SupabaseSettings {
        rest_url: Some(format!("https://{}", teapot.at)),
        ..SupabaseSettings::default()
    };
    let known = CredentialRegistry::default();
    let sessions = SupabaseSessions::new(settings, known, Arc::new(NoVault), scope)
        .with_authorities(trusted.map(Path::to_owned));
    let connected = sessions.connect("p1", dir.path(), scope);
    match timeout(PATIENCE, connected).await.unwrap() {
        Ok(_) => panic!("a teapot holds no rows"),
        Err(error) => error,
    }
}

fn is_untrusted(error: &SupabaseError) -> bool {
    matches!(error, SupabaseError::Unreachable { why, .. } if why.contains("certificate"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_supabase_trusts_the_users_authorities() {
    let scope = Scope::new();
    let teapot = Teapot::start(&scope).await;
    let trusted = || Some(teapot.ca.clone());

    let error = table(&teapot, Some(&teapot.ca), &scope).await;
    assert!(
        matches!(error, SupabaseError::Unexpected { status: 418, .. }),
        "{error:?}"
    );
    let error = sign_in(&teapot, trusted(), &scope).await;
    assert!(
        matches!(error, SupabaseError::Unexpected { status: 418, .. }),
        "{error:?}"
    );
    let error = realtime(&teapot, trusted(), &scope).await;
    assert!(
        matches!(error, RealtimeError::NoServer { status: 418, .. }),
        "{error:?}"
    );

    // The controls.
    let error = table(&teapot, None, &scope).await;
    assert!(is_untrusted(&error), "{error:?}");
    let error = sign_in(&teapot, None, &scope).await;
    assert!(is_untrusted(&error), "{error:?}");
    let error = realtime(&teapot, None, &scope).await;
    assert!(
        matches!(&error, RealtimeError::Unreachable { why, .. } if why.contains("certificate")),
        "{error:?}"
    );
    assert!(scope.close(PATIENCE).await);
}
