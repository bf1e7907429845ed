//! What the engine says of a preview's container: every field that holds it down.

use serde_json::Value;

use crate::{
    Test,
    host::{Host, docker},
};

pub const TESTS: &[Test] = &[("it_is_held_down", it_is_held_down)];

fn it_is_held_down() {
    let host = Host::new();
    host.up(&host.copy_of("flask-hello")).url();
    let text = docker(&["inspect", &host.container()]).join("\n");
    let all: Value = serde_json::from_str(&text).unwrap();
    let held = &all[0]["HostConfig"];
    assert_eq!(held["CapDrop"], serde_json::json!(["ALL"]), "{held:#}");
    assert_eq!(held["ReadonlyRootfs"], true, "{held:#}");
    assert_eq!(held["Privileged"], false, "{held:#}");
}
