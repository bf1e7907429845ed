//! Supabase's own client judges our Realtime server: what it takes for true, ours may be tried on.

use codemate_preview::task::Scope;
use serde_json::{Value, json};

use crate::{
    Test,
    node::Node,
    phoenix::Phoenix,
    wire::{a_token, change},
    world::{block_on, until},
};

pub const TESTS: &[Test] = &[
    ("the_client_subscribes_and_is_told", told),
    ("it_passes_a_newer_token_on", renewed),
    ("it_sees_the_channel_closed_on_expiry", expired),
    ("it_understands_a_refusal", refused),
];

const PROJECT: &str = "aaaaaaaa-0000-0000-0000-000000000001";

async fn judged(scope: &Scope) -> (Phoenix, Node) {
    let phoenix = Phoenix::start(scope).await;
    let token = a_token("first", 600);
    let judge = judge(&phoenix, &token);
    subscribed(&judge);
    assert_eq!(phoenix.seen().joins[0]["access_token"], token);
    (phoenix, judge)
}

fn judge(phoenix: &Phoenix, token: &str) -> Node {
    let settings = json!({
        "url": phoenix.url(),
        "key": "sb_publishable_judge",
        "token": token,
        "project": PROJECT,
    });
    Node::start("judge.mjs", &settings)
}

fn subscribed(judge: &Node) {
    judge.says("SUBSCRIBED", |said| said["status"] == "SUBSCRIBED");
    let said = judge.says("the system message", |said| said["system"].is_object());
    assert_eq!(said["system"]["status"], "ok");
}

fn a_change(judge: &Node) -> Value {
    judge.says("a change", |said| said["change"].is_object())["change"].clone()
}

fn told() {
    block_on(|scope| async move {
        let (phoenix, judge) = judged(&scope).await;
        let seen = phoenix.seen();
        assert!(seen.queries[0].contains("apikey=sb_publishable_judge"));
        assert!(seen.queries[0].contains("vsn=2.0.0"));
        let row = json!({ "project_id": PROJECT, "path": "a", "content": "x", "rev": 1 });
        let key = json!({ "project_id": PROJECT, "path": "a" });
        phoenix.change(change("INSERT", &row, &json!({})));
        assert_eq!(a_change(&judge)["eventType"], "INSERT");
        // Another project's is not told.
        let foreign = json!({ "project_id": "another", "path": "b" });
        phoenix.change(change("INSERT", &foreign, &json!({})));
        phoenix.change(change("UPDATE", &row, &key));
        let updated = a_change(&judge);
        assert_eq!(updated["eventType"], "UPDATE");
        assert_eq!(updated["new"]["rev"], 1);
        phoenix.change(change("DELETE", &json!({}), &key));
        let deleted = a_change(&judge);
        assert_eq!(
            (&deleted["eventType"], &deleted["old"]),
            (&json!("DELETE"), &key)
        );
        let mut large = change("UPDATE", &key, &key);
        large["errors"] = json!(["Error 413: Payload Too Large"]);
        phoenix.change(large);
        let large = a_change(&judge);
        assert_eq!(large["errors"][0], "Error 413: Payload Too Large");
        judge.says("a heartbeat's answer", |said| said["heartbeat"] == "ok");
    });
}

fn renewed() {
    block_on(|scope| async move {
        let (phoenix, mut judge) = judged(&scope).await;
        let newer = a_token("second", 600);
        judge.tell(&format!("token {newer}"));
        until("the token", || {
            phoenix.seen().tokens.contains(&newer).then_some(())
        });
        let row = json!({ "project_id": PROJECT, "path": "a" });
        phoenix.change(change("INSERT", &row, &json!({})));
        assert_eq!(a_change(&judge)["eventType"], "INSERT");
        judge.tell("leave");
        judge.says("that it left", |said| said["left"] == "ok");
        // The client says so as soon as it has sent it.
        until("the leave", || (phoenix.seen().leaves == 1).then_some(()));
    });
}

fn expired() {
    block_on(|scope| async move {
        let (phoenix, judge) = judged(&scope).await;
        phoenix.expire();
        let said = judge.says("the system error", |said| {
            said["system"]["status"] == "error"
        });
        let message = said["system"]["message"].as_str().unwrap();
        assert!(message.contains("expired"), "{message}");
        judge.says("CLOSED", |said| said["status"] == "CLOSED");
    });
}

fn refused() {
    block_on(|scope| async move {
        let phoenix = Phoenix::start(&scope).await;
        let judge = judge(&phoenix, &a_token("late", -60));
        let said = judge.says("the refusal", |said| said["status"] == "CHANNEL_ERROR");
        let error = said["error"].as_str().unwrap();
        assert!(error.contains("InvalidJWTExpiration"), "{error}");
    });
}
