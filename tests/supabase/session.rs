//! Signing in and staying so, at Supabase's own small server.

use std::sync::atomic::Ordering;

use codemate_preview::{
    model::{Code, Secret},
    source::supabase::{
        ApiKey, SupabaseError, Tokens as _,
        session::{Session, SignedOut, Vault as _},
    },
};
use futures_util::future::join_all;

use crate::{
    Test,
    kept::{Kept, gone, open, signed_in},
    lite::{Lite, PASSWORD},
    world::block_on,
};

pub const TESTS: &[Test] = &[
    ("the_right_password_signs_in", signs_in),
    ("a_session_outlives_the_program", outlives),
    ("a_refresh_token_is_good_once", rotates),
    ("many_who_want_a_new_token_spend_one", one_at_a_time),
    ("tokens_are_kept_before_they_are_used", kept_first),
    ("a_lost_answer_is_asked_for_again", lost_answer),
    ("tokens_are_renewed_ahead_of_their_end", ahead),
    ("while_a_token_is_good_nothing_is_missed", server_gone),
    ("signing_out_revokes_and_forgets", signs_out),
];

fn signs_in() {
    block_on(|scope| async move {
        let lite = Lite::shared();
        lite.sign_up("in@example.com").await;
        let kept = Kept::new();
        let session = open(lite, &kept, &scope).await;
        assert_eq!(session.token().await.unwrap(), None, "nobody yet");
        let wrong = session.sign_in("in@example.com", &Secret::new("no")).await;
        let wrong = wrong.unwrap_err();
        assert!(matches!(wrong, SupabaseError::Credential { .. }));
        assert_eq!(wrong.problem().code, Code::Credential);
        assert_eq!((session.user().await, kept.saves()), (None, 0));
        let right = Secret::new(PASSWORD);
        let user = session.sign_in(" in@example.com ", &right).await.unwrap();
        assert_eq!(user, "in@example.com");
        assert_eq!(session.user().await.unwrap(), user);
        let token = session.token().await.unwrap().unwrap();
        assert_eq!(kept.now(lite).unwrap().access_token, token);
        // Who fails to sign in as another stays who they are.
        let wrong = session.sign_in("on@example.com", &right).await;
        assert!(wrong.is_err());
        assert_eq!(session.token().await.unwrap(), Some(token));
        let (at, key) = (lite.endpoint(), ApiKey::new("sb_publishable_of_another"));
        let session = Session::open(&at, key, None, Kept::new(), &scope)
            .await
            .unwrap();
        let refused = session.sign_in("in@example.com", &right).await;
        let refused = refused.unwrap_err().problem();
        assert_eq!(refused.code, Code::Credential);
        assert!(refused.hint.unwrap().contains("key"));
    });
}

fn outlives() {
    block_on(|scope| async move {
        let lite = Lite::shared();
        let (_first, kept, token) = signed_in(lite, "out@example.com", &scope).await;
        let (second, _) = gone(kept.now(lite).unwrap(), &scope).await;
        assert_eq!(second.user().await.unwrap(), "out@example.com");
        assert_eq!(second.token().await.unwrap(), Some(token));
    });
}

fn rotates() {
    block_on(|scope| async move {
        let lite = Lite::shared();
        let (session, kept, first) = signed_in(lite, "once@example.com", &scope).await;
        let oldest = kept.now(lite).unwrap();
        let second = session.refresh(&first).await.unwrap().unwrap();
        assert_ne!(first, second);
        let middle = kept.now(lite).unwrap();
        assert_eq!(middle.access_token, second);
        assert_ne!(middle.refresh_token, oldest.refresh_token);
        // Whoever was refused with the first one after that has no need of a third.
        let again = session.refresh(&first).await.unwrap().unwrap();
        assert_eq!((again, kept.saves()), (second.clone(), 2));
        session.refresh(&second).await.unwrap().unwrap();
        assert_eq!(kept.saves(), 3);

        // The oldest token was spent twice over: a thief's, for all the server knows.
        let thief = Kept::new();
        thief.save(&oldest).unwrap();
        let theirs = open(lite, &thief, &scope).await;
        let ended = theirs.refresh(&first).await.unwrap_err();
        let SupabaseError::SessionEnded { user, .. } = &ended else {
            panic!("{ended:?}");
        };
        assert_eq!(user, "once@example.com");
        let problem = ended.problem();
        assert_eq!(problem.code, Code::Credential);
        assert_eq!(
            problem.hint.as_deref(),
            Some("codemate-preview supabase login")
        );
        // It is not asked for again, nor does anything go on as anybody's.
        assert_eq!(theirs.token().await.unwrap_err(), ended);
        // Until somebody signs in.
        let password = Secret::new(PASSWORD);
        theirs.sign_in("once@example.com", &password).await.unwrap();
        assert!(theirs.token().await.unwrap().is_some());
    });
}

fn one_at_a_time() {
    block_on(|scope| async move {
        let lite = Lite::shared();
        let (session, kept, first) = signed_in(lite, "many@example.com", &scope).await;
        let asked = (0..20).map(|n| {
            let (session, first) = (session.clone(), first.clone());
            scope.spawn(async move {
                if n % 2 == 0 {
                    session.refresh(&first).await
                } else {
                    // Dropped half-way, as a cancelled request is: the token must not be lost.
                    let wait = std::time::Duration::from_millis(n);
                    drop(tokio::time::timeout(wait, session.refresh(&first)).await);
                    session.refresh(&first).await
                }
            })
        });
        let tokens = join_all(asked).await;
        let newer = kept.now(lite).unwrap().access_token;
        for token in tokens {
            assert_eq!(token.unwrap().unwrap().as_ref(), Some(&newer));
        }
        assert_eq!(kept.saves(), 2, "one for signing in, one for all of them");
    });
}

fn kept_first() {
    block_on(|scope| async move {
        let lite = Lite::shared();
        let (session, kept, first) = signed_in(lite, "kept@example.com", &scope).await;
        kept.fails.store(true, Ordering::SeqCst);
        for _ in 0..2 {
            let refused = session.refresh(&first).await.unwrap_err();
            assert!(matches!(refused, SupabaseError::SessionNotKept { .. }));
            assert!(session.token().await.is_err(), "it is used all the same");
        }
        assert_eq!(kept.now(lite).unwrap().access_token, first);
        kept.fails.store(false, Ordering::SeqCst);
        let newer = session.token().await.unwrap().unwrap();
        assert_ne!(newer, first);
        assert_eq!(kept.now(lite).unwrap().access_token, newer);
    });
}

fn lost_answer() {
    block_on(|scope| async move {
        let lite = Lite::shared();
        let (session, kept, first) = signed_in(lite, "lost@example.com", &scope).await;
        // The program dies between the answer and the disk.
        let before = Kept::new();
        before.save(&kept.now(lite).unwrap()).unwrap();
        session.refresh(&first).await.unwrap().unwrap();
        let next = open(lite, &before, &scope).await;
        let newer = next.refresh(&first).await.unwrap().unwrap();
        assert_eq!(before.now(lite).unwrap().access_token, newer);
    });
}

fn ahead() {
    block_on(|scope| async move {
        let lite = Lite::shared();
        let (_session, kept, first) = signed_in(lite, "ahead@example.com", &scope).await;
        let mut due = kept.now(lite).unwrap();
        assert_eq!(due.expires_at - due.renew_at, 60);
        due.renew_at = 0;
        kept.save(&due).unwrap();
        let session = open(lite, &kept, &scope).await;
        let newer = session.token().await.unwrap().unwrap();
        assert_ne!(newer, first);
        assert_eq!(kept.now(lite).unwrap().access_token, newer);
        assert_eq!(session.token().await.unwrap(), Some(newer));
    });
}

fn server_gone() {
    block_on(|scope| async move {
        let lite = Lite::shared();
        let (_session, kept, first) = signed_in(lite, "gone@example.com", &scope).await;
        let mut due = kept.now(lite).unwrap();
        due.renew_at = 0;
        let (session, _) = gone(due, &scope).await;
        assert_eq!(session.token().await.unwrap(), Some(first.clone()));
        // What the server refused is no good, whatever the clock says.
        let error = session.refresh(&first).await.unwrap_err();
        assert!(matches!(error, SupabaseError::Unreachable { .. }));
        assert!(error.is_transient());
    });
}

fn signs_out() {
    block_on(|scope| async move {
        let lite = Lite::shared();
        let (session, kept, _first) = signed_in(lite, "leave@example.com", &scope).await;
        let before = Kept::new();
        before.save(&kept.now(lite).unwrap()).unwrap();
        assert_eq!(session.sign_out().await.unwrap(), SignedOut::Revoked);
        assert_eq!((kept.now(lite), session.user().await), (None, None));
        let ended = session.token().await.unwrap_err();
        assert!(matches!(ended, SupabaseError::SessionEnded { .. }));
        assert_eq!(session.sign_out().await.unwrap(), SignedOut::Nobody);
        // At the server as well.
        let copy = open(lite, &before, &scope).await;
        let token = before.now(lite).unwrap().access_token;
        let ended = copy.refresh(&token).await.unwrap_err();
        assert!(matches!(ended, SupabaseError::SessionEnded { .. }));
        // A session that had ended is signed out of, too.
        let again = open(lite, &before, &scope).await;
        assert_eq!(again.sign_out().await.unwrap(), SignedOut::Revoked);

        // Where the server cannot be told, it is forgotten all the same.
        let (_, kept, _first) = signed_in(lite, "dark@example.com", &scope).await;
        let held = kept.now(lite).unwrap();
        let (session, kept) = gone(held, &scope).await;
        assert_eq!(kept.saves(), 1);
        let told = session.sign_out().await.unwrap();
        assert!(matches!(told, SignedOut::Forgotten { .. }), "{told:?}");
        let url = kept.saved.lock().unwrap()[0].url.clone();
        assert_eq!(kept.load(&url).unwrap(), None);
    });
}
