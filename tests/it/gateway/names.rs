//! Inside, one name: what an app is told of where it is visited, by whichever door.

use std::{net::SocketAddr, sync::Arc};

use codemate_preview::{
    gateway::{PublicListener, Target},
    model::ProxyHost,
};
use http::{HeaderMap, HeaderValue, Request};
use hyper::Response;
use tokio::{
    io::{AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

use crate::help::tcp_dial::TcpDial;

use super::{
    upgrades::{header, line},
    world::{Answer, App, Body, World, full, mirror, soon, visit},
};

fn told(app: &App, host: ProxyHost, forwarded_host: bool) -> Target {
    Target::Ready {
        dial: Arc::new(TcpDial(([127, 0, 0, 1], app.port).into())),
        port: app.port,
        host,
        forwarded_host,
        generation: 1,
    }
}

/// What one of the app's own pages at `origin` sends.
fn own(path: &str, origin: &str) -> Request<Body> {
    let request = Request::post(path)
        .header("host", origin.split_once("://").unwrap().1)
        .header("origin", origin)
        .header("referer", format!("{origin}/form?a"));
    request.body(full("x")).unwrap()
}

/// The values of these, in this order; an empty one for what is not there.
fn seen<'a>(text: &'a str, names: &[&str]) -> Vec<&'a str> {
    let value = |name: &&str| {
        let mut lines = text.lines();
        lines.find_map(|line| line.strip_prefix(&format!("{name}: ")))
    };
    names.iter().map(|name| value(name).unwrap_or("")).collect()
}

const SAID: [&str; 5] = [
    "host",
    "origin",
    "referer",
    "x-forwarded-proto",
    "x-forwarded-host",
];

/// A mirror, and what leads to it at two public names.
async fn doors(host: ProxyHost, forwarded: bool) -> (World, App, PublicListener) {
    let (world, app) = World::with(mirror).await;
    world.target(told(&app, host, forwarded));
    let entrance = world.entrance(&["https://a.example", "http://b.example:8080"]);
    (world, app, entrance)
}

#[tokio::test]
async fn an_app_sees_one_name_whichever_door_was_taken() {
    let (world, _app, entrance) = doors(ProxyHost::Name, false).await;
    let inner = world.host();
    let ours = format!("http://{inner}");
    let page = format!("{ours}/form?a");
    let text = soon(world.ask(own("/x", &ours))).await.1;
    assert_eq!(seen(&text, &SAID), [&inner, &ours, &page, "http", ""]);
    for (origin, proto) in [
        ("https://a.example", "https"),
        ("http://b.example:8080", "http"),
    ] {
        let host = origin.split_once("://").unwrap().1;
        let text = soon(visit(&entrance, host, own("/x", origin))).await.1;
        assert_eq!(
            seen(&text, &SAID),
            [&inner, &ours, &page, proto, ""],
            "{origin}"
        );
    }
    // A tunnel program that says its target in place of the public name.
    let target = format!("localhost:{}", entrance.addr().port());
    let request = own("/x", &format!("http://{target}"));
    let text = soon(visit(&entrance, &target, request)).await.1;
    assert_eq!(seen(&text, &SAID), [&inner, &ours, &page, "http", ""]);
}

#[tokio::test]
async fn a_foreign_origin_stays_what_it_is() {
    let (_world, _app, entrance) = doors(ProxyHost::Name, false).await;
    for origin in [
        "https://evil.example",
        "http://a.example",
        "https://a.example:444",
        "null",
    ] {
        let mut request = Request::get("/").body(full("")).unwrap();
        let value = HeaderValue::from_str(origin).unwrap();
        request.headers_mut().insert("origin", value);
        let text = soon(visit(&entrance, "a.example", request)).await.1;
        assert_eq!(seen(&text, &["origin"]), [origin]);
    }
}

#[tokio::test]
async fn a_host_of_the_users_choice_is_told() {
    let host: ProxyHost = "shop.test:81".parse().unwrap();
    let (world, _app, entrance) = doors(host, false).await;
    let page = "http://shop.test:81/form?a";
    let local = format!("http://{}", world.host());
    let text = soon(world.ask(own("/", &local))).await.1;
    let inner = "http://shop.test:81";
    assert_eq!(
        seen(&text, &SAID),
        ["shop.test:81", inner, page, "http", ""]
    );
    let request = own("/", "https://a.example");
    let text = soon(visit(&entrance, "a.example", request)).await.1;
    assert_eq!(
        seen(&text, &SAID),
        ["shop.test:81", inner, page, "https", ""]
    );
}

#[tokio::test]
async fn the_forwarded_host_is_told_where_it_is_wanted_and_agrees_with_the_origin() {
    let (world, _app, entrance) = doors(ProxyHost::Name, true).await;
    let outer = "https://a.example";
    let text = soon(visit(&entrance, "a.example", own("/", outer))).await.1;
    assert_eq!(
        seen(&text, &SAID),
        [
            world.host().as_str(),
            outer,
            "https://a.example/form?a",
            "https",
            "a.example"
        ]
    );
    let (_world, _app, entrance) = doors(ProxyHost::Preserve, true).await;
    let text = soon(visit(&entrance, "a.example", own("/", outer))).await.1;
    assert_eq!(
        seen(&text, &["host", "x-forwarded-host"]),
        ["a.example", "a.example"]
    );
}

/// Leads to where the app was told that it is, in every way it can.
fn leading(request: Request<hyper::body::Incoming>) -> Answer {
    Box::pin(async move {
        let host = request.headers()["host"].to_str().unwrap().to_owned();
        let proto = request.headers()["x-forwarded-proto"].to_str().unwrap();
        let name = host.split(':').next().unwrap();
        Response::builder()
            .status(302)
            .header("location", format!("{proto}://{host}/next?a=b"))
            .header("content-location", format!("http://{host}/it"))
            .header("access-control-allow-origin", format!("http://{host}"))
            .header("refresh", format!("1; url=http://{host}/r"))
            .header(
                "link",
                format!("<http://{host}/2>; rel=next, </3>; rel=last"),
            )
            .header("set-cookie", format!("a=1; Domain={name}; Path=/; Secure"))
            .header("set-cookie", "b=2; Domain=localhost")
            .header("set-cookie", "c=3; HttpOnly")
            .body(full(""))
            .unwrap()
    })
}

fn values<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    let all = headers.get_all(name).iter();
    all.map(|value| value.to_str().unwrap()).collect()
}

#[tokio::test]
async fn what_an_app_leads_to_is_where_the_visitor_is() {
    let (world, app) = World::with(leading).await;
    world.target(told(&app, ProxyHost::Name, false));
    let entrance = world.entrance(&["https://a.example"]);
    let local = format!("http://{}", world.host());
    let here = soon(world.ask(world.get("/"))).await.0.headers;
    let request = Request::get("/").body(full("")).unwrap();
    let there = soon(visit(&entrance, "a.example", request)).await.0.headers;
    for (headers, place) in [(&here, local.as_str()), (&there, "https://a.example")] {
        let at = |path: &str| format!("{place}{path}");
        assert_eq!(headers["location"], at("/next?a=b"));
        assert_eq!(headers["content-location"], at("/it"));
        assert_eq!(headers["access-control-allow-origin"], at(""));
        assert_eq!(headers["refresh"], format!("1; url={}", at("/r")));
        let link = format!("<{}>; rel=next, </3>; rel=last", at("/2"));
        assert_eq!(headers["link"], link);
    }
    let kept = "a=1; Domain=shop.localhost; Path=/; Secure";
    assert_eq!(values(&here, "set-cookie"), [kept, "b=2", "c=3; HttpOnly"]);
    let narrowed = "a=1; Path=/; Secure";
    assert_eq!(
        values(&there, "set-cookie"),
        [narrowed, "b=2", "c=3; HttpOnly"]
    );
}

/// Takes a socket whose `Origin` is at its `Host`, as development servers do, and says which.
fn careful(mut request: Request<hyper::body::Incoming>) -> Answer {
    Box::pin(async move {
        let host = request.headers()["host"].to_str().unwrap().to_owned();
        let origin = request.headers()["origin"].to_str().unwrap();
        if origin != format!("http://{host}") {
            return Response::builder().status(403).body(full("")).unwrap();
        }
        let upgraded = hyper::upgrade::on(&mut request);
        let scope = codemate_preview::task::Scope::new();
        scope.spawn(async move {
            let mut stream = hyper_util::rt::TokioIo::new(upgraded.await.unwrap());
            let _ = stream.write_all(format!("{host}\n").as_bytes()).await;
        });
        Response::builder()
            .status(101)
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .body(full(""))
            .unwrap()
    })
}

#[tokio::test]
async fn a_socket_is_asked_for_by_the_same_name() {
    let (world, app) = World::with(careful).await;
    world.target(told(&app, ProxyHost::Name, false));
    let entrance = world.entrance(&["https://a.example"]);
    let inner = world.host();
    let cases: [(SocketAddr, &str, String, u16); 3] = [
        (
            ([127, 0, 0, 1], world.port).into(),
            inner.as_str(),
            format!("http://{inner}"),
            101,
        ),
        (
            entrance.addr(),
            "a.example",
            "https://a.example".to_owned(),
            101,
        ),
        (
            entrance.addr(),
            "a.example",
            "https://evil.example".to_owned(),
            403,
        ),
    ];
    for (at, host, origin, status) in cases {
        let mut stream = BufReader::new(TcpStream::connect(at).await.unwrap());
        let wish = format!(
            "GET /hmr HTTP/1.1\r\nhost: {host}\r\norigin: {origin}\r\nconnection: upgrade\r\n\
             upgrade: websocket\r\n\r\n"
        );
        stream.write_all(wish.as_bytes()).await.unwrap();
        let answer = header(&mut stream).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        if status == 101 {
            assert_eq!(line(&mut stream).await, format!("{inner}\n"));
        }
    }
}
