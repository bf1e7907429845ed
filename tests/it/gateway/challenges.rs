//! The questions by which a tunnel is seen to lead to this gateway.

use std::time::Duration;

use codemate_preview::gateway::{Challenge, PublicListener};
use http::StatusCode;
use hyper::Request;

use super::world::{Body, World, full, hello, mirror, soon, visit};

fn ask(method: &str, path: &str) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .body(full(""))
        .unwrap()
}

async fn answered(entrance: &PublicListener, host: &str, challenge: &Challenge) -> bool {
    let (parts, text) = soon(visit(entrance, host, ask("GET", &challenge.path))).await;
    if text == challenge.answer {
        assert_eq!(parts.status, StatusCode::OK);
        assert_eq!(parts.headers["cache-control"], "no-store");
        return true;
    }
    assert_eq!(parts.status, StatusCode::NOT_FOUND);
    assert!(!text.contains(&challenge.answer));
    false
}

#[tokio::test]
async fn an_entrance_answers_its_own_challenges_by_any_host() {
    let (world, app) = World::with(hello).await;
    let before = world.activity.last();
    let entrance = world.entrance(&[]);
    let early = entrance.challenge();
    assert!(early.path.starts_with("/.well-known/codemate/"));
    assert!(!early.path.contains(&early.answer), "that is no secret");
    assert!(answered(&entrance, "a.example", &early).await);
    entrance.add_origin(&"https://a.example".parse().unwrap());
    let late = entrance.challenge();
    assert_ne!(early, late);
    for host in ["a.example", "b.example", "127.0.0.1", "shop.localhost:7070"] {
        assert!(answered(&entrance, host, &early).await);
        assert!(answered(&entrance, host, &late).await);
    }
    assert_eq!(app.requests(), 0);
    assert_eq!(world.activity.last(), before, "nobody has visited the app");
    // The control: a visit is seen there, once the clock has moved on by a millisecond.
    soon(async {
        while world.activity.last() == before {
            visit(&entrance, "a.example", ask("GET", "/")).await;
        }
    })
    .await;
}

#[tokio::test]
async fn nothing_below_that_path_reaches_an_app() {
    let (world, app) = World::with(hello).await;
    let entrance = world.entrance(&["https://a.example"]);
    let challenge = entrance.challenge();
    for method in ["POST", "HEAD", "PUT", "OPTIONS"] {
        let request = ask(method, &challenge.path);
        let (parts, text) = soon(visit(&entrance, "a.example", request)).await;
        assert_eq!(parts.status, StatusCode::NOT_FOUND, "{method}");
        assert!(!text.contains(&challenge.answer));
    }
    let wrong = format!("{}0", challenge.path);
    for path in [
        wrong.as_str(),
        "/.well-known/codemate/",
        "/.well-known/codemate/a/b",
    ] {
        let (parts, _) = soon(visit(&entrance, "a.example", ask("GET", path))).await;
        assert_eq!(parts.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(app.requests(), 0);
    for path in ["/.well-known/codemate", "/.well-known/other"] {
        let (parts, _) = soon(visit(&entrance, "a.example", ask("GET", path))).await;
        assert_eq!(parts.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn no_other_door_answers_it() {
    let (world, _app) = World::with(mirror).await;
    let entrance = world.entrance(&["https://a.example"]);
    let other = world.entrance(&["https://a.example"]);
    let challenge = entrance.challenge();
    assert!(!answered(&other, "a.example", &challenge).await);
    assert!(answered(&entrance, "a.example", &challenge).await);
    let (parts, text) = soon(world.ask(world.get(&challenge.path))).await;
    assert_eq!(parts.status, StatusCode::OK);
    assert!(
        text.starts_with(&format!("GET {}\n", challenge.path)),
        "to the local door it is a path like any other: {text}"
    );
}

#[tokio::test]
async fn a_challenge_does_not_outlive_its_minute() {
    let world = World::new();
    let entrance = world.entrance(&["https://a.example"]);
    let challenge = entrance.challenge();
    assert!(answered(&entrance, "a.example", &challenge).await);
    tokio::time::pause();
    tokio::time::advance(Duration::from_mins(1)).await;
    tokio::time::resume();
    assert!(!answered(&entrance, "a.example", &challenge).await);
}

#[tokio::test]
async fn at_a_shared_port_the_host_has_to_arrive_too() {
    let world = World::new();
    let shop = world.shared("shop", 0, "https://shop.example");
    let port = shop.addr().port();
    let blog = world.shared("blog", port, "https://blog.example");
    let (first, second) = (shop.challenge(), blog.challenge());
    assert!(answered(&shop, "shop.example", &first).await);
    assert!(answered(&shop, "blog.example", &second).await);
    for (host, challenge) in [
        ("blog.example", &first),
        ("shop.example", &second),
        ("other.example", &first),
    ] {
        assert!(!answered(&shop, host, challenge).await, "{host}");
    }
    let own = format!("127.0.0.1:{port}");
    assert!(!answered(&shop, &own, &first).await);
}
