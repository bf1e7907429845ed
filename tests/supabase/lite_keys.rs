//! Every kind of key and token at Supabase's own small server, through our client.

use std::{path::Path, sync::Arc};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use codemate_preview::{
    config::SupabaseSettings,
    model::Secret,
    source::supabase::{
        FixedToken, Options, Puller, SupabaseCredentials, SupabaseError, Tokens,
        session::Vault as _,
    },
    task::Scope,
};

use crate::{
    Test,
    kept::{Kept, open, signed_in},
    lite::{Lite, PASSWORD, PUBLISHABLE, SECRET},
    world::{block_on, until},
};

pub const TESTS: &[Test] = &[
    ("an_expired_token_is_renewed_on_the_way", on_the_way),
    ("every_kind_of_key", keys),
];

fn options(lite: &Lite, key: &str) -> Options {
    let settings = SupabaseSettings {
        service: true,
        ..SupabaseSettings::default()
    };
    let env = SupabaseCredentials {
        url: Some(lite.url()),
        key: Some(Secret::new(key)),
        ..SupabaseCredentials::default()
    };
    Options::resolve(&settings, &env).unwrap()
}

async fn files(
    options: Options,
    tokens: Arc<dyn Tokens>,
    project: &str,
    scope: &Scope,
) -> Result<usize, SupabaseError> {
    let dir = tempfile::tempdir().unwrap();
    let dir: &Path = dir.path();
    let mut puller = Puller::connect(options, tokens, project, dir, scope).await?;
    Ok(puller.full().await?.files)
}

/// This server refuses an expired token as newer PostgREST does, with PGRST303.
fn on_the_way() {
    block_on(|scope| async move {
        let project = "aaaaaaaa-0000-0000-0000-00000000000e";
        let lite = Lite::start(2);
        let owner = lite.sign_up("way@example.com").await;
        lite.project(project, &owner).await;
        let kept = Kept::new();
        let session = open(&lite, &kept, &scope).await;
        let password = Secret::new(PASSWORD);
        session.sign_in("way@example.com", &password).await.unwrap();
        // The clock of this host is an hour behind, in a manner of speaking.
        let mut held = kept.now(&lite).unwrap();
        let ends = held.expires_at;
        held.renew_at += 3600;
        held.expires_at += 3600;
        kept.save(&held).unwrap();
        let session = Arc::new(open(&lite, &kept, &scope).await);
        until("its end", || {
            (jiff::Timestamp::now().as_second() > ends).then_some(())
        });
        let options = options(&lite, PUBLISHABLE);
        let stale = FixedToken(Some(held.access_token.clone()));
        let refused = files(options.clone(), Arc::new(stale), project, &scope).await;
        assert!(matches!(refused, Err(SupabaseError::Credential { .. })));
        let found = files(options, session, project, &scope).await;
        assert_eq!(found, Ok(1));
        assert_ne!(kept.now(&lite).unwrap().access_token, held.access_token);
    });
}

/// The id of a user, as their token has it.
fn owner_of(token: &Secret) -> String {
    let claims = token.reveal().split('.').nth(1).unwrap();
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    claims["sub"].as_str().unwrap().to_owned()
}

fn keys() {
    block_on(|scope| async move {
        let project = "aaaaaaaa-0000-0000-0000-00000000000f";
        let lite = Lite::shared();
        let (session, _, token) = signed_in(lite, "keys@example.com", &scope).await;
        let (_other, _, stranger) = signed_in(lite, "stranger@example.com", &scope).await;
        lite.project(project, &owner_of(&token)).await;
        let user = FixedToken(Some(token.clone()));
        let other = FixedToken(Some(stranger));
        let nobody = FixedToken(None);
        let found = files(
            options(lite, PUBLISHABLE),
            Arc::new(session),
            project,
            &scope,
        );
        assert_eq!(found.await, Ok(1), "a session is one of the tokens");
        // Key, who asks, whether the file is seen, whether the credential is refused.
        let table = [
            (PUBLISHABLE, &nobody, false, false),
            (PUBLISHABLE, &user, true, false),
            (PUBLISHABLE, &other, false, false),
            (SECRET, &nobody, true, false),
            // The token decides.
            (SECRET, &other, false, false),
            ("sb_publishable_of_another_project", &user, false, true),
            ("sb_secret_of_another_project", &nobody, false, true),
        ];
        for (key, tokens, sees, refused) in table {
            let tokens = Arc::new(tokens.clone());
            let found = files(options(lite, key), tokens, project, &scope).await;
            assert_eq!(found == Ok(1), sees, "{key}: {found:?}");
            let is_refused = matches!(found, Err(SupabaseError::Credential { .. }));
            assert_eq!(is_refused, refused, "{key}: {found:?}");
        }
        // A token alone is not enough where there is a gateway.
        let settings = SupabaseSettings {
            rest_url: Some(format!("{}/rest/v1", lite.url())),
            ..SupabaseSettings::default()
        };
        let bare = Options::resolve(&settings, &SupabaseCredentials::default()).unwrap();
        let found = files(bare, Arc::new(user), project, &scope).await;
        assert!(matches!(found, Err(SupabaseError::Credential { .. })));
    });
}
