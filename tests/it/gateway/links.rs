//! Links: who is let in to a private preview from outside, and what an app sees of that.

use std::sync::Arc;

use codemate_preview::{
    gateway::{AccessPolicy, PublicListener, link_url},
    model::{Grant, InstanceId, PublicAccess, Secret, Shares},
    security::{self, Minted},
};
use http::{HeaderMap, StatusCode, header, response::Parts};
use jiff::{Span, Timestamp};

use super::world::{App, World, mirror, soon, visit};

pub const HOST: &str = "a.example";
pub const URL: &str = "https://a.example";
/// As Chromium sends it.
pub const BROWSER: [(&str, &str); 2] = [
    ("accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
    ("sec-fetch-mode", "navigate"),
];

pub fn shop() -> InstanceId {
    "0123456789ab".parse().unwrap()
}

pub fn mint() -> Minted {
    security::mint(&shop(), None, Timestamp::now(), None)
}

/// A private preview, and the links that are good for it.
pub fn private(grants: &[&Grant]) -> Arc<AccessPolicy> {
    let gate = AccessPolicy::new(shop(), &[]);
    keep(&gate, grants);
    gate
}

pub fn keep(gate: &AccessPolicy, grants: &[&Grant]) {
    gate.update(&Shares {
        public: None,
        grants: grants.iter().map(|&grant| grant.clone()).collect(),
        ..Shares::default()
    });
}

/// Ask with these headers.
pub async fn ask(
    world: &World,
    entrance: &PublicListener,
    path: &str,
    headers: &[(&str, &str)],
) -> (Parts, String) {
    let mut request = world.get(path);
    for (name, value) in headers {
        let name: http::HeaderName = name.parse().unwrap();
        request.headers_mut().append(name, value.parse().unwrap());
    }
    soon(visit(entrance, HOST, request)).await
}

/// The cookie a browser gets for the link, as it sends it back.
pub async fn cookie(world: &World, entrance: &PublicListener, token: &Secret) -> String {
    let path = format!("/?__cm={}", token.reveal());
    let (parts, _) = ask(world, entrance, &path, &BROWSER).await;
    assert_eq!(parts.status, StatusCode::SEE_OTHER);
    let set = parts.headers[header::SET_COOKIE].to_str().unwrap();
    set.split(';').next().unwrap().to_owned()
}

async fn world() -> (World, App, Minted, PublicListener) {
    let (world, app) = World::with(mirror).await;
    let minted = mint();
    let entrance = world.entrance_by(&private(&[&minted.grant]), &[URL]);
    (world, app, minted, entrance)
}

fn no_word_of(secret: &str, headers: &HeaderMap, text: &str) {
    assert!(!format!("{headers:?}{text}").contains(secret));
}

#[tokio::test]
async fn without_a_link_nobody_learns_anything() {
    let (world, app, minted, entrance) = world().await;
    let mut answers = Vec::new();
    for path in ["/", "/admin?x=1", "/.well-known/", "/favicon.ico"] {
        let (parts, text) = ask(&world, &entrance, path, &[]).await;
        assert_eq!(parts.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(parts.headers[header::CONTENT_TYPE], "application/json");
        for (name, value) in [
            ("referrer-policy", "no-referrer"),
            ("x-robots-tag", "noindex"),
            ("cache-control", "no-store"),
            ("www-authenticate", "Preview-Link"),
        ] {
            assert_eq!(parts.headers[name], value, "{path}");
        }
        no_word_of("shop", &parts.headers, &text);
        answers.push(text);
    }
    let (parts, html) = ask(&world, &entrance, "/", &BROWSER).await;
    assert_eq!(parts.status, StatusCode::UNAUTHORIZED);
    assert!(html.starts_with("<!doctype html>") || html.starts_with("<!DOCTYPE html>"));
    no_word_of("shop", &parts.headers, &html);
    let socket = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("origin", URL),
    ];
    let (parts, _) = ask(&world, &entrance, "/socket", &socket).await;
    assert_eq!(parts.status, StatusCode::UNAUTHORIZED);
    assert_eq!(app.requests(), 0);
    // It says the same of an app that is not there.
    world.target(codemate_preview::gateway::Target::Asleep);
    let (_, text) = ask(&world, &entrance, "/", &[]).await;
    assert!(answers.iter().all(|answer| *answer == text));
    // The control: by the link one learns that.
    let token = [("x-cm-token", minted.token.reveal())];
    let (parts, _) = ask(&world, &entrance, "/", &token).await;
    assert_eq!(parts.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_program_comes_in_by_the_link_and_the_app_does_not_see_it() {
    let (world, _app, minted, entrance) = world().await;
    let token = minted.token.reveal();
    let url = link_url(&URL.parse().unwrap(), &minted.token);
    let path = url.reveal().strip_prefix(URL).unwrap();
    let (parts, text) = ask(&world, &entrance, path, &[("accept", "*/*")]).await;
    assert_eq!(parts.status, StatusCode::OK);
    assert!(text.starts_with("GET /\n"), "{text}");
    assert!(!parts.headers.contains_key(header::SET_COOKIE));
    no_word_of(token, &parts.headers, &text);
    let path = format!("/a?b=1&__cm={token}&c=2");
    let (_, text) = ask(&world, &entrance, &path, &[]).await;
    assert!(text.starts_with("GET /a?b=1&c=2\n"), "{text}");
    let headers = [("x-cm-token", token), ("x-cm-other", "1")];
    let (parts, text) = ask(&world, &entrance, "/a", &headers).await;
    assert_eq!(parts.status, StatusCode::OK);
    assert!(!text.contains("x-cm-"), "{text}");
    no_word_of(token, &parts.headers, &text);
}

#[tokio::test]
async fn a_browser_gets_a_cookie_for_the_link_and_goes_on_without_it() {
    let (world, app, minted, entrance) = world().await;
    let token = minted.token.reveal();
    let path = format!("/a/b?__cm={token}&c=2");
    // Over plain HTTP, and in older ones, browsers say it by what they accept alone.
    for headers in [&BROWSER[..], &BROWSER[..1]] {
        let (parts, text) = ask(&world, &entrance, &path, headers).await;
        assert_eq!(parts.status, StatusCode::SEE_OTHER);
        assert_eq!(parts.headers[header::LOCATION], "/a/b?c=2");
        assert_eq!(parts.headers["referrer-policy"], "no-referrer");
        assert_eq!(parts.headers["cache-control"], "no-store");
        let set = parts.headers[header::SET_COOKIE].to_str().unwrap();
        assert!(set.starts_with("__Host-cm-"), "{set}");
        for part in ["; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/"] {
            assert!(set.contains(part), "{set}");
        }
        assert!(!set.to_lowercase().contains("domain"), "{set}");
        no_word_of(token, &parts.headers, &text);
    }
    assert_eq!(app.requests(), 0);
    let own = cookie(&world, &entrance, &minted.token).await;
    let both = format!("theme=dark; {own}; x=1");
    let (parts, text) = ask(&world, &entrance, "/a", &[("cookie", &both)]).await;
    assert_eq!(parts.status, StatusCode::OK);
    assert!(text.contains("cookie: theme=dark; x=1\n"), "{text}");
    assert!(!text.contains("__Host-cm"), "{text}");
    // What is no page is answered at once, for a redirect would lose it.
    let inner = [
        ("accept", "*/*"),
        ("sec-fetch-mode", "cors"),
        ("sec-fetch-site", "same-origin"),
    ];
    let (parts, _) = ask(&world, &entrance, &path, &inner).await;
    assert_eq!(parts.status, StatusCode::OK);
}

#[tokio::test]
async fn a_browser_is_redirected_to_this_host_alone() {
    let (_world, _app, minted, entrance) = world().await;
    let token = minted.token.reveal();
    for (path, want) in [
        ("//evil.example/", "/evil.example/"),
        ("//evil.example", "/evil.example"),
        ("/\\evil.example", "/evil.example"),
        ("/\\/\\evil.example/..", "/evil.example/.."),
        ("///evil.example/%2e%2e", "/evil.example/%2e%2e"),
        ("/%0d%0aset-cookie:%20x=1", "/%0d%0aset-cookie:%20x=1"),
        ("/%5c%5cevil.example", "/%5c%5cevil.example"),
    ] {
        let asked = format!("{path}?__cm={token}");
        let head = format!(
            "GET {asked} HTTP/1.1\r\nhost: {HOST}\r\naccept: text/html\r\nconnection: close\r\n\r\n"
        );
        let answer = soon(super::world::raw(&entrance, head.as_bytes())).await;
        assert!(answer.starts_with("HTTP/1.1 303 "), "{answer}");
        assert!(
            answer.contains(&format!("\r\nlocation: {want}\r\n")),
            "{path}: {answer}"
        );
    }
}

#[tokio::test]
async fn every_other_secret_is_refused() {
    let (world, app) = World::with(mirror).await;
    let now = Timestamp::now();
    let past = now.checked_sub(Span::new().seconds(1)).unwrap();
    let good = mint();
    let expired = security::mint(&shop(), None, past, Some(past));
    let mut revoked = mint();
    revoked.grant.revoked = Some(now);
    let unknown = mint();
    let other = security::mint(&"ba9876543210".parse().unwrap(), None, now, None);
    let gate = private(&[&good.grant, &expired.grant, &revoked.grant]);
    let entrance = world.entrance_by(&gate, &[URL]);
    let name = cookie(&world, &entrance, &good.token).await;
    let name = name.split('=').next().unwrap();
    let wrong = [
        ("expired", &expired),
        ("revoked", &revoked),
        ("unknown", &unknown),
        ("another instance's", &other),
    ];
    for (what, minted) in wrong {
        let token = minted.token.reveal();
        let cookie = security::cookie_of(token, &minted.grant.instance);
        let cookie = format!("{name}={}", cookie.reveal());
        let link_url = format!("/?__cm={token}");
        for (path, headers) in [
            (link_url.as_str(), vec![]),
            (link_url.as_str(), BROWSER.to_vec()),
            ("/", vec![("x-cm-token", token)]),
            ("/", vec![("cookie", cookie.as_str())]),
        ] {
            let (parts, _) = ask(&world, &entrance, path, &headers).await;
            assert_eq!(parts.status, StatusCode::UNAUTHORIZED, "{what} {headers:?}");
            assert!(!parts.headers.contains_key(header::SET_COOKIE), "{what}");
        }
    }
    // The link is no cookie, the cookie no link, and neither is what is kept on disk.
    let token = good.token.reveal();
    let kept = serde_json::to_value(&good.grant).unwrap();
    let cookie = security::cookie_of(token, &shop());
    for (path, headers) in [
        ("/".to_owned(), vec![("cookie", format!("{name}={token}"))]),
        (format!("/?__cm={}", cookie.reveal()), vec![]),
        (format!("/?__cm={}", kept["link"].as_str().unwrap()), vec![]),
        ("/?__cm=".to_owned(), vec![]),
        ("/?__cm".to_owned(), vec![]),
        (format!("/{token}"), vec![]),
        (
            "/".to_owned(),
            vec![("authorization", format!("Bearer {token}"))],
        ),
    ] {
        let headers: Vec<_> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let (parts, _) = ask(&world, &entrance, &path, &headers).await;
        assert_eq!(parts.status, StatusCode::UNAUTHORIZED, "{path} {headers:?}");
    }
    assert_eq!(app.requests(), 0);
    // The controls: the right one in each of these places, also beside a wrong one.
    let good_cookie = format!("{name}=wrong; {name}={}", cookie.reveal());
    let link_url = format!("/?__cm={}&__cm={token}", unknown.token.reveal());
    for (path, headers) in [
        (link_url.as_str(), vec![]),
        ("/", vec![("x-cm-token", token)]),
        ("/", vec![("cookie", good_cookie.as_str())]),
    ] {
        let (parts, _) = ask(&world, &entrance, path, &headers).await;
        assert_eq!(parts.status, StatusCode::OK, "{headers:?}");
    }
}

#[tokio::test]
async fn at_a_shared_port_a_link_opens_its_own_preview_alone() {
    let (world, app) = World::with(mirror).await;
    let other: InstanceId = "ba9876543210".parse().unwrap();
    let (ours, theirs) = (mint(), security::mint(&other, None, Timestamp::now(), None));
    let blog = AccessPolicy::new(other, &[]);
    blog.update(&Shares {
        public: None,
        grants: vec![theirs.grant.clone()],
        ..Shares::default()
    });
    let target = super::world::ready(app.port, codemate_preview::model::ProxyHost::Preserve, 1);
    world.route("blog", target);
    let first = world.shared_by(&private(&[&ours.grant]), "shop", 0, URL);
    let port = first.addr().port();
    let _second = world.shared_by(&blog, "blog", port, "https://b.example");
    for (host, minted, want) in [
        ("a.example", &ours, StatusCode::OK),
        ("a.example", &theirs, StatusCode::UNAUTHORIZED),
        ("b.example", &ours, StatusCode::UNAUTHORIZED),
        ("b.example", &theirs, StatusCode::OK),
    ] {
        let mut request = world.get("/");
        let token = minted.token.reveal().parse().unwrap();
        request.headers_mut().insert("x-cm-token", token);
        let (parts, _) = soon(visit(&first, host, request)).await;
        assert_eq!(parts.status, want, "{host}");
    }
}

#[tokio::test]
async fn wrong_links_are_answered_at_a_rate_that_right_ones_do_not_share() {
    let (world, _app, minted, entrance) = world().await;
    let wrong = mint();
    let mut seen = Vec::new();
    for _ in 0..40 {
        let header = [("x-cm-token", wrong.token.reveal())];
        seen.push(ask(&world, &entrance, "/", &header).await.0);
    }
    assert_eq!(seen[0].status, StatusCode::UNAUTHORIZED);
    let last = seen.last().unwrap();
    assert_eq!(last.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(last.headers.contains_key(header::RETRY_AFTER));
    let right = [("x-cm-token", minted.token.reveal())];
    for _ in 0..5 {
        let (parts, _) = ask(&world, &entrance, "/", &right).await;
        assert_eq!(parts.status, StatusCode::OK);
    }
    // Whoever shows nothing guesses nothing.
    let (parts, _) = ask(&world, &entrance, "/", &[]).await;
    assert_eq!(parts.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_public_preview_needs_none_and_still_hides_one() {
    let (world, _app) = World::with(mirror).await;
    let minted = mint();
    let gate = AccessPolicy::new(shop(), &[]);
    let shares = |expires| Shares {
        public: Some(PublicAccess { expires }),
        grants: vec![minted.grant.clone()],
        ..Shares::default()
    };
    gate.update(&shares(None));
    let entrance = world.entrance_by(&gate, &[URL]);
    let token = minted.token.reveal();
    let (parts, _) = ask(&world, &entrance, "/", &[]).await;
    assert_eq!(parts.status, StatusCode::OK);
    for secret in [token, "wrong"] {
        let path = format!("/x?__cm={secret}");
        let (parts, _) = ask(&world, &entrance, &path, &BROWSER).await;
        assert_eq!(parts.status, StatusCode::SEE_OTHER);
        assert_eq!(parts.headers[header::LOCATION], "/x");
        let (parts, text) = ask(&world, &entrance, &path, &[]).await;
        assert_eq!(parts.status, StatusCode::OK);
        assert!(text.starts_with("GET /x\n"), "{text}");
    }
    gate.update(&shares(Some(Timestamp::UNIX_EPOCH)));
    let (parts, _) = ask(&world, &entrance, "/", &[]).await;
    assert_eq!(parts.status, StatusCode::UNAUTHORIZED, "its time is over");
}

#[tokio::test]
async fn over_plain_http_a_cookie_of_another_name_does() {
    let (world, _app) = World::with(mirror).await;
    let minted = mint();
    let plain = world.entrance_by(&private(&[&minted.grant]), &["http://a.example"]);
    let own = cookie(&world, &plain, &minted.token).await;
    assert!(own.starts_with("cm-link-"), "{own}");
    let (parts, text) = ask(&world, &plain, "/", &[("cookie", &own)]).await;
    assert_eq!(parts.status, StatusCode::OK);
    assert!(!text.contains("cookie:"), "{text}");
    // Over TLS only what no other host can have set counts.
    let secure = world.entrance_by(&private(&[&minted.grant]), &[URL]);
    let (parts, _) = ask(&world, &secure, "/", &[("cookie", &own)]).await;
    assert_eq!(parts.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_challenge_needs_no_link() {
    let (world, _app, _minted, entrance) = world().await;
    let challenge = entrance.challenge();
    let (parts, text) = ask(&world, &entrance, &challenge.path, &[]).await;
    assert_eq!((parts.status, text), (StatusCode::OK, challenge.answer));
    let (parts, _) = ask(&world, &entrance, "/.well-known/codemate/x", &[]).await;
    assert_eq!(parts.status, StatusCode::NOT_FOUND);
}
