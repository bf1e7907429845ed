//! Paths that are for nobody outside, however they are spelled.

use codemate_preview::{
    gateway::{PublicListener, Target},
    model::ProxyHost,
};
use http::HeaderValue;

use super::world::{App, World, hello, mirror, raw, ready, soon, visit};

const DENIED: [&str; 3] = ["/console", "*/__open-in-editor*", "*?__debugger__=*"];

async fn denying(host: ProxyHost) -> (World, App, PublicListener) {
    let (world, app) = World::with(mirror).await;
    world.deny(ready(app.port, host, 1), &DENIED);
    let entrance = world.entrance(&["https://a.example"]);
    (world, app, entrance)
}

async fn get(entrance: &PublicListener, target: &str) -> String {
    let request = format!("GET {target} HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\n\r\n");
    soon(raw(entrance, request.as_bytes())).await
}

#[tokio::test]
async fn no_spelling_of_a_private_path_reaches_the_app() {
    for host in [ProxyHost::Name, ProxyHost::Localhost, ProxyHost::Preserve] {
        no_spelling_reaches(host).await;
    }
}

/// A debugger that trusts visitors by the name the app is told, as Werkzeug's does, is shut to
/// them by its paths alone.
async fn no_spelling_reaches(host: ProxyHost) {
    let (_world, app, entrance) = denying(host).await;
    for target in [
        "/console",
        "/console/",
        "/console?x=1",
        "/%63onsole",
        "/%63%4F%6e%73%6Fle",
        "/%2563onsole",
        "//console",
        "/./console",
        "/x/../console",
        "/x/%2e%2E/console",
        "/x%2F..%2fconsole",
        "/console;a=b",
        "/x/..;/console",
        "/CONSOLE",
        "/console#x",
        "http://a.example/console",
        "https://a.example//%63onsole",
        "/__open-in-editor?file=/etc/passwd",
        "/base/__Open-In-Editor",
        "/__open-in-editor/../x",
        "/?__debugger__=yes&cmd=resource&f=debugger.js",
        "/?a=1&__debugger__=yes",
        "/a/b?a=1&__debug%67er__=yes",
        "/?a;__debugger__=yes",
        "http://a.example?__debugger__=yes",
    ] {
        let answer = get(&entrance, target).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{target}: {answer}");
        assert!(answer.contains("keeps this path private"), "{answer}");
    }
    assert_eq!(app.requests(), 0);
}

#[tokio::test]
async fn what_is_not_private_passes_as_it_was_spelled() {
    let (_world, _app, entrance) = denying(ProxyHost::Preserve).await;
    for target in [
        "/",
        "/consoles",
        "/x/console",
        "/%2563onsol/../%41//b;c=d?e=%2F&f",
        "/console/x",
        "/?x=__debugger__=yes",
        "/?debugger=yes",
        "/open-in-editor",
    ] {
        let answer = get(&entrance, target).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{target}: {answer}");
        assert!(answer.contains(&format!("GET {target}\n")), "{answer}");
    }
}

#[tokio::test]
async fn at_this_machine_nothing_is_private() {
    let (world, app, entrance) = denying(ProxyHost::Name).await;
    for path in ["/console", "/?__debugger__=yes"] {
        let text = soon(world.ask(world.get(path))).await.1;
        assert!(text.starts_with(&format!("GET {path}\n")), "{text}");
    }
    assert_eq!(app.requests(), 2);
    assert!(
        get(&entrance, "/console")
            .await
            .starts_with("HTTP/1.1 403 ")
    );
}

#[tokio::test]
async fn every_method_and_every_entrance_is_refused() {
    let (world, app) = World::with(hello).await;
    world.deny(ready(app.port, ProxyHost::Localhost, 1), &DENIED);
    let shared = world.shared("shop", 0, "https://b.example");
    let own = world.entrance(&["https://a.example"]);
    let port = own.addr().port();
    for (entrance, host) in [
        (&own, "a.example".to_owned()),
        (&own, format!("localhost:{port}")),
        (&shared, "b.example".to_owned()),
    ] {
        for method in ["GET", "HEAD", "POST", "OPTIONS", "PROPFIND"] {
            let mut request = world.get("/console");
            *request.method_mut() = method.parse().unwrap();
            let html = HeaderValue::from_static("text/html");
            request.headers_mut().insert("accept", html);
            let (parts, _) = soon(visit(entrance, &host, request)).await;
            assert_eq!(parts.status, 403, "{method} {host}");
        }
    }
    assert_eq!(app.requests(), 0);
    // Nor does a path's privacy depend on the app's being there.
    world.deny(Target::Asleep, &DENIED);
    assert!(get(&own, "/console").await.starts_with("HTTP/1.1 403 "));
    assert!(get(&own, "/").await.starts_with("HTTP/1.1 503 "));
}
