//! Who asks too often, says too much, or says nothing.

use codemate_preview::config::ApiSettings;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{
    rig::{PATIENCE, Rig, all, settings},
    signer::SECRET,
};

const PATH: &str = "/v1/instances";

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_asks_too_often_waits_and_no_other() {
    let slow = ApiSettings {
        rate_per_minute: Some(3),
        ..settings()
    };
    let rig = Rig::with(&slow, Some(SECRET));
    let (token, other) = (rig.token(all()).await, rig.token(all()).await);
    let ask = |token: &str| rig.ask("GET", PATH).bearer(token);
    for _ in 0..3 {
        assert_eq!(ask(&token).status().await, 200);
    }
    let refused = ask(&token).send().await;
    assert_eq!(refused.status, 429);
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=21).contains(&wait), "{wait}");
    assert_eq!(ask(&other).status().await, 200);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_is_slowed_and_shuts_nobody_out() {
    let rig = Rig::new();
    let token = rig.token(all()).await;
    let guess = || rig.ask("GET", PATH).bearer("cm_0");
    let mut last = 401;
    for _ in 0..40 {
        last = guess().status().await;
    }
    assert_eq!(last, 429);
    assert_eq!(rig.ask("GET", PATH).bearer(&token).status().await, 200);
    let written = rig.audit().len();
    assert!(
        written <= 35,
        "guesses do not push out what matters: {written}"
    );
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused() {
    let rig = Rig::new();
    let token = rig.token(all()).await;
    let stop = |pad: usize| {
        let body = json!({ "instances": [], "pad": "x".repeat(pad) });
        rig.ask("POST", "/v1/instances/stop")
            .bearer(&token)
            .json(&body)
    };
    assert_eq!(stop(1 << 20).status().await, 200, "the control");
    assert!(matches!(stop(3 << 20).status().await, 0 | 413));
    let head = rig.ask("GET", PATH).bearer(&token);
    let long = head.clone().header("x-pad", &"x".repeat(100 << 10));
    assert!(matches!(long.status().await, 0 | 431));
    let mut many = head.clone();
    for number in 0..70 {
        many = many.header(&format!("x-{number}"), "1");
    }
    assert!(matches!(many.status().await, 0 | 431));
    assert_eq!(head.status().await, 200);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_holds_so_many_connections() {
    let rig = Rig::new();
    let mut held = Vec::new();
    for _ in 0..64 {
        held.push(TcpStream::connect(rig.at).await.unwrap());
    }
    let mut more = TcpStream::connect(rig.at).await.unwrap();
    let said = timeout(PATIENCE, more.read(&mut [0; 1])).await.unwrap();
    assert!(!said.is_ok_and(|read| read > 0), "it is closed unanswered");
    held.clear();
    let token = rig.token(all()).await;
    // They are given back as their ends are noticed.
    let ask = rig.ask("GET", PATH).bearer(&token);
    loop {
        let mut stream = TcpStream::connect(rig.at).await.unwrap();
        let probe = format!("GET {PATH} HTTP/1.1\r\nhost: {}\r\n\r\n", rig.at);
        let _ = stream.write_all(probe.as_bytes()).await;
        if stream.read(&mut [0; 1]).await.is_ok_and(|read| read > 0) {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(ask.status().await, 200);
    rig.stop().await;
}
