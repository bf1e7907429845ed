//! `tunnel`, and what other commands say of tunnels, against an agent that answers as told.

use codemate_preview::model::{Event, UpOutcome, Urls, Verification};
use serde_json::{Value, json};

use crate::help::{
    agent::{Answer, End, FakeAgent},
    program::World,
};

const PUBLIC: &str = "https://shop.preview.example";

fn world() -> (World, FakeAgent) {
    let world = World::new();
    let agent = FakeAgent::start(&world);
    (world, agent)
}

fn opened() -> Vec<Event> {
    let url = PUBLIC.parse().unwrap();
    vec![
        Event::TunnelReady {
            kind: "ngrok".parse().unwrap(),
            url,
            verified: Verification::EndToEnd,
        },
        Event::Result(UpOutcome::success(
            true,
            Some(Urls {
                local: "http://shop.localhost:7080".to_owned(),
                public: Some(PUBLIC.parse().unwrap()),
            }),
        )),
    ]
}

fn instance(public: Option<&str>, tunnel: &Value) -> Value {
    json!({
        "id": "0123456789ab", "name": "shop", "source": { "kind": "local", "directory": "/p" },
        "phase": "ready", "since": "2026-11-23T14:03:11Z", "port": 5000,
        "urls": { "local": "http://shop.localhost:7080", "public": public },
        "template": "flask", "image": "codemate/python:3.13", "generation": 1,
        "limits": { "cpus": 1.0, "memory_bytes": 1, "pids": 1, "open_files": 1, "log_bytes": 1,
            "tmp_bytes": 1 },
        "created": "2026-11-23T14:03:11Z", "tunnel": tunnel,
    })
}

#[test]
fn start_prints_the_public_url_and_sends_the_kind_and_what_the_environment_has() {
    let (world, agent) = world();
    let route = "/v1/instances/shop/tunnel/open";
    agent.on("POST", route, Answer::Lines(opened(), End::Proper));
    let ran = world.run_with(
        &["tunnel", "start", "shop", "--tunnel", "ngrok"],
        |command| {
            command.env("NGROK_AUTHTOKEN", "t0ken");
        },
    );
    insta::assert_snapshot!(ran.all(), @"
    exit 0
    --- stdout
    https://shop.preview.example
    --- stderr
    ✓ tunnel   https://shop.preview.example
    ");
    assert_eq!(
        agent.asked(&format!("POST {route}")),
        Some(json!({ "kind": "ngrok", "credentials": { "ngrok": "t0ken" } }))
    );
}

#[test]
fn up_sends_the_choice_and_an_unknown_one_is_refused_early() {
    let (world, agent) = world();
    agent.on_start(&opened(), End::Proper);
    let choice = |agent: &FakeAgent| {
        let asked = agent.asked("POST /v1/instances/start").unwrap();
        asked["options"]["tunnel"].clone()
    };
    assert_eq!(world.run(&["up", "--tunnel", "none"]).code, Some(0));
    assert_eq!(choice(&agent), json!("none"));
    world.write("codemate-preview.toml", "tunnel = \"pinggy\"\n");
    assert_eq!(world.run(&["up"]).code, Some(0));
    assert_eq!(choice(&agent), json!("pinggy"));
    let by_variable = world.run_with(&["up"], |command| {
        command.env("CODEMATE_PREVIEW_TUNNEL", "ssh");
    });
    assert_eq!(by_variable.code, Some(0));
    assert_eq!(
        choice(&agent),
        json!("ssh"),
        "the environment over the file"
    );

    let refused = world.run(&["up", "--tunnel", "cloudfare"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("cloudflare"), "{}", refused.stderr);
    let refused = world.run_with(&["up"], |command| {
        command.env("CODEMATE_PREVIEW_TUNNEL", "x");
    });
    assert_eq!(refused.code, Some(6), "{}", refused.stderr);
    world.write("codemate-preview.toml", "tunnel = \"x\"\n");
    assert_eq!(world.run(&["up"]).code, Some(6));
}

#[test]
fn url_says_which_one_is_wanted() {
    let (world, agent) = world();
    let route = "/v1/instances/shop";
    let ready = json!({ "kind": "static", "state": "ready", "url": PUBLIC,
        "verified": { "how": "end_to_end" } });
    agent.on("GET", route, Answer::Json(instance(Some(PUBLIC), &ready)));
    let own = "/v1/instances/0123456789ab/share/own";
    agent.on(
        "POST",
        own,
        Answer::Json(json!({ "name": "shop", "url": PUBLIC })),
    );
    let printed = |args: &[&str]| world.run(args).stdout;
    assert_eq!(printed(&["url", "shop"]), format!("{PUBLIC}\n"));
    assert_eq!(printed(&["url", "shop", "--public"]), format!("{PUBLIC}\n"));
    let link = format!("{PUBLIC}/?__cm=s3cret");
    agent.on(
        "POST",
        own,
        Answer::Json(json!({ "name": "shop", "url": PUBLIC, "link": link })),
    );
    assert_eq!(printed(&["url", "shop"]), format!("{link}\n"));
    assert_eq!(printed(&["url", "shop", "--public"]), format!("{link}\n"));
    let shown: Value = serde_json::from_str(&printed(&["url", "shop", "--json"])).unwrap();
    assert_eq!(shown["data"]["url"], json!(link));
    assert_eq!(shown["data"]["urls"]["public"], json!(PUBLIC));
    assert_eq!(
        printed(&["url", "shop", "--local"]),
        "http://shop.localhost:7080\n"
    );
    assert_eq!(world.run(&["url", "--public", "--local"]).code, Some(2));

    agent.on("GET", route, Answer::Json(instance(None, &Value::Null)));
    let none = world.run(&["url", "shop", "--public"]);
    assert_eq!((none.code, none.stdout.as_str()), (Some(11), ""));
    assert!(none.stderr.contains("it has no tunnel"), "{}", none.stderr);

    let refused = json!({ "kind": "ngrok", "state": "failed", "problem": {
        "code": "E_CREDENTIAL", "message": "ngrok refused the credential", "hint": "set it" } });
    agent.on("GET", route, Answer::Json(instance(None, &refused)));
    let failed = world.run(&["url", "shop", "--public"]);
    assert_eq!(failed.code, Some(4), "{}", failed.stderr);
}

#[test]
fn ls_and_status_tell_how_a_tunnel_is() {
    let (world, agent) = world();
    let ready = json!({ "kind": "static", "state": "ready", "url": PUBLIC,
        "verified": { "how": "unverified", "reason": "no name" } });
    let mut listed = ready.clone();
    listed["instance"] = json!("0123456789ab");
    listed["name"] = json!("shop");
    agent.on(
        "GET",
        "/v1/tunnels",
        Answer::Json(json!({ "tunnels": [listed] })),
    );
    insta::assert_snapshot!(world.run(&["tunnel", "ls"]).all(), @"
    exit 0
    --- stdout
    NAME  KIND    STATE                  URL
    shop  static  not verified: no name  https://shop.preview.example
    --- stderr
    ");
    agent.on(
        "GET",
        "/v1/instances/shop",
        Answer::Json(instance(Some(PUBLIC), &ready)),
    );
    let status = world.run(&["status", "shop"]).stdout;
    assert!(status.contains("static, not verified: no name"), "{status}");
    agent.on("GET", "/v1/tunnels", Answer::Json(json!({ "tunnels": [] })));
    let none = world.run(&["tunnel", "ls"]);
    assert_eq!((none.code, none.stdout.as_str()), (Some(0), ""));
}

#[test]
fn doctor_fails_for_what_is_broken_and_for_what_was_asked_for() {
    let (world, agent) = world();
    let absent = json!({ "kind": "ngrok", "verdict": "absent", "detail": "no token",
        "fix": "set NGROK_AUTHTOKEN" });
    agent.on(
        "POST",
        "/v1/tunnels/check",
        Answer::Json(json!({ "checks": [absent] })),
    );
    insta::assert_snapshot!(world.run(&["tunnel", "doctor"]).all(), @"
    exit 0
    --- stdout
    - ngrok            no token
      fix: set NGROK_AUTHTOKEN
    --- stderr
    ");
    assert_eq!(world.run(&["tunnel", "doctor", "ngrok"]).code, Some(11));
    let asked = agent.asked("POST /v1/tunnels/check").unwrap();
    assert_eq!(
        (&asked["kind"], &asked["online"]),
        (&json!("ngrok"), &json!(true))
    );
    let bad = json!({ "kind": "ssh", "verdict": "bad", "detail": "the key is not readable" });
    agent.on(
        "POST",
        "/v1/tunnels/check",
        Answer::Json(json!({ "checks": [bad] })),
    );
    assert_eq!(world.run(&["tunnel", "doctor", "--offline"]).code, Some(11));
}

#[test]
fn stop_says_whether_there_was_one() {
    let (world, agent) = world();
    let route = "/v1/instances/shop/tunnel/close";
    agent.on(
        "POST",
        route,
        Answer::Json(json!({ "name": "shop", "closed": true })),
    );
    let ran = world.run(&["tunnel", "stop", "shop"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""));
    assert!(
        ran.stderr.contains("the public URL is gone"),
        "{}",
        ran.stderr
    );
}
