//! `share`, and who may visit as `up` says it, against an agent that answers as told.

use codemate_preview::model::{Event, Secret, UpOutcome, Urls};
use serde_json::{Value, json};

use crate::help::{
    agent::{Answer, End, FakeAgent},
    program::World,
};

const LINK: &str = "https://shop.preview.example/?__cm=s3cret";

fn world() -> (World, FakeAgent) {
    let world = World::new();
    let agent = FakeAgent::start(&world);
    (world, agent)
}

fn up() -> Vec<Event> {
    let outcome = UpOutcome::success(
        true,
        Some(Urls {
            local: "http://shop.localhost:7080".to_owned(),
            public: Some("https://shop.preview.example".parse().unwrap()),
        }),
    );
    vec![Event::Result(outcome.with_link(Some(Secret::new(LINK))))]
}

#[test]
fn up_prints_the_link_and_says_only_what_its_user_said() {
    let (world, agent) = world();
    agent.on_start(&up(), End::Proper);
    let said = |args: &[&str]| {
        let ran = world.run(&[&["up"], args].concat());
        assert_eq!((ran.code, ran.stdout), (Some(0), format!("{LINK}\n")));
        let asked = agent.asked("POST /v1/instances/start").unwrap();
        (asked["public"].clone(), asked["expires"].clone())
    };
    assert_eq!(said(&[]), (Value::Null, Value::Null));
    assert_eq!(said(&["--public"]), (json!(true), Value::Null));
    assert_eq!(said(&["--private"]), (json!(false), Value::Null));
    assert_eq!(said(&["--expires", "2h"]), (Value::Null, json!("2h")));
    assert_eq!(said(&["--expires", "never"]).1, json!("never"));
    let shown = world.run(&["up", "--json"]).json();
    assert_eq!(shown[0]["data"]["link"], LINK);
    for wrong in [&["--public", "--private"][..], &["--expires", "soon"]] {
        assert_eq!(world.run(&[&["up"], wrong].concat()).code, Some(2));
    }
    // Neither a project's file nor the environment has a word for it.
    for grasping in ["public = true\n", "[share]\npublic = true\n"] {
        world.write("codemate-preview.toml", grasping);
        assert_eq!(world.run(&["up"]).code, Some(6), "{grasping}");
    }
    world.write("codemate-preview.toml", "");
    let ran = world.run_with(&["up"], |command| {
        command.env("CODEMATE_PREVIEW_PUBLIC", "true");
    });
    assert_eq!(ran.code, Some(0));
    let asked = agent.asked("POST /v1/instances/start").unwrap();
    assert_eq!(asked["public"], Value::Null);
}

#[test]
fn new_prints_one_line() {
    let (world, agent) = world();
    let route = "/v1/instances/shop/share/new";
    let view = json!({ "name": "shop", "link": LINK, "id": "00c0ffee" });
    agent.on("POST", route, Answer::Json(view));
    let args = ["share", "new", "shop", "--expires", "7d", "--label", "Ada"];
    let ran = world.run(&args);
    assert_eq!((ran.code, ran.stdout), (Some(0), format!("{LINK}\n")));
    assert_eq!(
        agent.asked(&format!("POST {route}")),
        Some(json!({ "label": "Ada", "expires": "7days" }))
    );
    let shown = world.run(&[&args[..], &["--json"]].concat()).json();
    assert_eq!(shown[0]["data"]["link"], LINK);
    assert_eq!(shown[0]["data"]["id"], "00c0ffee");
}

fn shares() -> Value {
    let link = |id: &str, state: &str| json!({ "id": id, "state": state, "label": "A\u{1b}[2Jda", "created": "2026-11-23T14:03:11Z" });
    json!({ "shares": [
        { "instance": "0123456789ab", "name": "shop", "public": true,
            "links": [link("00c0ffee", "good"), link("0badf00d", "revoked")] },
        { "instance": "ba9876543210", "name": "blog", "public": false,
            "links": [link("11111111", "expired")] },
    ] })
}

#[test]
fn ls_shows_links_without_what_opens_them() {
    let (world, agent) = world();
    agent.on("GET", "/v1/shares", Answer::Json(shares()));
    insta::assert_snapshot!(world.run(&["share", "ls"]).all(), @"
    exit 0
    --- stdout
    NAME  ID        STATE    ENDS   LABEL
    shop  -         public   never  -
    shop  00c0ffee  good     never  Ada
    shop  0badf00d  revoked  over   Ada
    blog  11111111  expired  over   Ada
    --- stderr
    ");
    let none = json!({ "shares": [] });
    agent.on("GET", "/v1/shares", Answer::Json(none));
    let ran = world.run(&["share", "ls"]);
    assert!(ran.stdout.is_empty() && ran.stderr.contains("share new"));
}

#[test]
fn revoke_finds_whose_each_link_is() {
    let (world, agent) = world();
    agent.on("GET", "/v1/shares", Answer::Json(shares()));
    for id in ["0123456789ab", "ba9876543210", "shop"] {
        let route = format!("/v1/instances/{id}/share/revoke");
        let revoked = json!({ "revoked": ["00c0ffee"] });
        agent.on("POST", &route, Answer::Json(revoked));
    }
    let asked = |id: &str| agent.asked(&format!("POST /v1/instances/{id}/share/revoke"));
    let unknown = world.run(&["share", "revoke", "00c0ffee", "22222222"]);
    assert_eq!(unknown.code, Some(3), "{}", unknown.stderr);
    assert_eq!(asked("0123456789ab"), None, "all or none");
    let ran = world.run(&["share", "revoke", "00c0ffee", "11111111"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let one = |id: &str| Some(json!({ "links": [id], "all": false }));
    assert_eq!(asked("0123456789ab"), one("00c0ffee"));
    assert_eq!(asked("ba9876543210"), one("11111111"));
    let ran = world.run(&["share", "revoke", "--all-of", "shop"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(asked("shop"), Some(json!({ "links": [], "all": true })));
    for wrong in [&[][..], &["x"], &["00c0ffee", "--all-of", "shop"]] {
        let ran = world.run(&[&["share", "revoke"], wrong].concat());
        assert_eq!(ran.code, Some(2), "{wrong:?}");
    }
}
