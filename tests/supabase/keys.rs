//! Every kind of key, and what goes into which header.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use codemate_preview::{
    config::SupabaseSettings,
    model::Secret,
    source::supabase::{FixedToken, Options, Puller, SupabaseCredentials, SupabaseError, Tokens},
};

use crate::{
    Test,
    gate::{PUBLISHABLE, SECRET},
    rig::jwt,
    world::{ALICE, PROJECT, World, a_dir, alice, block_on, hasty, nobody},
};

pub const TESTS: &[Test] = &[
    ("every_kind_of_key_is_sent_where_it_belongs", matrix),
    ("an_expired_token_is_renewed_once", renewed),
    ("a_bare_server_takes_a_token_alone", bare),
];

fn with_key(world: &World, key: &str) -> Options {
    let settings = SupabaseSettings {
        service: true,
        ..SupabaseSettings::default()
    };
    let env = SupabaseCredentials {
        url: Some(world.gate.url()),
        key: Some(Secret::new(key)),
        ..SupabaseCredentials::default()
    };
    hasty(Options::resolve(&settings, &env).unwrap())
}

async fn files(world: &World, options: Options, token: FixedToken) -> Result<usize, SupabaseError> {
    let dir = a_dir();
    let mut puller = world
        .connect_as(options, token, PROJECT, dir.path())
        .await?;
    Ok(puller.full().await?.files)
}

fn matrix() {
    block_on(|scope| async move {
        let world = World::ours(&scope, 1000).await;
        world.put("a", "a").await;
        let (anon, service) = (jwt("anon", None, 600), jwt("service_role", None, 600));
        // Key, whether a user is signed in, what comes of it, whether `Authorization` is sent.
        let table = [
            (PUBLISHABLE, false, false, false),
            (PUBLISHABLE, true, true, true),
            (SECRET, false, true, false),
            (anon.as_str(), false, false, true),
            (anon.as_str(), true, true, true),
            (service.as_str(), false, true, true),
            ("sb_publishable_of_another_project", true, false, true),
        ];
        for (key, is_user, sees, sends) in table {
            world.gate.forget();
            let token = if is_user { alice() } else { nobody() };
            let found = files(&world, with_key(&world, key), token).await;
            assert_eq!(found.is_ok(), sees, "{key}: {found:?}");
            for seen in world.gate.seen() {
                assert_eq!(seen.apikey.as_deref(), Some(key));
                assert_eq!(seen.authorization.is_some(), sends, "{key}");
                let bearer = seen.authorization.unwrap_or_default();
                assert!(!bearer.starts_with("Bearer sb_"));
                assert!(seen.user_agent.unwrap().starts_with("codemate-preview/"));
                assert!(!seen.query.contains(key), "no key in a URL");
            }
        }
    });
}

/// Begins with an expired token.
struct Renewing {
    renewed: AtomicUsize,
}

#[async_trait]
impl Tokens for Renewing {
    async fn token(&self) -> Result<Option<Secret>, SupabaseError> {
        let is_good = self.renewed.load(Ordering::SeqCst) > 0;
        let seconds = if is_good { 600 } else { -60 };
        Ok(Some(Secret::new(jwt(
            "authenticated",
            Some(ALICE),
            seconds,
        ))))
    }

    async fn refresh(&self, _stale: &Secret) -> Result<Option<Secret>, SupabaseError> {
        self.renewed.fetch_add(1, Ordering::SeqCst);
        self.token().await
    }
}

fn renewed() {
    block_on(|scope| async move {
        let world = World::ours(&scope, 1000).await;
        world.put("a", "a").await;
        let tokens = Arc::new(Renewing {
            renewed: AtomicUsize::new(0),
        });
        let dir = a_dir();
        let options = world.options(&SupabaseSettings::default());
        let puller = Puller::connect(
            options.clone(),
            Arc::clone(&tokens) as Arc<dyn Tokens>,
            PROJECT,
            dir.path(),
            &scope,
        );
        let mut puller = puller.await.unwrap();
        assert_eq!(puller.full().await.unwrap().files, 1);
        assert_eq!(tokens.renewed.load(Ordering::SeqCst), 1);
        // Where there is no newer one, the refusal is final, and is not repeated.
        world.gate.forget();
        let late = FixedToken(Some(Secret::new(jwt("authenticated", Some(ALICE), -60))));
        let refused = files(&world, options, late).await.unwrap_err();
        assert!(matches!(refused, SupabaseError::Credential { .. }));
        assert_eq!(world.gate.seen().len(), 1);
    });
}

fn bare() {
    block_on(|scope| async move {
        let world = World::ours(&scope, 1000).await;
        world.put("a", "a").await;
        let settings = SupabaseSettings {
            rest_url: Some(format!("http://127.0.0.1:{}", world.rest.port)),
            ..SupabaseSettings::default()
        };
        let options = Options::resolve(&settings, &SupabaseCredentials::default()).unwrap();
        assert!(options.key.is_none());
        assert_eq!(files(&world, hasty(options), alice()).await, Ok(1));
    });
}
