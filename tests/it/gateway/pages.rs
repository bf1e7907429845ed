//! What the gateway says itself.

use codemate_preview::{
    gateway::Target,
    model::{Code, Problem, ProxyHost},
};
use http::{HeaderValue, StatusCode};
use tokio::net::TcpListener;

use super::world::{World, full, hello, soon};

async fn both(world: &World, path: &str) -> (http::response::Parts, String, Problem) {
    let mut request = world.get(path);
    let browser = HeaderValue::from_static("text/html,application/xhtml+xml,*/*;q=0.8");
    request.headers_mut().insert("accept", browser);
    let (page, html) = soon(world.ask(request)).await;
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    let (parts, json) = soon(world.ask(world.get(path))).await;
    assert_eq!(parts.headers["content-type"], "application/json");
    assert_eq!(parts.status, page.status);
    assert_eq!(parts.headers["cache-control"], "no-store");
    (page, html, serde_json::from_str(&json).unwrap())
}

#[tokio::test]
async fn an_instance_that_starts_asks_for_patience() {
    let world = World::new();
    world.target(Target::Starting {
        detail: "installing <dependencies>".to_owned(),
    });
    let (parts, html, problem) = both(&world, "/").await;
    assert_eq!(parts.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(parts.headers["retry-after"], "1");
    assert!(
        html.contains("installing &lt;dependencies&gt;") && html.contains("http-equiv=\"refresh\"")
    );
    assert!(problem.retryable);
}

#[tokio::test]
async fn an_instance_that_failed_says_why() {
    let world = World::new();
    let cause = Problem::new(
        Code::Install,
        "npm install failed\n<script>alert(1)</script>",
    )
    .hint("look & see");
    world.target(Target::Failed {
        problem: cause.clone(),
    });
    let (parts, html, problem) = both(&world, "/").await;
    assert_eq!(parts.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!parts.headers.contains_key("retry-after"));
    assert!(
        html.contains("look &amp; see")
            && html.contains("&lt;script&gt;")
            && !html.contains("<script")
    );
    assert_eq!(problem, cause);
}

#[tokio::test]
async fn an_instance_that_sleeps_says_how_to_wake_it() {
    let world = World::new();
    world.target(Target::Asleep);
    let (parts, html, problem) = both(&world, "/").await;
    assert_eq!(parts.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(html.contains("codemate-preview up"));
    assert_eq!(problem.next[0].argv, ["codemate-preview", "up"]);
}

#[tokio::test]
async fn an_app_that_does_not_listen() {
    let world = World::new();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    world.show(port, ProxyHost::Preserve, 1);
    let (parts, html, problem) = both(&world, "/").await;
    assert_eq!(parts.status, StatusCode::BAD_GATEWAY);
    assert!(html.contains(&format!("not listening on port {port}")));
    assert_eq!(problem.code, Code::AppExited);
}

#[tokio::test]
async fn a_name_nobody_has_tells_nothing_of_the_others() {
    let (world, app) = World::with(hello).await;
    let hosts = [
        format!("other.localhost:{}", world.port),
        format!("shop.localhost:{}", world.port ^ 1),
        format!("a.shop.localhost:{}", world.port),
        "shop.localhost".to_owned(),
        "evil.example".to_owned(),
    ];
    for host in hosts {
        let mut request = world.get("/");
        request.headers_mut().insert("host", host.parse().unwrap());
        let (parts, text) = soon(world.ask(request)).await;
        assert_eq!(parts.status, StatusCode::NOT_FOUND, "{host}");
        assert!(!text.contains("shop"), "{host}: {text}");
    }
    assert_eq!(app.requests(), 0);
}

#[tokio::test]
async fn the_gateways_own_address_lists_the_previews() {
    let world = World::new();
    world.target(Target::Asleep);
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        let mut request = world.get("/");
        request
            .headers_mut()
            .insert("host", format!("{host}:{}", world.port).parse().unwrap());
        request
            .headers_mut()
            .insert("accept", HeaderValue::from_static("text/html"));
        let (parts, html) = soon(world.ask(request)).await;
        assert_eq!(parts.status, StatusCode::NOT_FOUND);
        let link = format!("<a href=\"http://{}/\">shop</a>", world.host());
        assert!(html.contains(&link), "{html}");
    }
}

#[tokio::test]
async fn methods_that_are_not_for_an_app() {
    let (world, app) = World::with(hello).await;
    let (parts, _) = soon(world.ask(world.request("TRACE", "/", full("")))).await;
    assert_eq!(parts.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(parts.headers.contains_key("allow"));
    let host = world.host();
    let tunnel = format!("CONNECT {host} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    assert!(
        world
            .raw(tunnel.as_bytes())
            .await
            .starts_with("HTTP/1.1 405 ")
    );
    assert_eq!(app.requests(), 0);
}
