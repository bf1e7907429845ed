//! What the audit log says, and what it never does.

use std::os::unix::fs::PermissionsExt;

use axum::{Extension, body::Body};
use codemate_preview::{security::Caller, store::TokenRecord};
use serde_json::json;
use tower_service::Service as _;

use super::{
    rig::{Rig, all},
    signer::{claims, hs256},
};

#[tokio::test(flavor = "multi_thread")]
async fn every_request_over_tcp_has_its_line() {
    let rig = Rig::new();
    let id = rig.instance("a", None).await;
    let token = rig.token(all()).await;
    let jwt = hs256(&claims("ann"));
    let token_id = rig.house.tokens.list()[0].id.clone();
    let show = format!("/v1/instances/{id}");
    rig.ask("GET", &show).bearer(&token).send().await;
    rig.ask("GET", &show).bearer(&jwt).send().await;
    rig.ask("GET", &show).bearer("cm_wrong").send().await;
    rig.ask("GET", &show)
        .bearer(&token)
        .host("evil.example")
        .send()
        .await;
    rig.ask("POST", "/v1/shutdown")
        .bearer(&jwt)
        .json(&json!({}))
        .send()
        .await;
    rig.ask("GET", "/v1/nothing").bearer(&token).send().await;
    let lines = rig.audit();
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            assert_eq!(
                (line["via"].as_str(), line["address"].as_str()),
                (Some("tcp"), Some("127.0.0.1"))
            );
            json!([
                line["caller"],
                line["route"],
                line["outcome"],
                line["status"]
            ])
        })
        .collect();
    let by_token = format!("token:{token_id}");
    let one = "/v1/instances/{id}";
    assert_eq!(
        json!(told),
        json!([
            [by_token, one, "done", 200],
            ["owner:ann", one, "refused", 404],
            ["-", "-", "refused", 401],
            ["-", "-", "refused", 421],
            ["owner:ann", "/v1/shutdown", "refused", 403],
            [by_token, "-", "refused", 404],
        ])
    );
    assert_eq!(lines[0]["instance"], json!(id));
    let path = rig.world.dir.path().join("audit.log");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = std::fs::read_to_string(path).unwrap();
    for secret in [
        token.as_str(),
        jwt.as_str(),
        jwt.rsplit('.').next().unwrap(),
        "cm_",
    ] {
        assert!(!text.contains(secret), "{secret}");
    }
    rig.stop().await;
}

/// At the socket, changes are written, and looking at things is not.
#[tokio::test(flavor = "multi_thread")]
async fn changes_at_the_socket_have_theirs() {
    let rig = Rig::new();
    let mut router = rig.router.clone().layer(Extension(Caller::host()));
    for (method, path, body) in [
        ("GET", "/v1/instances", String::new()),
        (
            "POST",
            "/v1/instances/stop",
            json!({ "instances": [] }).to_string(),
        ),
        (
            "POST",
            "/v1/tokens/new",
            json!({ "note": "ide" }).to_string(),
        ),
    ] {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .body(Body::from(body))
            .unwrap();
        assert_eq!(router.call(request).await.unwrap().status(), 200);
    }
    let told: Vec<_> = rig
        .audit()
        .iter()
        .map(|line| json!([line["via"], line["caller"], line["route"]]))
        .collect();
    let want = json!([
        ["socket", "host", "/v1/instances/stop"],
        ["socket", "host", "/v1/tokens/new"],
    ]);
    assert_eq!(json!(told), want);
    rig.stop().await;
}

/// Tokens outlive their agent, and their revocation does too.
#[tokio::test(flavor = "multi_thread")]
async fn the_next_agent_knows_the_tokens_that_are_left() {
    let rig = Rig::new();
    let note = |note: &str| TokenRecord {
        note: note.to_owned(),
        ..all()
    };
    let (kept, gone) = (rig.token(note("kept")).await, rig.token(note("gone")).await);
    rig.revoke(&gone).await;
    let dir = rig.world.dir.path().join("state");
    let store = codemate_preview::store::Store::open(dir.clone()).unwrap();
    let next = codemate_preview::agent::TokenRegistry::load(store.into()).unwrap();
    assert!(next.caller(&kept).is_some());
    assert!(next.caller(&gone).is_none());
    let file = std::fs::read_to_string(dir.join("api-tokens.json")).unwrap();
    assert!(!file.contains(&kept[3..]), "only its hash is kept");
    rig.stop().await;
}
