//! Every route with every kind of credential. The cases are made of the route table itself.

use axum::{Extension, body::Body};
use codemate_preview::{
    agent::{ROUTES, Route},
    api::path,
    model::InstanceId,
    security::{
        Caller,
        Right::{HostUser, Manage, ManageHost, Read, ReadHost},
        Scopes,
    },
    store::TokenRecord,
};
use serde_json::{Value, json};
use tower_service::Service as _;

use super::{
    rig::{Ask, Rig, all},
    signer::{claims, hs256, hs256_as, now, with},
};

/// What an admitted request may come to: anything but being turned away.
const TURNED_AWAY: [u16; 7] = [401, 403, 404, 405, 415, 421, 429];

/// What everyone may read without naming an instance: whether it tells of instances, and of which
/// is tested.
const TELLS: [(&str, bool); 5] = [
    (path::INSTANCES, true),
    (path::ALL_EVENTS, true),
    (path::SHARES, true),
    (path::HELLO, false),
    (path::SUPABASE_SCHEMA, false),
];

/// What a route's request says, for `id`. Unless `stops`, there is nothing for it to stop.
fn body(rig: &Rig, route: &Route, id: &InstanceId, stops: bool) -> Option<Value> {
    let directory = rig.world.project();
    let source = json!({ "kind": "local", "directory": directory });
    (route.method == "POST").then(|| match route.path {
        path::START => json!({ "source": source, "label": "a" }),
        path::DETECT => json!({ "source": source }),
        path::STOP => json!({ "instances": stops.then_some(id).into_iter().collect::<Vec<_>>() }),
        path::EXEC => json!({ "argv": ["true"], "stdin": true }),
        path::TUNNEL_OPEN | path::TUNNELS_CHECK => json!({ "kind": "static" }),
        path::IMAGES_BUILD => json!({ "images": [] }),
        _ => json!({}),
    })
}

fn request(rig: &Rig, route: &Route, id: &InstanceId) -> Ask {
    with_body(rig, route, id, true)
}

fn with_body(rig: &Rig, route: &Route, id: &InstanceId, stops: bool) -> Ask {
    let mut ask = rig.ask(
        route.method.as_str(),
        &route.path.replace("{id}", id.as_str()),
    );
    if route.path.ends_with("/exec") {
        ask = ask.header("connection", "upgrade");
        ask = ask.header("upgrade", "codemate-exec");
    }
    match body(rig, route, id, stops) {
        Some(body) => ask.json(&body),
        None => ask,
    }
}

/// Where the body, and not the path, says which instance.
fn names_by_body(route: &Route) -> bool {
    [path::START, path::STOP, path::DETECT].contains(&route.path)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_route_takes_a_bad_credential() {
    let rig = Rig::new();
    let id = rig.instance("a", None).await;
    let good = rig.token(all()).await;
    let revoked = rig.token(all()).await;
    rig.revoke(&revoked).await;
    let expired = rig.token(soon()).await;
    // Whatever it was good for, its time has come by now.
    while rig.house.tokens.caller(&expired).is_some() {
        tokio::task::yield_now().await;
    }
    let jwt = |name, value| hs256(&with(claims("ann"), name, value));
    let bad = [
        String::new(),
        format!("Bearer cm_{}", "0".repeat(64)),
        "Bearer ".to_owned(),
        format!("Bearer {good}x"),
        format!("Bearer  {good}"),
        format!("Basic {good}"),
        good.clone(),
        format!("Bearer {}", good.to_uppercase()),
        format!("Bearer {revoked}"),
        format!("Bearer {expired}"),
        format!("Bearer {}", jwt("exp", json!(now() - 3600))),
        format!(
            "Bearer {}",
            hs256_as(&json!({ "alg": "HS256" }), &claims("ann"), &[7; 32])
        ),
    ];
    for route in ROUTES {
        for credential in &bad {
            let mut ask = request(&rig, route, &id);
            if !credential.is_empty() {
                ask = ask.header("authorization", credential);
            }
            let status = ask.status().await;
            // After so many of them an address is told to wait; it is turned away all the same.
            assert!(
                matches!(status, 401 | 429),
                "{} {credential}: {status}",
                route.path
            );
        }
        let twice = request(&rig, route, &id).bearer(&good).bearer(&good);
        assert!(matches!(twice.status().await, 401 | 429), "{}", route.path);
        let url = format!("{}?access_token={good}&token={good}", route.path);
        let by_url = rig
            .ask("GET", &url)
            .header("cookie", &format!("token={good}"));
        assert!(matches!(by_url.status().await, 401 | 429), "{}", route.path);
    }
    assert!(
        !rig.house.stop.is_cancelled(),
        "the shutdown route was never taken"
    );
    let still = rig.ask("GET", "/v1/instances").bearer(&good).status().await;
    assert_eq!(still, 200, "and a good one is taken from the same address");
    rig.stop().await;
}

/// Every credential that is good for something, on every route: exactly as far as the table says.
#[tokio::test(flavor = "multi_thread")]
async fn every_right_ends_where_the_table_says() {
    let rig = Rig::new();
    let one = rig.instance("a", None).await;
    let read = |instance: Option<&InstanceId>| TokenRecord {
        manage: false,
        local_dirs: false,
        instance: instance.cloned(),
        ..all()
    };
    let manage = |instance: &InstanceId| TokenRecord {
        instance: Some(instance.clone()),
        ..all()
    };
    let no_dirs = TokenRecord {
        local_dirs: false,
        ..all()
    };
    let tokens = [
        (
            "read all",
            rig.token(read(None)).await,
            [true, false, true, false],
        ),
        (
            "read this",
            rig.token(read(Some(&one))).await,
            [true, false, false, false],
        ),
        (
            "manage this",
            rig.token(manage(&one)).await,
            [true, true, false, false],
        ),
        (
            "manage all",
            rig.token(all()).await,
            [true, true, true, true],
        ),
        (
            "no dirs",
            rig.token(no_dirs).await,
            [true, true, true, true],
        ),
    ];
    for route in ROUTES {
        let right = [Read, Manage, ReadHost, ManageHost]
            .iter()
            .position(|right| *right == route.right);
        if route.path.ends_with("/exec") {
            rig.run_container(&one).await;
        }
        for (name, token, rights) in &tokens {
            let answer = with_body(&rig, route, &one, false)
                .bearer(token)
                .send()
                .await;
            let status = answer.status;
            if status == 200 {
                // Whoever leaves gives a start up.
                answer.ended().await;
            }
            let told = format!("{name} {} {}: {status}", route.method, route.path);
            let may = right.is_some_and(|at| rights[at]);
            let names_dir = ["/v1/instances/start", "/v1/detect"].contains(&route.path);
            if !may || (*name == "no dirs" && names_dir) {
                assert_eq!(status, 403, "{told}");
            } else if *name == "manage this" && route.path == "/v1/detect" {
                assert_eq!(status, 404, "it is of another instance: {told}");
            } else {
                assert!(!TURNED_AWAY.contains(&status), "{told}");
            }
        }
        if route.right == HostUser {
            let status = at_the_socket(&rig, route).await;
            assert!(!TURNED_AWAY.contains(&status), "{} {status}", route.path);
        }
    }
    assert!(
        rig.house.stop.is_cancelled(),
        "the one that may has taken the shutdown route"
    );
    rig.stop().await;
}

/// What is beyond reach does not exist, and never more than that.
#[tokio::test(flavor = "multi_thread")]
async fn no_route_reaches_another_instance_or_another_owners() {
    let rig = Rig::new();
    let (one, other) = (rig.instance("a", None).await, rig.instance("b", None).await);
    let bobs = rig.instance("a", Some("bob")).await;
    let of_other = TokenRecord {
        instance: Some(other.clone()),
        ..all()
    };
    let (of_other, ann) = (rig.token(of_other).await, hs256(&claims("ann")));
    let elsewhere = [(&of_other, &one), (&ann, &one), (&ann, &bobs)];
    for route in ROUTES {
        for (credential, id) in elsewhere {
            let answer = request(&rig, route, id).bearer(credential).send().await;
            let status = answer.status;
            let told = format!("elsewhere {} {}: {status}", route.method, route.path);
            if matches!(route.right, ReadHost | ManageHost | HostUser) {
                assert_eq!(status, 403, "{told}");
            } else if route.path.contains("{id}") {
                assert_eq!(status, 404, "{told}");
            } else if names_by_body(route) {
                assert!(matches!(status, 403 | 404), "{told}");
            } else {
                assert_eq!(status, 200, "{told}");
                let said = answer.whole().await;
                assert!(!said.contains(id.as_str()), "{told}: {said}");
            }
        }
    }
    let bob = hs256(&claims("bob"));
    // A list that shows what is within reach was looked at above.
    let mut looked_at = 0;
    for route in ROUTES {
        if route.right != Read || route.path.contains("{id}") {
            continue;
        }
        let told = TELLS.iter().find(|(path, _)| *path == route.path);
        let (_, tells) = told.expect("a new one says whether it tells of instances");
        for (credential, id) in [(&of_other, &other), (&bob, &bobs)] {
            let answer = request(&rig, route, id).bearer(credential).send().await;
            let said = answer.whole().await;
            assert_eq!(said.contains(id.as_str()), *tells, "{}: {said}", route.path);
            looked_at += 1;
        }
    }
    assert_eq!(looked_at, 2 * TELLS.len());
    // And what is within reach is, on each of them.
    for route in ROUTES {
        if !route.path.contains("{id}") || !matches!(route.right, Read | Manage) {
            continue;
        }
        for (credential, id) in [(&of_other, &other), (&bob, &bobs)] {
            if route.path.ends_with("/exec") {
                rig.run_container(id).await;
            }
            let answer = request(&rig, route, id).bearer(credential).send().await;
            let status = answer.status;
            assert!(!TURNED_AWAY.contains(&status), "{} {status}", route.path);
            if status == 200 {
                answer.whole().await;
            }
        }
    }
    rig.stop().await;
}

/// As the host's user's own request.
async fn at_the_socket(rig: &Rig, route: &Route) -> u16 {
    let mut router = rig.router.clone().layer(Extension(Caller::host()));
    let request = http::Request::builder()
        .method(route.method.clone())
        .uri(route.path)
        .header("content-type", "application/json")
        .body(Body::from("{}"))
        .unwrap();
    router.call(request).await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_caller_nothing_is_served() {
    let rig = Rig::new();
    for route in ROUTES {
        let request = http::Request::builder()
            .method(route.method.clone())
            .uri(route.path)
            .body(Body::empty())
            .unwrap();
        let status = rig.router.clone().call(request).await.unwrap().status();
        assert_eq!(status, 401, "{}", route.path);
    }
    rig.stop().await;
}

/// A path of the API that the table does not have, and a way around the table.
#[test]
fn every_route_is_in_the_table() {
    let src = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let api = std::fs::read_to_string(src.join("api/mod.rs")).unwrap();
    let mut paths: Vec<&str> = api
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub const "))
        .filter_map(|line| line.split_once(": &str = \"")?.1.strip_suffix("\";"))
        .collect();
    assert!(paths.len() >= 25, "the constants are found");
    let mut routes: Vec<&str> = ROUTES.iter().map(|route| route.path).collect();
    paths.sort_unstable();
    routes.sort_unstable();
    routes.dedup();
    assert_eq!(routes, paths);
    for route in ROUTES {
        let only_looks = matches!(route.right, Read | ReadHost);
        assert!(!only_looks || route.method == "GET", "{}", route.path);
    }
    let mut makers = Vec::new();
    for entry in std::fs::read_dir(src.join("agent/routes")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for way in [
            ".route(",
            ".route_service(",
            ".nest",
            ".merge(",
            ".fallback_service(",
        ] {
            makers.extend(text.matches(way).map(|_| path.clone()));
        }
    }
    assert_eq!(makers.len(), 1, "only the loop over the table: {makers:?}");
}

/// What is asked of the host's own user is not to be had by any scope: to make tokens, and to start
/// containers of the agent's own.
#[test]
fn some_of_it_is_the_hosts_users_alone() {
    let scopes = Scopes {
        ..Caller::host().scopes
    };
    let token = Caller::token(
        "x".to_owned(),
        scopes,
        tokio_util::sync::CancellationToken::default(),
        None,
    );
    for route in ROUTES.iter().filter(|route| {
        route.path.starts_with("/v1/tokens") || [path::PROBE, path::PRUNE].contains(&route.path)
    }) {
        assert_eq!(route.right, HostUser);
        assert!(!token.may(route.right));
        assert!(Caller::host().may(route.right));
    }
}

/// What is kept for an instance before it is made is for those who reach all there will be.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_made_yet_is_out_of_most_reaches() {
    let rig = Rig::new();
    let one = rig.instance("a", Some("ann")).await;
    let of_one = TokenRecord {
        instance: Some(one),
        ..all()
    };
    let everything = rig.token(all()).await;
    let others = [rig.token(of_one).await, hs256(&claims("ann"))];
    let paths = [
        "/v1/instances/0123456789ab/secrets",
        "/v1/instances/shop/secrets",
    ];
    for (path, expected) in paths.into_iter().zip([200, 404]) {
        let set = json!({ "set": { "TOKEN": "x" } });
        let ask = |method| rig.ask(method, path);
        assert_eq!(ask("GET").bearer(&everything).status().await, expected);
        let answer = ask("POST").bearer(&everything).json(&set);
        assert_eq!(answer.status().await, expected, "{path}");
        for other in &others {
            assert_eq!(ask("GET").bearer(other).status().await, 404, "{path}");
            let answer = ask("POST").bearer(other).json(&set);
            assert_eq!(answer.status().await, 404, "{path}");
        }
    }
    rig.stop().await;
}

/// A token with the least time to live that can be made.
fn soon() -> TokenRecord {
    TokenRecord {
        expires: Some(jiff::Timestamp::now() + jiff::SignedDuration::from_millis(200)),
        ..all()
    }
}
