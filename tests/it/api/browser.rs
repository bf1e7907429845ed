//! Pages, rebinding and forged forms, at the listener itself.

use serde_json::json;

use super::rig::{Rig, all};

const PATH: &str = "/v1/instances";

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_not_ours_gets_nothing_even_with_a_token() {
    let rig = Rig::new();
    let token = rig.token(all()).await;
    let port = rig.at.port();
    let ask = |host: String| rig.ask("GET", PATH).bearer(&token).host(&host);
    for host in [
        format!("evil.example:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        "127.0.0.1".to_owned(),
        format!("127.0.0.1:{}", port ^ 1),
        format!("localhost.:{port}"),
        format!("0.0.0.0:{port}"),
        format!("[::1]:{port}"),
    ] {
        assert_eq!(ask(host.clone()).status().await, 421, "{host}");
    }
    for host in [format!("127.0.0.1:{port}"), format!("LocalHost:{port}")] {
        assert_eq!(ask(host.clone()).status().await, 200, "{host}");
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_gets_on_by_its_origin_and_a_token() {
    let rig = Rig::new();
    let token = rig.token(all()).await;
    let ask = || rig.ask("GET", PATH).bearer(&token);
    for origin in [
        "https://evil.example",
        "null",
        "http://ide.example",
        "http://localhost",
    ] {
        let refused = ask().header("origin", origin).send().await;
        assert_eq!(refused.status, 403, "{origin}");
        assert_eq!(refused.header("access-control-allow-origin"), None);
    }
    let blind = ask().header("sec-fetch-site", "cross-site");
    assert_eq!(blind.status().await, 403);
    let page = || rig.ask("GET", PATH).header("origin", "https://ide.example");
    assert_eq!(page().status().await, 401, "an origin is no credential");
    let good = page().bearer(&token).send().await;
    assert_eq!(good.status, 200);
    let allowed = good.header("access-control-allow-origin");
    assert_eq!(allowed, Some("https://ide.example"));
    assert_eq!(good.header("access-control-allow-credentials"), None);
    assert_eq!(good.header("vary"), Some("Origin"));
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        (
            "content-security-policy",
            "default-src 'none'; frame-ancestors 'none'",
        ),
    ] {
        assert_eq!(good.header(name), Some(value));
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_allowed_origin_is_answered_beforehand() {
    let rig = Rig::new();
    let preflight = |origin: &str| {
        rig.ask("OPTIONS", PATH)
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "authorization,content-type",
            )
    };
    let good = preflight("https://ide.example").send().await;
    assert_eq!(good.status, 204);
    assert_eq!(
        good.header("access-control-allow-methods"),
        Some("GET, POST")
    );
    let headers = good.header("access-control-allow-headers");
    assert_eq!(headers, Some("Authorization, Content-Type"));
    assert_eq!(good.header("access-control-allow-credentials"), None);
    let bad = preflight("https://evil.example").send().await;
    assert_eq!(bad.status, 403);
    assert_eq!(bad.header("access-control-allow-methods"), None);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_no_request() {
    let rig = Rig::new();
    let token = rig.token(all()).await;
    let post = || rig.ask("POST", "/v1/shutdown").bearer(&token);
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    ] {
        assert_eq!(
            post().header("content-type", kind).status().await,
            415,
            "{kind}"
        );
    }
    assert_eq!(post().status().await, 415);
    assert!(!rig.house.stop.is_cancelled());
    assert_eq!(post().json(&json!({})).status().await, 202);
    assert!(rig.house.stop.is_cancelled());
    rig.stop().await;
}
