//! Forged, stale and misdirected JWTs. The control in each test is the same token without the flaw.

use serde_json::{Value, json};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path};

use super::{
    rig::{Rig, settings},
    signer::{ISSUER, SECRET, Signer, claims, hs256, hs256_as, now, unsigned, with},
};

const KEYS: &str = "/auth/v1/.well-known/jwks.json";

async fn status(rig: &Rig, token: &str) -> u16 {
    rig.ask("GET", "/v1/instances").bearer(token).status().await
}

/// Fewer than an address may send before it is told to wait.
async fn all_refused(rig: &Rig, forged: &[(&str, String)]) {
    assert!(
        forged.len() < 30,
        "or the last are refused for another reason"
    );
    for (flaw, token) in forged {
        assert_eq!(status(rig, token).await, 401, "{flaw}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_secret_believes_no_forgery() {
    let rig = Rig::new();
    let good = hs256(&claims("ann"));
    let parts: Vec<&str> = good.split('.').collect();
    let changed = |name, value| hs256(&with(claims("ann"), name, value));
    let other = hs256(&claims("bob"));
    let graft = format!(
        "{}.{}.{}",
        parts[0],
        other.split('.').nth(1).unwrap(),
        parts[2]
    );
    let head = |header: Value| hs256_as(&header, &claims("ann"), SECRET.as_bytes());
    let forged = [
        ("alg none", unsigned("none", &claims("ann"))),
        ("alg None", unsigned("None", &claims("ann"))),
        (
            "alg HS256 without a signature",
            unsigned("HS256", &claims("ann")),
        ),
        ("no signature part", format!("{}.{}", parts[0], parts[1])),
        ("empty", String::new()),
        ("dots", "..".to_owned()),
        ("another's claims", graft),
        (
            "another secret",
            hs256_as(&json!({ "alg": "HS256" }), &claims("ann"), b""),
        ),
        ("HS384", head(json!({ "alg": "HS384" }))),
        ("ES256", head(json!({ "alg": "ES256" }))),
        ("no alg", head(json!({ "typ": "JWT" }))),
        ("critical", head(json!({ "alg": "HS256", "crit": ["exp"] }))),
        (
            "own key",
            head(json!({ "alg": "HS256", "kid": "x".repeat(300) })),
        ),
        ("expired", changed("exp", json!(now() - 31))),
        ("expiry a text", changed("exp", json!("9999999999"))),
        ("no expiry", changed("exp", Value::Null)),
        ("not yet", changed("nbf", json!(now() + 60))),
        ("not yet as text", changed("nbf", json!("0"))),
        ("another audience", changed("aud", json!("anon"))),
        ("no audience", changed("aud", Value::Null)),
        (
            "another issuer",
            changed("iss", json!("https://evil.example/auth/v1")),
        ),
        ("no issuer", changed("iss", Value::Null)),
        ("the service's", changed("role", json!("service_role"))),
        ("nobody's role", changed("role", Value::Null)),
        ("nobody", changed("sub", json!(""))),
        ("no subject", changed("sub", Value::Null)),
        ("a subject of two lines", changed("sub", json!("a\nb"))),
        ("a number for subject", changed("sub", json!(7))),
    ];
    all_refused(&rig, &forged).await;
    assert_eq!(status(&rig, &good).await, 200);
    let skewed = changed("exp", json!(now() - 5));
    assert_eq!(status(&rig, &skewed).await, 200, "clocks differ a little");
    let several = changed("aud", json!(["authenticated", "other"]));
    assert_eq!(status(&rig, &several).await, 200);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_huge_token_is_refused_whole() {
    let rig = Rig::new();
    let with_pad = |pad: usize| hs256(&with(claims("ann"), "pad", json!("x".repeat(pad))));
    assert_eq!(status(&rig, &with_pad(4000)).await, 200, "the control");
    assert_eq!(status(&rig, &with_pad(8 << 10)).await, 401);
    rig.stop().await;
}

/// An agent that believes a key set, and the server of the set.
async fn by_set(keys: &[Value], alg: &str) -> (Rig, MockServer) {
    let server = MockServer::start().await;
    serve(&server, keys).await;
    let mut settings = settings();
    settings.supabase.jwks_url = Some(format!("{}{KEYS}", server.uri()));
    settings.supabase.issuer = Some(ISSUER.to_owned());
    settings.supabase.algorithm = serde_json::from_value(json!(alg)).unwrap();
    (Rig::with(&settings, None), server)
}

async fn serve(server: &MockServer, keys: &[Value]) {
    let set = json!({ "keys": keys });
    Mock::given(path(KEYS))
        .respond_with(ResponseTemplate::new(200).set_body_json(set))
        .mount(server)
        .await;
}

async fn fetched(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_set_believes_its_own_keys_alone() {
    for signer in [Signer::ec("k1"), Signer::rsa("k1")] {
        let unknown = json!({ "kty": "of tomorrow", "kid": "t" });
        let oct = json!({ "kty": "oct", "kid": "oct", "k": "c2VjcmV0", "alg": "HS256" });
        let (rig, server) = by_set(&[unknown, oct, signer.jwk()], signer.alg()).await;
        let own = Signer::ec("k1");
        let sign = |header: Value| signer.sign_as(&header, &claims("ann"));
        let alg = signer.alg();
        let mut forged = vec![
            (
                "another's key under the same id",
                match alg {
                    "ES256" => own.sign(&claims("ann")),
                    _ => Signer::rsa("k1").sign(&claims("ann")),
                },
            ),
            (
                "the other family",
                match alg {
                    "ES256" => Signer::rsa("k1").sign(&claims("ann")),
                    _ => own.sign(&claims("ann")),
                },
            ),
            ("none", unsigned("none", &claims("ann"))),
            (
                "a path for an id",
                sign(json!({ "alg": alg, "kid": "../../../dev/null" })),
            ),
            (
                "a query for an id",
                sign(json!({ "alg": alg, "kid": "k1?x=1" })),
            ),
            (
                "an id with a nul",
                sign(json!({ "alg": alg, "kid": "k1\u{0}" })),
            ),
            (
                "a symmetric key of the set",
                hs256_as(
                    &json!({ "alg": "HS256", "kid": "oct" }),
                    &claims("ann"),
                    b"secret",
                ),
            ),
            (
                "its own key in the header",
                own.sign_as(&json!({ "alg": "ES256", "jwk": own.jwk() }), &claims("ann")),
            ),
            (
                "a key elsewhere",
                own.sign_as(
                    &json!({ "alg": "ES256", "kid": "e", "jku": "http://127.0.0.1:1/k" }),
                    &claims("ann"),
                ),
            ),
        ];
        // The public key taken for a shared secret.
        for secret in signer.public() {
            let header = json!({ "alg": "HS256", "kid": "k1" });
            forged.push((
                "HS256 by the public key",
                hs256_as(&header, &claims("ann"), &secret),
            ));
        }
        all_refused(&rig, &forged).await;
        assert_eq!(
            status(&rig, &signer.sign(&claims("ann"))).await,
            200,
            "{alg}"
        );
        let unnamed = sign(json!({ "alg": alg }));
        assert_eq!(
            status(&rig, &unnamed).await,
            200,
            "a set of one needs no name"
        );
        assert_eq!(fetched(&server).await, 1, "however many ids nobody knows");
        rig.stop().await;
    }
}

/// A key set that cannot be had lets nobody in, and is not asked for at every attempt.
#[tokio::test(flavor = "multi_thread")]
async fn without_its_key_set_nobody_is_believed() {
    let server = MockServer::start().await;
    let mut settings = settings();
    settings.supabase.jwks_url = Some(format!("{}{KEYS}", server.uri()));
    let rig = Rig::with(&settings, None);
    let signer = Signer::ec("k1");
    for _ in 0..5 {
        assert_eq!(status(&rig, &signer.sign(&claims("ann"))).await, 401);
    }
    assert_eq!(fetched(&server).await, 1);
    rig.stop().await;
}

/// Who has no users configured believes no JWT at all.
#[tokio::test(flavor = "multi_thread")]
async fn without_users_no_jwt_is_believed() {
    let rig = Rig::with(&settings(), None);
    assert_eq!(status(&rig, &hs256(&claims("ann"))).await, 401);
    rig.stop().await;
}
