//! Pages of other sites: what they may not do in a visitor's name, and what an answer tells their
//! browsers and the caches between.

use codemate_preview::gateway::AccessPolicy;
use http::{StatusCode, header};
use hyper::Response;

use super::{
    links::{HOST, URL, ask, cookie, keep, mint, private, shop},
    world::{App, World, full, mirror, open, soon, visit},
};

/// Headers of one request, by name.
type Said = Vec<(&'static str, String)>;

fn said(pairs: &[(&'static str, &str)]) -> Said {
    pairs.iter().map(|(n, v)| (*n, (*v).to_owned())).collect()
}

#[tokio::test]
async fn a_socket_is_opened_from_this_very_place_alone() {
    let (world, _app) = World::with(mirror).await;
    let minted = mint();
    let private = world.entrance_by(&private(&[&minted.grant]), &[URL]);
    let public = world.entrance_by(&open(), &[URL]);
    let own = cookie(&world, &private, &minted.token).await;
    let token = minted.token.reveal();
    let by_cookie = [("cookie", own.as_str())];
    let by_link = [("x-cm-token", token)];
    let good = ["https://a.example", "HTTPS://A.EXAMPLE"];
    let bad = [
        "http://a.example",
        "https://a.example:8443",
        "https://a.example.evil.example",
        "https://evil.example",
        "https://b.example",
        "https://sub.a.example",
        "https://a.example/",
        "null",
        "",
    ];
    for (entrance, who) in [
        (&private, &by_cookie[..]),
        (&private, &by_link[..]),
        (&public, &[][..]),
    ] {
        let socket = |origin: Option<&str>| {
            let mut headers = vec![("connection", "upgrade"), ("upgrade", "websocket")];
            headers.extend(who);
            headers
                .into_iter()
                .map(|(name, value)| (name, value.to_owned()))
                .chain(origin.map(|origin| ("origin", origin.to_owned())))
                .collect::<Vec<_>>()
        };
        let open = async |headers: Vec<(&str, String)>| {
            let headers: Vec<_> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
            ask(&world, entrance, "/socket", &headers).await.0.status
        };
        for origin in good {
            assert_eq!(open(socket(Some(origin))).await, StatusCode::OK, "{origin}");
        }
        for origin in bad {
            let status = open(socket(Some(origin))).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{origin:?} {who:?}");
        }
        let mut twice = socket(Some(URL));
        twice.push(("origin", "https://evil.example".to_owned()));
        assert_eq!(open(twice).await, StatusCode::FORBIDDEN);
        // Browsers always name one; programs need not.
        let mut browser = socket(None);
        browser.push(("sec-fetch-site", "cross-site".to_owned()));
        assert_eq!(open(browser).await, StatusCode::FORBIDDEN, "{who:?}");
        let program = open(socket(None)).await;
        let want = if who == by_cookie {
            StatusCode::FORBIDDEN
        } else {
            StatusCode::OK
        };
        assert_eq!(program, want, "{who:?}");
    }
}

#[tokio::test]
async fn a_sibling_cannot_post_with_this_ones_cookie() {
    let (world, _app) = World::with(mirror).await;
    let minted = mint();
    let entrance = world.entrance_by(&private(&[&minted.grant]), &[URL]);
    let own = cookie(&world, &entrance, &minted.token).await;
    let token = minted.token.reveal();
    let send = async |method: &str, headers: &[(&str, &str)]| {
        let mut request = world.request(method, "/", full("x=1"));
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        soon(visit(&entrance, HOST, request)).await.0.status
    };
    let (ok, no) = (StatusCode::OK, StatusCode::FORBIDDEN);
    let table: [(&str, Said, StatusCode); 8] = [
        ("POST", said(&[("origin", URL)]), ok),
        (
            "POST",
            said(&[("sec-fetch-site", "same-origin"), ("origin", "null")]),
            ok,
        ),
        ("POST", said(&[]), ok),
        ("POST", said(&[("origin", "https://b.example")]), no),
        ("POST", said(&[("origin", "null")]), no),
        (
            "DELETE",
            said(&[("sec-fetch-site", "same-site"), ("origin", URL)]),
            no,
        ),
        ("POST", said(&[("sec-fetch-site", "cross-site")]), no),
        ("GET", said(&[("sec-fetch-site", "cross-site")]), ok),
    ];
    for (method, headers, want) in table {
        let mut all: Vec<_> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        all.push(("cookie", &own));
        assert_eq!(send(method, &all).await, want, "{method} {headers:?}");
    }
    // A program that holds the link says so itself.
    let held = [("x-cm-token", token), ("origin", "https://b.example")];
    assert_eq!(send("POST", &held).await, ok);
}

/// An app that answers by the headers its query has.
async fn saying() -> (World, App) {
    World::with(|request| {
        Box::pin(async move {
            let mut response = Response::builder();
            for pair in request.uri().query().unwrap_or_default().split('&') {
                if let Some((name, value)) = pair.split_once('=') {
                    response = response.header(name, value.replace('+', " "));
                }
            }
            response.body(full("")).unwrap()
        })
    })
    .await
}

fn all(parts: &http::response::Parts, name: &str) -> Vec<String> {
    let values = parts.headers.get_all(name).iter();
    values
        .map(|value| value.to_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn pages_are_framed_by_whom_their_user_names() {
    let (world, _app) = saying().await;
    let minted = mint();
    let gate = private(&[&minted.grant]);
    let entrance = world.entrance_by(&gate, &[URL]);
    let everyone = world.entrance_by(&open(), &[URL]);
    let ide = AccessPolicy::new(shop(), &["https://ide.example".parse().unwrap()]);
    keep(&ide, &[&minted.grant]);
    let framed = world.entrance_by(&ide, &[URL]);
    let by = [("x-cm-token", minted.token.reveal())];
    let csp = "content-security-policy";
    for (at, path, want) in [
        (&entrance, "/", vec!["frame-ancestors 'self'"]),
        (&everyone, "/", vec!["frame-ancestors 'self'"]),
        (
            &entrance,
            "/?x-frame-options=deny",
            vec!["frame-ancestors 'none'"],
        ),
        (
            &entrance,
            "/?x-frame-options=SAMEORIGIN",
            vec!["frame-ancestors 'self'"],
        ),
        (
            &entrance,
            "/?content-security-policy=frame-ancestors+*",
            vec!["frame-ancestors *", "frame-ancestors 'self'"],
        ),
        (
            &framed,
            "/?x-frame-options=DENY",
            vec!["frame-ancestors 'self' https://ide.example"],
        ),
    ] {
        let (parts, _) = ask(&world, at, path, &by).await;
        assert_eq!(all(&parts, csp), want, "{path}");
        assert_eq!(all(&parts, "x-robots-tag"), ["noindex"]);
    }
    // Within such a page a browser takes only a cookie that says so; elsewhere it gets the stricter.
    let path = format!("/?__cm={}", minted.token.reveal());
    for (at, dest, want) in [
        (&framed, "iframe", "SameSite=None; Partitioned"),
        (&framed, "document", "SameSite=Lax"),
        (&entrance, "iframe", "SameSite=Lax"),
    ] {
        let headers = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", dest)];
        let (parts, _) = ask(&world, at, &path, &headers).await;
        let set = parts.headers[header::SET_COOKIE].to_str().unwrap();
        assert!(set.contains(want), "{dest}: {set}");
    }
}

#[tokio::test]
async fn no_cache_between_keeps_what_is_private_and_no_app_sets_our_cookies() {
    let (world, _app) = saying().await;
    let minted = mint();
    let entrance = world.entrance_by(&private(&[&minted.grant]), &[URL]);
    let everyone = world.entrance_by(&open(), &[URL]);
    let by = [("x-cm-token", minted.token.reveal())];
    for (path, want) in [
        ("/", "private"),
        (
            "/?cache-control=public,+max-age=60,+s-maxage=900",
            "private, max-age=60",
        ),
        ("/?cache-control=no-store", "private, no-store"),
    ] {
        let (parts, _) = ask(&world, &entrance, path, &by).await;
        assert_eq!(all(&parts, "cache-control"), [want], "{path}");
        assert_eq!(all(&parts, "cdn-cache-control"), ["no-store"]);
    }
    let (parts, _) = ask(&world, &everyone, "/?cache-control=public", &[]).await;
    assert_eq!(
        all(&parts, "cache-control"),
        ["public"],
        "it is for everyone"
    );
    let path = "/?set-cookie=__Host-cm-0=x&set-cookie=cm-link-0=x&set-cookie=a=1;+Domain=example";
    let (parts, _) = ask(&world, &entrance, path, &by).await;
    assert_eq!(all(&parts, "set-cookie"), ["a=1"]);
    // At this machine an answer is as the app gave it.
    let (parts, _) = soon(world.ask(world.get("/?cache-control=public"))).await;
    assert_eq!(all(&parts, "cache-control"), ["public"]);
    assert!(!parts.headers.contains_key(header::CONTENT_SECURITY_POLICY));
}
