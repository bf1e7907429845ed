//! Ports that are asked for by their number: who reaches which, by which door.

use std::{io, sync::Arc};

use codemate_preview::{
    gateway::{AccessPolicy, PublicListener},
    model::{ProxyHost, PublicAccess, Shares},
};
use http::StatusCode;
use hyper::{Request, Response};

use super::{
    links::{BROWSER, private, shop},
    world::{App, Body, World, full, hello, mirror, ready, soon, visit},
};

/// `shop`, whose app says hello, with a mirror at 3001 and debuggers, one at a port of its choice.
async fn shop_with_ports() -> (World, App, App) {
    let (world, app) = World::with(hello).await;
    world.show(app.port, ProxyHost::Name, 1);
    let api = App::start(&world.scope, mirror).await;
    world.ports.set(3001, Ok(api.port));
    world.ports.set(9229, Ok(api.port));
    world.ports.set(4711, Err(io::ErrorKind::PermissionDenied));
    world.ports.set(6379, Err(io::ErrorKind::InvalidData));
    (world, app, api)
}

/// Of these ports everyone may come to, from outside.
fn exposing(ports: &[u16]) -> Arc<AccessPolicy> {
    let gate = AccessPolicy::new(shop(), &[]);
    gate.update(&Shares {
        public: Some(PublicAccess { expires: None }),
        ports: ports.iter().copied().collect(),
        ..Shares::default()
    });
    gate
}

fn ask(world: &World, host: &str) -> Request<Body> {
    let mut request = world.get("/x?y");
    request.headers_mut().insert("host", host.parse().unwrap());
    request
}

async fn at_home(world: &World, label: &str) -> (StatusCode, String) {
    let host = format!("{label}.localhost:{}", world.port);
    let (parts, text) = soon(world.ask(ask(world, &host))).await;
    (parts.status, text)
}

async fn outside(world: &World, entrance: &PublicListener, host: &str) -> (StatusCode, String) {
    let (parts, text) = soon(visit(entrance, host, ask(world, host))).await;
    (parts.status, text)
}

fn says(text: &str, line: &str) -> bool {
    text.lines().any(|it| it == line)
}

#[tokio::test]
async fn a_port_is_found_before_the_name() {
    let (world, app, api) = shop_with_ports().await;
    let (status, text) = at_home(&world, "3001--shop").await;
    assert_eq!(status, 200);
    assert!(text.starts_with("GET /x?y\n"), "{text}");
    let host = format!("host: 3001--shop.localhost:{}", world.port);
    assert!(says(&text, &host), "{text}");
    assert!(says(&text, "x-forwarded-proto: http"), "{text}");
    assert_eq!((app.requests(), api.requests()), (0, 1));
    assert_eq!(
        at_home(&world, "shop").await,
        (StatusCode::OK, "hello".to_owned())
    );
    // An app that knows `localhost` alone hears it of its other ports too.
    world.show(app.port, ProxyHost::Localhost, 1);
    let (_, text) = at_home(&world, "3001--shop").await;
    assert!(says(&text, "host: localhost:3001"), "{text}");
}

#[tokio::test]
async fn who_asks_for_nothing_is_told_what_there_is() {
    let (world, _app, api) = shop_with_ports().await;
    for (label, status, said) in [
        ("3002--shop", 502, "nothing listens on port 3002 of shop"),
        ("3002--shop", 502, "listened on: 3001, 6379"),
        ("6379--shop", 502, "speaks no HTTP"),
        ("3001--blog", 404, "no preview"),
        ("0--shop", 404, "no preview"),
        ("03001--shop", 404, "no preview"),
        ("70000--shop", 404, "no preview"),
        ("3001---shop", 404, "no preview"),
    ] {
        let (got, text) = at_home(&world, label).await;
        assert_eq!(got, status, "{label}: {text}");
        assert!(text.contains(said), "{label}: {text}");
        assert!(!text.contains("4711"), "no debugger is offered: {text}");
    }
    assert_eq!(api.requests(), 0);
}

#[tokio::test]
async fn a_debugger_answers_nobody() {
    let (world, app, api) = shop_with_ports().await;
    let all = [9229, 9230, 4711, 3001];
    let entrance = world.entrance_by(&exposing(&all), &["https://a.example"]);
    for port in [9229, 9230, 4711] {
        let (status, text) = at_home(&world, &format!("{port}--shop")).await;
        assert_eq!(status, 403, "{port}: {text}");
        assert!(text.contains("debugger"), "{text}");
        let (status, text) = outside(&world, &entrance, &format!("{port}--a.example")).await;
        assert_eq!(status, 403, "{port}: {text}");
    }
    assert_eq!((app.requests(), api.requests()), (0, 0));
    // The control: what is no debugger's answers at both.
    assert_eq!(at_home(&world, "3001--shop").await.0, 200);
    assert_eq!(outside(&world, &entrance, "3001--a.example").await.0, 200);
}

#[tokio::test]
async fn outside_a_port_is_open_that_was_named_and_no_other() {
    let (world, _app, api) = shop_with_ports().await;
    let gate = exposing(&[]);
    let entrance = world.entrance_by(&gate, &["https://a.example", "http://b.example:8080"]);
    for host in ["3001--a.example", "3002--a.example", "3001--b.example:8080"] {
        let (status, text) = outside(&world, &entrance, host).await;
        assert_eq!(status, 403, "{host}");
        assert!(text.contains("private"), "{text}");
        assert!(!text.contains("6379"), "what listens is not told: {text}");
    }
    for host in ["3001--c.example", "3001--a.example:80", "03001--a.example"] {
        assert_eq!(outside(&world, &entrance, host).await.0, 404, "{host}");
    }
    assert_eq!(api.requests(), 0);
    gate.update(&Shares {
        public: Some(PublicAccess { expires: None }),
        ports: [3001, 3002].into(),
        ..Shares::default()
    });
    let (status, text) = outside(&world, &entrance, "3001--a.example").await;
    assert_eq!(status, 200);
    let host = format!("host: 3001--shop.localhost:{}", world.port);
    assert!(says(&text, &host), "{text}");
    assert!(says(&text, "x-forwarded-proto: https"), "{text}");
    let (status, text) = outside(&world, &entrance, "3002--a.example").await;
    assert_eq!(status, 502);
    assert!(!text.contains("6379"), "what listens is not told: {text}");
    // Taken back, it is shut at once.
    gate.update(&Shares {
        public: Some(PublicAccess { expires: None }),
        ..Shares::default()
    });
    assert_eq!(outside(&world, &entrance, "3001--a.example").await.0, 403);
}

#[tokio::test]
async fn a_port_of_a_private_preview_is_private() {
    let (world, _app, api) = shop_with_ports().await;
    let gate = private(&[]);
    gate.update(&Shares {
        ports: [3001].into(),
        ..Shares::default()
    });
    let entrance = world.entrance_by(&gate, &["https://a.example"]);
    for host in ["3001--a.example", "3002--a.example", "9229--a.example"] {
        let (status, text) = outside(&world, &entrance, host).await;
        assert_eq!(status, 401, "{host}: {text}");
    }
    assert_eq!(api.requests(), 0);
}

#[tokio::test]
async fn what_is_denied_of_the_app_is_denied_of_its_ports() {
    let (world, app, api) = shop_with_ports().await;
    world.deny(ready(app.port, ProxyHost::Name, 1), &["*?__debugger__=*"]);
    let entrance = world.entrance_by(&exposing(&[3001]), &["https://a.example"]);
    let mut request = world.get("/?__debugger__=yes");
    let html = BROWSER[0].1.parse().unwrap();
    request.headers_mut().insert("accept", html);
    let (parts, _) = soon(visit(&entrance, "3001--a.example", request)).await;
    assert_eq!(parts.status, 403);
    assert_eq!(api.requests(), 0);
}

#[tokio::test]
async fn the_origin_of_a_port_is_its_own() {
    let (world, _app, api) = shop_with_ports().await;
    let origin = |label: &str| format!("http://{label}.localhost:{}", world.port);
    for (from, to, status) in [
        ("3001--shop", "3001--shop", 200),
        ("shop", "3001--shop", 403),
        ("3002--shop", "3001--shop", 403),
        ("3001--shop", "shop", 403),
        ("shop", "shop", 200),
    ] {
        let mut request = world.request("POST", "/", full("a=b"));
        let headers = request.headers_mut();
        let host = format!("{to}.localhost:{}", world.port);
        headers.insert("host", host.parse().unwrap());
        headers.insert("origin", origin(from).parse().unwrap());
        let (parts, text) = soon(world.ask(request)).await;
        assert_eq!(parts.status, status, "{from} to {to}: {text}");
    }
    assert_eq!(api.requests(), 1);
}

#[tokio::test]
async fn a_cookie_of_a_port_stays_with_it() {
    let (world, _app, _api) = shop_with_ports().await;
    let api = App::start(&world.scope, |request| {
        Box::pin(async move {
            let host = request.headers()["host"].to_str().unwrap().to_owned();
            Response::builder()
                .status(302)
                .header("location", format!("http://{host}/next"))
                .header("set-cookie", "a=1; Domain=shop.localhost")
                .header("set-cookie", "b=2; Domain=a.example")
                .body(full(""))
                .unwrap()
        })
    })
    .await;
    world.ports.set(3001, Ok(api.port));
    let entrance = world.entrance_by(&exposing(&[3001]), &["https://a.example"]);
    let local = format!("3001--shop.localhost:{}", world.port);
    let here = soon(world.ask(ask(&world, &local))).await.0.headers;
    let host = "3001--a.example";
    let there = soon(visit(&entrance, host, ask(&world, host))).await.0;
    for (headers, place) in [
        (here, format!("http://{local}")),
        (there.headers, "https://3001--a.example".to_owned()),
    ] {
        assert_eq!(headers["location"], format!("{place}/next"));
        let cookies: Vec<_> = headers.get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["a=1", "b=2"]);
    }
}

#[tokio::test]
async fn a_preview_that_is_called_like_a_port_takes_nobodys() {
    let (world, _app, api) = shop_with_ports().await;
    let other = App::start(&world.scope, hello).await;
    world.route("3001--shop", ready(other.port, ProxyHost::Name, 1));
    at_home(&world, "3001--shop").await;
    assert_eq!((api.requests(), other.requests()), (1, 0));
    world.route("3001--blog", ready(other.port, ProxyHost::Name, 1));
    assert_eq!(at_home(&world, "3001--blog").await.0, 200);
    assert_eq!(other.requests(), 1, "where there is no preview `blog`");
}
