//! Our own Realtime client against the server that Supabase's client took for true.

use std::time::Duration;

use codemate_preview::source::supabase::{
    Hint, Tokens as _,
    realtime::{Pace, RealtimeError, RealtimeState},
};
use serde_json::{Value, json};

use crate::{
    Test,
    listener::{KEY, PROJECT, Purse, hasty, hint, live, logged, start, state},
    phoenix::Phoenix,
    tls,
    wire::{a_token, change},
    world::{PATIENCE, block_on, until},
};

pub const TESTS: &[Test] = &[
    ("it_joins_with_filter_and_token", joins),
    ("every_kind_of_change_is_a_hint", hints),
    ("what_was_lost_does_no_harm", lost_events),
    ("a_closed_channel_is_joined_again", closed),
    ("a_cut_socket_is_made_again", cut),
    ("a_killed_server_is_waited_for", killed),
    ("a_silent_server_is_left", silent),
    ("a_server_that_confirms_nothing_is_left", unconfirmed),
    ("a_newer_token_is_passed_on", passed_on),
    ("an_expired_token_is_renewed", expired),
    ("a_join_refused_for_its_age_is_renewed", refused_for_age),
    ("an_ended_session_is_said", ended),
    ("an_unpublished_table_is_said_and_tried_rarely", unpublished),
    ("no_realtime_server_is_said", no_server),
    ("a_stopped_one_leaves", leaves),
    ("nobody_who_does_not_listen_holds_it_up", not_listened_to),
    ("no_secret_is_logged", no_secret),
    ("it_speaks_tls", speaks_tls),
];

fn inserted() -> Value {
    let row = json!({ "project_id": PROJECT, "path": "a", "content": "x", "rev": 1 });
    change("INSERT", &row, &json!({}))
}

fn joins() {
    block_on(|scope| async move {
        let (phoenix, _listening, purse) = live(&scope, hasty()).await;
        let seen = phoenix.seen();
        assert_eq!(seen.queries, [format!("apikey={KEY}&vsn=2.0.0")]);
        let join = &seen.joins[0];
        let token = purse.token().await.unwrap().unwrap();
        assert_eq!(join["access_token"], token.reveal());
        assert_eq!(
            join["config"]["postgres_changes"],
            json!([{
                "event": "*",
                "schema": "public",
                "table": "project_files",
                "filter": format!("project_id=eq.{PROJECT}"),
            }])
        );
        until("beats", || (phoenix.seen().beats > 2).then_some(()));
    });
}

fn hints() {
    block_on(|scope| async move {
        let (phoenix, mut listening, _purse) = live(&scope, hasty()).await;
        let key = json!({ "project_id": PROJECT, "path": "a" });
        let row = json!({ "project_id": PROJECT, "path": "a", "content": "x", "rev": 1 });
        // A TOASTed content that did not change is absent, and a row over 1 MiB is little more
        // than its key.
        let mut large = change("UPDATE", &json!({ "project_id": PROJECT }), &json!({}));
        large["errors"] = json!(["Error 413: Payload Too Large"]);
        let mut bare = change("DELETE", &json!({}), &key);
        for gone in ["record", "columns", "errors"] {
            bare.as_object_mut().unwrap().remove(gone);
        }
        let changes = [
            change("INSERT", &row, &json!({})),
            change("UPDATE", &row, &key),
            change("UPDATE", &key, &key),
            change("DELETE", &json!({}), &key),
            large,
            bare,
        ];
        for told in changes {
            phoenix.change(told);
            assert_eq!(hint(&mut listening).await, Hint::Changed);
        }
    });
}

fn lost_events() {
    block_on(|scope| async move {
        let (phoenix, mut listening, _purse) = live(&scope, hasty()).await;
        // Never told: with a primary key that lacks the column, the filter lets no deletion pass.
        phoenix.change(change("DELETE", &json!({}), &json!({ "id": 7 })));
        phoenix.change(inserted());
        assert_eq!(hint(&mut listening).await, Hint::Changed);
        assert!(listening.hints.try_recv().is_err());
        assert_eq!(phoenix.seen().joins.len(), 1);
    });
}

fn closed() {
    again(Phoenix::close);
}

fn cut() {
    again(Phoenix::cut);
}

/// It is said that changes are missed, and when they are not any more.
fn again(end: fn(&Phoenix)) {
    block_on(|scope| async move {
        let (phoenix, mut listening, _purse) = live(&scope, hasty()).await;
        for joins in 2..4 {
            end(&phoenix);
            assert_eq!(hint(&mut listening).await, Hint::Lost);
            assert_eq!(hint(&mut listening).await, Hint::Live);
            assert_eq!(phoenix.seen().joins.len(), joins);
        }
        phoenix.change(inserted());
        assert_eq!(hint(&mut listening).await, Hint::Changed);
        until("the old sockets' end", || {
            (phoenix.seen().open == 1).then_some(())
        });
    });
}

fn killed() {
    block_on(|scope| async move {
        let (phoenix, mut listening, _purse) = live(&scope, hasty()).await;
        phoenix.kill();
        assert_eq!(hint(&mut listening).await, Hint::Lost);
        state(&mut listening, |state| {
            matches!(
                state,
                RealtimeState::Lost(RealtimeError::Unreachable { .. })
            )
        })
        .await;
        let phoenix = Phoenix::start_at(phoenix.addr, &scope).await;
        assert_eq!(hint(&mut listening).await, Hint::Live);
        phoenix.change(inserted());
        assert_eq!(hint(&mut listening).await, Hint::Changed);
    });
}

fn silent() {
    block_on(|scope| async move {
        let pace = Pace {
            answer: Duration::from_millis(300),
            ..hasty()
        };
        let (phoenix, mut listening, _purse) = live(&scope, pace).await;
        phoenix.manners().beats = false;
        assert_eq!(hint(&mut listening).await, Hint::Lost);
        phoenix.manners().beats = true;
        assert_eq!(hint(&mut listening).await, Hint::Live);
    });
}

fn unconfirmed() {
    block_on(|scope| async move {
        let phoenix = Phoenix::start(&scope).await;
        phoenix.manners().confirms = false;
        let pace = Pace {
            confirming: Duration::from_millis(50),
            ..hasty()
        };
        let purse = Purse::new(&a_token("first", 600));
        let mut listening = start(&phoenix, purse, pace, &scope);
        let is_said = |state: &RealtimeState| {
            matches!(
                state,
                RealtimeState::Lost(RealtimeError::Unconfirmed { .. })
            )
        };
        state(&mut listening, is_said).await;
        until("another join", || {
            (phoenix.seen().joins.len() > 1).then_some(())
        });
        assert!(listening.hints.try_recv().is_err(), "it never was live");
        phoenix.manners().confirms = true;
        assert_eq!(hint(&mut listening).await, Hint::Live);
    });
}

fn passed_on() {
    block_on(|scope| async move {
        let (phoenix, mut listening, purse) = live(&scope, hasty()).await;
        let newer = a_token("second", 600);
        purse.put(&newer);
        until("the token", || {
            (phoenix.seen().tokens == [newer.clone()]).then_some(())
        });
        let beats = phoenix.seen().beats;
        until("more beats", || {
            (phoenix.seen().beats > beats + 3).then_some(())
        });
        assert_eq!(phoenix.seen().tokens.len(), 1, "each is told once");
        phoenix.change(inserted());
        assert_eq!(hint(&mut listening).await, Hint::Changed);
        assert_eq!(phoenix.seen().joins.len(), 1);
    });
}

fn expired() {
    block_on(|scope| async move {
        let (phoenix, mut listening, purse) = live(&scope, hasty()).await;
        let (first, newer) = (
            purse.token().await.unwrap().unwrap(),
            a_token("second", 600),
        );
        purse.will_give(&newer);
        phoenix.expire();
        assert_eq!(hint(&mut listening).await, Hint::Lost);
        assert_eq!(hint(&mut listening).await, Hint::Live);
        assert_eq!(*purse.refreshed.lock().unwrap(), [first]);
        assert_eq!(phoenix.seen().joins[1]["access_token"], newer);
    });
}

fn refused_for_age() {
    block_on(|scope| async move {
        let phoenix = Phoenix::start(&scope).await;
        let purse = Purse::new(&a_token("late", -60));
        let newer = a_token("second", 600);
        purse.will_give(&newer);
        let mut listening = start(&phoenix, purse.clone(), hasty(), &scope);
        assert_eq!(hint(&mut listening).await, Hint::Live);
        let joins = phoenix.seen().joins;
        assert_eq!((joins.len(), &joins[1]["access_token"]), (2, &json!(newer)));
    });
}

fn ended() {
    block_on(|scope| async move {
        let phoenix = Phoenix::start(&scope).await;
        let purse = Purse::new(&a_token("late", -60));
        let mut listening = start(&phoenix, purse, hasty(), &scope);
        let is_said = |state: &RealtimeState| {
            let RealtimeState::Unavailable(error) = state else {
                return false;
            };
            let problem = error.problem();
            problem.hint.as_deref() == Some("codemate-preview supabase login")
        };
        state(&mut listening, is_said).await;
    });
}

fn unpublished() {
    block_on(|scope| async move {
        let phoenix = Phoenix::start(&scope).await;
        let said = "Unable to subscribe to changes with given parameters. Please check Realtime \
                    is enabled for the given connect parameters: [table: project_files]";
        phoenix.manners().trouble = Some(said.to_owned());
        // Only after the rare wait does it come again in time.
        let pace = Pace {
            waits: vec![PATIENCE * 10],
            rarely: Duration::from_millis(50),
            ..hasty()
        };
        let purse = Purse::new(&a_token("first", 600));
        let mut listening = start(&phoenix, purse, pace, &scope);
        let is_said = |state: &RealtimeState| {
            let told = RealtimeError::NotTold {
                said: said.to_owned(),
            };
            *state == RealtimeState::Unavailable(told)
        };
        state(&mut listening, is_said).await;
        phoenix.manners().trouble = None;
        assert_eq!(hint(&mut listening).await, Hint::Live);
    });
}

fn no_server() {
    block_on(|scope| async move {
        let phoenix = Phoenix::start(&scope).await;
        phoenix.manners().status = Some(404);
        let purse = Purse::new(&a_token("first", 600));
        let mut listening = start(&phoenix, purse, hasty(), &scope);
        state(&mut listening, |state| {
            matches!(
                state,
                RealtimeState::Unavailable(RealtimeError::NoServer { status: 404, .. })
            )
        })
        .await;
        phoenix.manners().status = Some(503);
        let purse = Purse::new(&a_token("first", 600));
        let mut listening = start(&phoenix, purse, hasty(), &scope);
        state(&mut listening, |state| {
            matches!(state, RealtimeState::Lost(RealtimeError::Busy { .. }))
        })
        .await;
        phoenix.manners().status = None;
        assert_eq!(hint(&mut listening).await, Hint::Live);
    });
}

fn leaves() {
    block_on(|scope| async move {
        let own = scope.child();
        let phoenix = Phoenix::start(&scope).await;
        let purse = Purse::new(&a_token("first", 600));
        let mut listening = start(&phoenix, purse.clone(), hasty(), &own);
        assert_eq!(hint(&mut listening).await, Hint::Live);
        own.cancel();
        until("that it leaves", || {
            let seen = phoenix.seen();
            (seen.leaves == 1 && seen.open == 0).then_some(())
        });
        // And where nobody listens any more.
        let mut listening = start(&phoenix, purse, hasty(), &scope);
        assert_eq!(hint(&mut listening).await, Hint::Live);
        drop(listening);
        until("its end", || (phoenix.seen().open == 0).then_some(()));
    });
}

fn not_listened_to() {
    block_on(|scope| async move {
        let (phoenix, mut listening, purse) = live(&scope, hasty()).await;
        for _ in 0..100 {
            phoenix.change(inserted());
        }
        let newer = a_token("second", 600);
        purse.put(&newer);
        // It was read after all of the changes.
        until("the token", || {
            phoenix.seen().tokens.contains(&newer).then_some(())
        });
        phoenix.close();
        until("another join", || {
            (phoenix.seen().joins.len() > 1).then_some(())
        });
        state(&mut listening, |state| *state == RealtimeState::Live).await;
        let mut heard = Vec::new();
        while heard.last() != Some(&Hint::Live) {
            heard.push(hint(&mut listening).await);
        }
        let (changes, rest) = heard.split_at(heard.len() - 2);
        assert!(changes.iter().all(|hint| *hint == Hint::Changed));
        assert_eq!(rest, [Hint::Lost, Hint::Live]);
    });
}

fn no_secret() {
    block_on(|scope| async move {
        let (phoenix, mut listening, purse) = live(&scope, hasty()).await;
        let first = purse.token().await.unwrap().unwrap();
        phoenix.expire();
        assert_eq!(hint(&mut listening).await, Hint::Lost);
        phoenix.kill();
        let unreachable = start(&phoenix, purse, hasty(), &scope);
        let mut states = vec![unreachable, listening];
        for listening in &mut states {
            state(listening, |state| {
                matches!(
                    state,
                    RealtimeState::Lost(_) | RealtimeState::Unavailable(_)
                )
            })
            .await;
            let shown = format!("{:?}", *listening.state.borrow());
            assert!(!shown.contains(KEY) && !shown.contains(first.reveal()));
        }
        let text = String::from_utf8_lossy(&logged().0.lock().unwrap()).into_owned();
        // The control: it is the log of what was done.
        assert!(text.contains("Realtime tells of changes"), "{text}");
        assert!(!text.contains(KEY), "the key is in the log");
        assert!(!text.contains(first.reveal()), "a token is in the log");
    });
}

/// In a process of its own, for whom to trust is read from the environment once.
fn speaks_tls() {
    if !tls::is_trusting() {
        tls::run_again("realtime::it_speaks_tls");
        return;
    }
    block_on(|scope| async move {
        let phoenix = Phoenix::start_with(Some(tls::acceptor()), &scope).await;
        let purse = Purse::new(&a_token("first", 600));
        let mut listening = start(&phoenix, purse, hasty(), &scope);
        assert_eq!(hint(&mut listening).await, Hint::Live);
        phoenix.change(inserted());
        assert_eq!(hint(&mut listening).await, Hint::Changed);
    });
}
