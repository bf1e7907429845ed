//! What is open when a credential ends.

use codemate_preview::{api::ExecFrame, store::TokenRecord};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::{
    rig::{Answer, Rig, all},
    signer::{claims, hs256, now, with},
};

async fn follow(rig: &Rig, path: &str, token: &str) -> Answer {
    let answer = rig.ask("GET", path).bearer(token).send().await;
    assert_eq!(answer.status, 200);
    answer
}

async fn exec(rig: &Rig, id: &str, token: &str) -> Answer {
    let path = format!("/v1/instances/{id}/exec");
    let answer = rig
        .ask("POST", &path)
        .bearer(token)
        .header("connection", "upgrade")
        .header("upgrade", "codemate-exec")
        .json(&json!({ "argv": ["cat"], "stdin": true }))
        .send()
        .await;
    assert_eq!(answer.status, 101);
    answer
}

/// It says what it is told, so it is there.
async fn echoes(answer: &mut Answer) {
    let mut wire = bytes::BytesMut::new();
    ExecFrame::Stdin("x".into()).encode(&mut wire);
    answer.stream.write_all(&wire).await.unwrap();
    answer.more().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_that_come_later_are_told_of_to_those_who_reach_them() {
    let rig = Rig::new();
    let token = rig.token(all()).await;
    let anns = hs256(&claims("ann"));
    let mut everything = follow(&rig, "/v1/events?follow=true", &token).await;
    let mut hers = follow(&rig, "/v1/events?follow=true", &anns).await;
    let bobs = rig.instance("b", Some("bob")).await;
    let of_bobs = ["\"type\":\"detect\"", bobs.as_str()];
    everything.says(1, &of_bobs).await;
    let ann = rig.instance("a", Some("ann")).await;
    hers.says(1, &[ann.as_str()]).await;
    // One that is made again after it was taken away is there again.
    rig.manager().down(bobs.as_str(), true).await.unwrap();
    assert_eq!(rig.instance("b", Some("bob")).await, bobs);
    everything.says(2, &of_bobs).await;
    rig.stop().await;
    assert!(!hers.whole().await.contains(bobs.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn revocation_ends_what_is_open_and_nothing_else() {
    let rig = Rig::new();
    let id = rig.instance("a", None).await;
    rig.run_container(&id).await;
    let (token, other) = (rig.token(all()).await, rig.token(all()).await);
    let events = format!("/v1/instances/{id}/events?follow=true");
    let mut open = follow(&rig, &events, &token).await;
    open.more().await;
    let everywhere = follow(&rig, "/v1/events?follow=true", &token).await;
    let mut shell = exec(&rig, id.as_str(), &token).await;
    echoes(&mut shell).await;
    let mut quiet = exec(&rig, id.as_str(), &token).await;
    echoes(&mut quiet).await;
    let mut others = exec(&rig, id.as_str(), &other).await;
    rig.revoke(&token).await;
    open.ended().await;
    everywhere.ended().await;
    shell.ended().await;
    quiet.ended().await;
    echoes(&mut others).await;
    let after = rig.ask("GET", &events).bearer(&token).status().await;
    assert_eq!(after, 401);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn expiry_ends_it_too() {
    let rig = Rig::new();
    let id = rig.instance("a", Some("ann")).await;
    rig.run_container(&id).await;
    let short = TokenRecord {
        expires: Some(Timestamp::now() + SignedDuration::from_millis(1500)),
        ..all()
    };
    let token = rig.token(short).await;
    let events = format!("/v1/instances/{id}/events?follow=true");
    let by_token = follow(&rig, &events, &token).await;
    // By the allowance for clocks that differ it has two seconds left.
    let jwt = hs256(&with(claims("ann"), "exp", json!(now() - 28)));
    let by_jwt = follow(&rig, &events, &jwt).await;
    let shell = exec(&rig, id.as_str(), &jwt).await;
    let mut lasting = exec(&rig, id.as_str(), &hs256(&claims("ann"))).await;
    by_token.ended().await;
    by_jwt.ended().await;
    shell.ended().await;
    echoes(&mut lasting).await;
    rig.stop().await;
}
