//! What an app sees of a visitor from outside, and such a visitor of an app.

use codemate_preview::{
    gateway::{Load, Target},
    model::{Code, Problem, ProxyHost},
};
use http::{HeaderMap, HeaderValue, StatusCode};
use hyper::{Request, Response};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

use super::{
    streams::h2,
    upgrades::{agree, header, line},
    world::{Body, World, full, mirror, read, soon, visit},
};

fn ask(headers: &[(&'static str, &str)]) -> Request<Body> {
    let mut request = Request::get("/a?b").body(full("")).unwrap();
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).unwrap();
        request.headers_mut().append(*name, value);
    }
    request
}

const FORGED: [(&str, &str); 12] = [
    ("x-forwarded-for", "6.6.6.6"),
    ("x-forwarded-host", "evil.example"),
    ("x-forwarded-proto", "gopher"),
    ("x-forwarded-port", "666"),
    ("x-forwarded-prefix", "/evil"),
    ("forwarded", "for=6.6.6.6"),
    ("x-real-ip", "6.6.6.6"),
    ("cf-connecting-ip", "6.6.6.6"),
    ("true-client-ip", "6.6.6.6"),
    ("x-client-ip", "6.6.6.6"),
    ("x-original-url", "/admin"),
    ("x-rewrite-url", "/admin"),
];

/// The headers a mirror saw, in order of their names.
fn seen(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text
        .lines()
        .skip(1)
        .take_while(|it| !it.is_empty())
        .collect();
    lines.sort_unstable();
    lines
}

#[tokio::test]
async fn an_app_is_told_the_public_name_and_nothing_a_visitor_claims() {
    let (world, _app) = World::with(mirror).await;
    let entrance = world.entrance(&["https://a.example"]);
    let mut request = ask(&FORGED);
    let own = [
        ("origin", "https://a.example"),
        ("referer", "https://a.example/p"),
        ("sec-fetch-site", "same-origin"),
    ];
    for (name, value) in own {
        let value = HeaderValue::from_static(value);
        request.headers_mut().insert(name, value);
    }
    let text = soon(visit(&entrance, "A.example:443", request)).await.1;
    assert!(text.starts_with("GET /a?b\n"), "{text}");
    assert_eq!(
        seen(&text),
        [
            "host: a.example",
            "origin: https://a.example",
            "referer: https://a.example/p",
            "sec-fetch-site: same-origin",
            "x-forwarded-for: 127.0.0.1",
            "x-forwarded-proto: https",
        ]
    );
}

#[tokio::test]
async fn an_app_that_only_knows_localhost_hears_nothing_else() {
    let (world, app) = World::with(mirror).await;
    world.show(app.port, ProxyHost::Localhost, 1);
    let entrance = world.entrance(&["https://a.example"]);
    let theirs = format!("localhost:{}", app.port);
    let mut request = ask(&FORGED);
    let own = [
        ("origin", "https://a.example"),
        ("referer", "https://a.example/p?q"),
    ];
    for (name, value) in own {
        let value = HeaderValue::from_static(value);
        request.headers_mut().insert(name, value);
    }
    let text = soon(visit(&entrance, "a.example", request)).await.1;
    assert_eq!(
        seen(&text),
        [
            &format!("host: {theirs}"),
            &format!("origin: http://{theirs}"),
            &format!("referer: http://{theirs}/p?q"),
            "x-forwarded-for: 127.0.0.1",
            "x-forwarded-proto: https",
        ]
    );
    for foreign in [
        "https://evil.example",
        "http://a.example",
        "https://a.example:444",
        "https://xa.example",
        "null",
    ] {
        let request = ask(&[("origin", foreign)]);
        let text = soon(visit(&entrance, "a.example", request)).await.1;
        let origin = format!("origin: {foreign}");
        assert!(seen(&text).contains(&origin.as_str()), "{text}");
    }
}

#[tokio::test]
async fn a_proxy_in_front_may_speak_http2() {
    let (world, _app) = World::with(mirror).await;
    let entrance = world.shared("shop", 0, "https://a.example");
    let mut proxy = h2(&world, entrance.addr().port()).await;
    for (url, status) in [
        ("https://a.example/a?b", StatusCode::OK),
        ("http://a.example/a?b", StatusCode::OK),
        ("https://b.example/a?b", StatusCode::NOT_FOUND),
        ("https://shop.localhost:7070/", StatusCode::NOT_FOUND),
    ] {
        let request = Request::get(url).body(full("")).unwrap();
        let (parts, text) = read(soon(proxy.send_request(request)).await.unwrap()).await;
        assert_eq!(parts.status, status, "{url}");
        if status == StatusCode::OK {
            assert_eq!(
                seen(&text),
                [
                    "host: a.example",
                    "x-forwarded-for: 127.0.0.1",
                    "x-forwarded-proto: https",
                ]
            );
        }
    }
}

/// Some tunnel programs say their target in `Host`, and some of them in `Origin` too.
#[tokio::test]
async fn a_target_in_place_of_the_public_name_is_put_right() {
    let (world, app) = World::with(mirror).await;
    let entrance = world.entrance(&["https://old.example", "https://a.example"]);
    let theirs = format!("localhost:{}", app.port);
    for name in ["127.0.0.1", "localhost"] {
        let own = format!("{name}:{}", entrance.addr().port());
        for origin in ["https://a.example", &format!("http://{own}")] {
            let request = || {
                let referer = format!("{origin}/p");
                ask(&[("origin", origin), ("referer", &referer)])
            };
            world.show(app.port, ProxyHost::Preserve, 1);
            let text = soon(visit(&entrance, &own, request())).await.1;
            assert_eq!(
                seen(&text),
                [
                    "host: a.example",
                    "origin: https://a.example",
                    "referer: https://a.example/p",
                    "x-forwarded-for: 127.0.0.1",
                    "x-forwarded-proto: https",
                ]
            );
            world.show(app.port, ProxyHost::Localhost, 1);
            let text = soon(visit(&entrance, &own, request())).await.1;
            assert_eq!(
                seen(&text),
                [
                    &format!("host: {theirs}"),
                    &format!("origin: http://{theirs}"),
                    &format!("referer: http://{theirs}/p"),
                    "x-forwarded-for: 127.0.0.1",
                    "x-forwarded-proto: https",
                ]
            );
        }
    }
    // By the public name, the target is an origin like any other.
    let own = format!("http://localhost:{}", entrance.addr().port());
    let text = soon(visit(&entrance, "a.example", ask(&[("origin", &own)])))
        .await
        .1;
    assert!(
        seen(&text).contains(&format!("origin: {own}").as_str()),
        "{text}"
    );
}

#[tokio::test]
async fn what_an_app_says_of_localhost_is_true_outside() {
    let (world, app) = World::with(|request| {
        Box::pin(async move {
            let here = format!("http://{}", request.headers()["host"].to_str().unwrap());
            let cookie = "a=1; Domain=localhost; Path=/; Secure; SameSite=None";
            Response::builder()
                .status(302)
                .header("location", format!("{here}/next"))
                .header("access-control-allow-origin", &here)
                .header("set-cookie", cookie)
                .header("set-cookie", "b=2; Domain=.example")
                .header("set-cookie", "c=3; Domain=a.example; HttpOnly")
                .header("strict-transport-security", "max-age=1")
                .header("alt-svc", "h3=\":1\"")
                .header("clear-site-data", "\"*\"")
                .header("link", format!("<{here}/x>; rel=next"))
                .body(full(""))
                .unwrap()
        })
    })
    .await;
    let answer = async |host: ProxyHost| -> HeaderMap {
        world.show(app.port, host, 1);
        let entrance = world.entrance(&["https://a.example"]);
        soon(visit(&entrance, "a.example", ask(&[])))
            .await
            .0
            .headers
    };
    let headers = answer(ProxyHost::Localhost).await;
    assert_eq!(headers["location"], "https://a.example/next");
    assert_eq!(headers["access-control-allow-origin"], "https://a.example");
    for headers in [headers, answer(ProxyHost::Preserve).await] {
        let cookies: Vec<_> = headers.get_all("set-cookie").iter().collect();
        assert_eq!(
            cookies,
            [
                "a=1; Path=/; Secure; SameSite=None",
                "b=2",
                "c=3; Domain=a.example; HttpOnly"
            ]
        );
        for gone in ["strict-transport-security", "alt-svc", "clear-site-data"] {
            assert!(!headers.contains_key(gone), "{gone}");
        }
        assert!(headers.contains_key("link"));
    }
}

#[tokio::test]
async fn a_socket_comes_through_and_ends_with_the_entrance() {
    let (world, _app) = World::with(agree).await;
    for shared in [false, true] {
        let entrance = if shared {
            world.shared("shop", 0, "https://a.example")
        } else {
            world.entrance(&["https://a.example"])
        };
        let stream = TcpStream::connect(entrance.addr()).await.unwrap();
        let mut stream = BufReader::new(stream);
        let wish = "GET /ws HTTP/1.1\r\nhost: a.example\r\nconnection: Upgrade\r\n\
                    upgrade: websocket\r\n\r\n";
        stream.write_all(wish.as_bytes()).await.unwrap();
        let answer = header(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        assert_eq!(line(&mut stream).await, "welcome\n");
        stream.write_all(b"hello\n").await.unwrap();
        assert_eq!(line(&mut stream).await, "hello\n");
        let one = Load {
            requests: 0,
            sockets: 1,
        };
        assert_eq!(world.activity.load(), one);
        drop(entrance);
        let mut rest = String::new();
        let _ = soon(stream.read_line(&mut rest)).await;
        assert_eq!(rest, "");
        soon(async {
            while world.activity.load().sockets > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

#[tokio::test]
async fn strangers_are_told_no_causes_and_no_commands() {
    let world = World::new();
    let entrance = world.entrance(&["https://a.example"]);
    let problem = Problem::new(Code::Install, "install failed\nTOKEN=secret")
        .hint("a private hint")
        .next(&["codemate-preview", "logs", "shop"], "why");
    let failed = Target::Failed { problem };
    for (target, said) in [
        (failed, "out of order"),
        (Target::Asleep, "asleep"),
        (
            Target::Starting {
                detail: "installing".to_owned(),
            },
            "is starting",
        ),
    ] {
        world.target(target);
        for accept in ["text/html", "application/json"] {
            let request = ask(&[("accept", accept)]);
            let (parts, text) = soon(visit(&entrance, "a.example", request)).await;
            assert_eq!(parts.status, StatusCode::SERVICE_UNAVAILABLE);
            assert!(text.contains(said), "{text}");
            for secret in ["secret", "private hint", "argv", "<pre"] {
                assert!(!text.contains(secret), "{secret}: {text}");
            }
        }
    }
    world.routes.remove(&"shop".parse().unwrap());
    let (parts, _) = soon(visit(&entrance, "a.example", ask(&[]))).await;
    assert_eq!(parts.status, StatusCode::NOT_FOUND);
}
