//! What an app sees of a visitor, and a visitor of an app.

use codemate_preview::model::ProxyHost;
use http::HeaderValue;
use hyper::Response;

use super::world::{World, full, mirror, soon};

fn lines<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let front = format!("{name}: ");
    text.lines()
        .filter_map(|line| line.strip_prefix(&front))
        .collect()
}

const FORGED: [(&str, &str); 7] = [
    ("x-forwarded-for", "6.6.6.6"),
    ("x-forwarded-host", "evil.example"),
    ("x-forwarded-proto", "https"),
    ("forwarded", "for=6.6.6.6"),
    ("x-real-ip", "6.6.6.6"),
    ("via", "1.1 evil"),
    ("proxy", "http://evil.example"),
];

#[tokio::test]
async fn an_app_is_told_who_visits_and_by_which_name() {
    let (world, _app) = World::with(mirror).await;
    let mut request = world.get("/a%20b?c=%2F");
    for (name, value) in FORGED {
        request
            .headers_mut()
            .append(name, HeaderValue::from_static(value));
    }
    request
        .headers_mut()
        .insert("cookie", HeaderValue::from_static("a=b"));
    let text = soon(world.ask(request)).await.1;
    let host = world.host();
    assert!(
        text.starts_with("GET /a%20b?c=%2F\n"),
        "the target is not touched: {text}"
    );
    assert_eq!(lines(&text, "host"), [&host]);
    assert_eq!(lines(&text, "x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(lines(&text, "x-forwarded-proto"), ["http"]);
    assert_eq!(lines(&text, "cookie"), ["a=b"]);
    let gone = [
        "x-forwarded-host",
        "forwarded",
        "x-real-ip",
        "via",
        "proxy",
        "connection",
    ];
    for gone in gone {
        assert!(lines(&text, gone).is_empty(), "{gone}: {text}");
    }
}

#[tokio::test]
async fn an_app_that_only_knows_localhost_is_visited_there() {
    let (world, app) = World::with(mirror).await;
    world.show(app.port, ProxyHost::Localhost, 1);
    let ours = format!("http://{}", world.host());
    let theirs = format!("localhost:{}", app.port);
    let mut request = world.get("/");
    for (name, value) in FORGED {
        request
            .headers_mut()
            .append(name, HeaderValue::from_static(value));
    }
    request
        .headers_mut()
        .insert("origin", ours.parse().unwrap());
    request
        .headers_mut()
        .insert("referer", format!("{ours}/page").parse().unwrap());
    let text = soon(world.ask(request)).await.1;
    assert_eq!(lines(&text, "host"), [&theirs]);
    assert_eq!(lines(&text, "origin"), [format!("http://{theirs}")]);
    assert_eq!(lines(&text, "referer"), [format!("http://{theirs}/page")]);
    assert_eq!(lines(&text, "x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(lines(&text, "x-forwarded-proto"), ["http"]);
    for gone in ["x-forwarded-host", "forwarded"] {
        assert!(lines(&text, gone).is_empty(), "{gone}: {text}");
    }

    let mut request = world.get("/");
    request
        .headers_mut()
        .insert("origin", HeaderValue::from_static("http://evil.example"));
    let text = soon(world.ask(request)).await.1;
    assert_eq!(
        lines(&text, "origin"),
        ["http://evil.example"],
        "the app shall refuse it itself"
    );
}

#[tokio::test]
async fn what_an_app_says_of_localhost_is_true_for_the_visitor() {
    let (world, app) = World::with(|request| {
        Box::pin(async move {
            let here = format!("http://{}", request.headers()["host"].to_str().unwrap());
            Response::builder()
                .status(302)
                .header("location", format!("{here}/next?a=b"))
                .header("access-control-allow-origin", here)
                .header("set-cookie", "a=1; Domain=localhost; Path=/")
                .header("set-cookie", "b=2")
                .header("alt-svc", "h3=\":1\"")
                .header("connection", "x-hop")
                .header("x-hop", "1")
                .body(full(""))
                .unwrap()
        })
    })
    .await;
    world.show(app.port, ProxyHost::Localhost, 1);
    let (parts, _) = soon(world.ask(world.get("/"))).await;
    let ours = format!("http://{}", world.host());
    assert_eq!(parts.headers["location"], format!("{ours}/next?a=b"));
    assert_eq!(parts.headers["access-control-allow-origin"], ours);
    let cookies: Vec<_> = parts.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1; Path=/", "b=2"]);
    for gone in ["alt-svc", "x-hop", "connection"] {
        assert!(!parts.headers.contains_key(gone), "{gone}");
    }
}

#[tokio::test]
async fn a_status_keeps_its_own_words() {
    let (world, _app) = World::with(|_| {
        Box::pin(async {
            let mut response = Response::builder().status(418).body(full("")).unwrap();
            let words = hyper::ext::ReasonPhrase::from_static(b"Short And Stout");
            response.extensions_mut().insert(words);
            response
        })
    })
    .await;
    let ask = format!(
        "GET / HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
        world.host()
    );
    let answer = world.raw(ask.as_bytes()).await;
    assert!(
        answer.starts_with("HTTP/1.1 418 Short And Stout\r\n"),
        "{answer}"
    );
}
