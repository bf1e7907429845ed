//! Two users of one agent, who must not so much as notice each other.

use std::{
    path::{Component, PathBuf},
    sync::Arc,
};

use codemate_preview::{
    config::{CredentialRegistry, SupabaseSettings, credentials::SUPABASE_TOKEN},
    lifecycle::{LifecycleError, StartRequest},
    model::{Credentials, Name, Secret},
    source::supabase::SupabaseSessions,
    store::Store,
    task::Scope,
};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

use super::{
    rig::{Rig, all},
    signer::{claims, hs256},
};
use crate::help::no_vault::NoVault;

#[tokio::test(flavor = "multi_thread")]
async fn each_sees_their_own_and_the_host_sees_all() {
    let rig = Rig::new();
    let anns = rig.instance("shop", Some("ann")).await;
    let bobs = rig.instance("shop", Some("bob")).await;
    let hosts = rig.instance("shop", None).await;
    let (ann, bob) = (hs256(&claims("ann")), hs256(&claims("bob")));
    let token = rig.token(all()).await;
    let ids = |answer: Value| -> Vec<String> {
        let all = answer["instances"].as_array().unwrap().clone();
        let mut ids: Vec<_> = all
            .iter()
            .map(|one| one["id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    };
    let list = async |token: &str| {
        ids(rig
            .ask("GET", "/v1/instances")
            .bearer(token)
            .send()
            .await
            .json())
    };
    assert_eq!(list(&ann).await, [anns.to_string()]);
    assert_eq!(list(&bob).await, [bobs.to_string()]);
    let mut every = [&anns, &bobs, &hosts].map(ToString::to_string);
    every.sort();
    assert_eq!(list(&token).await, every);
    let hello = rig
        .ask("GET", "/v1/hello?engine=true")
        .bearer(&ann)
        .send()
        .await
        .json();
    assert_eq!((&hello["instances"], &hello["pid"]), (&json!(1), &json!(0)));
    assert_eq!(hello["engine"], Value::Null);
    // Nobody's name tells whether another has taken it.
    let name = |id| rig.manager().show(id).unwrap().name.to_string();
    assert_eq!(name(anns.as_str()), format!("shop-{anns}"));
    assert_eq!(name(bobs.as_str()), format!("shop-{bobs}"));
    assert_eq!(name(hosts.as_str()), "shop");
    // `down --all` is of one's own.
    let down = json!({ "all": true, "purge": true });
    let stop = rig
        .ask("POST", "/v1/instances/stop")
        .bearer(&ann)
        .json(&down);
    assert_eq!(
        stop.send().await.json()["stopped"],
        json!([format!("shop-{anns}")])
    );
    let mut left = [&bobs, &hosts].map(ToString::to_string);
    left.sort();
    assert_eq!(list(&token).await, left);
    rig.stop().await;
}

/// By id, by name, on every route of one: the same answer as for what there never was.
#[tokio::test(flavor = "multi_thread")]
async fn anothers_instance_answers_as_none_at_all() {
    let rig = Rig::new();
    let anns = rig.instance("shop", Some("ann")).await;
    rig.instance("secret", None).await;
    let bob = hs256(&claims("bob"));
    let name = format!("shop-{anns}");
    for route in codemate_preview::agent::ROUTES {
        let is_post = route.method == "POST";
        let ask = |asked: &str| {
            let ask = rig.ask(route.method.as_str(), &route.path.replace("{id}", asked));
            let body = match route.path {
                "/v1/instances/stop" => json!({ "instances": [asked] }),
                _ => json!({ "argv": ["true"] }),
            };
            if is_post {
                ask.bearer(&bob).json(&body)
            } else {
                ask.bearer(&bob)
            }
        };
        if !route.path.contains("{id}") && route.path != "/v1/instances/stop" {
            continue;
        }
        for (theirs, nobodys) in [
            (anns.as_str(), "0123456789ab"),
            (name.as_str(), "shop-0123456789ab"),
            ("secret", "secreu"),
        ] {
            let one = ask(theirs)
                .send()
                .await
                .timeless()
                .replace(theirs, "[asked]");
            let none = ask(nobodys)
                .send()
                .await
                .timeless()
                .replace(nobodys, "[asked]");
            assert_eq!(one, none, "{} {theirs}", route.path);
            assert!(one.contains("40"), "{one}");
        }
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_names_no_directory_and_no_tunnel_and_no_credential() {
    let rig = Rig::new();
    let ann = hs256(&claims("ann"));
    let rows = json!({ "kind": "supabase", "project": "p1" });
    let files = json!({ "kind": "local", "directory": "/etc" });
    let start = |body: Value| {
        rig.ask("POST", "/v1/instances/start")
            .bearer(&ann)
            .json(&body)
    };
    for refused in [
        json!({ "source": files }),
        json!({ "source": rows, "options": { "tunnel": "ngrok" } }),
        json!({ "source": rows, "credentials": { "ngrok": "x" } }),
        json!({ "source": rows, "credentials": { "supabase": { "url": "https://evil.example" } } }),
    ] {
        assert_eq!(start(refused.clone()).status().await, 403, "{refused}");
    }
    let detect = |body: Value| rig.ask("POST", "/v1/detect").bearer(&ann).json(&body);
    assert_eq!(detect(json!({ "source": files })).status().await, 403);
    // Nor does what else an owner says lead out of the directory of their rows.
    let state = rig.world.dir.path().join("state");
    for project in ["p1", "../../../../etc", "/etc", ".."] {
        let project = project.to_owned();
        let source = rig.manager().mirrored_source(project, None, Some("ann"));
        let dir = PathBuf::from(source.directory());
        assert!(dir.starts_with(&state), "{dir:?}");
        assert!(!dir.components().any(|part| part == Component::ParentDir));
        std::fs::create_dir_all(dir.join("app")).unwrap();
        std::fs::write(dir.join("app/main.py"), "").unwrap();
    }
    let looks_in = |root: &str| detect(json!({ "source": rows, "options": { "root": root } }));
    for root in ["..", "/etc", "app/../../.."] {
        assert_eq!(looks_in(root).status().await, 422, "{root}");
    }
    assert_eq!(looks_in("app").status().await, 200, "the control");
    assert_eq!(
        start(json!({ "source": rows })).status().await,
        200,
        "the control"
    );
    rig.stop().await;
}

/// An id is 48 bits, so somebody might make theirs meet another's.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_meets_anothers_id_gets_nothing_of_it() {
    let rig = Rig::new();
    let id = rig.instance("shop", None).await;
    let order = || StartRequest {
        label: Some(Name::slug("shop")),
        ..rig.world.order()
    };
    let source = |owner| rig.manager().mirrored_source("p1".to_owned(), None, owner);
    assert_ne!(source(Some("ann")).directory(), source(None).directory());
    assert_ne!(
        source(Some("ann")).directory(),
        source(Some("bob")).directory()
    );
    assert!(rig.house.scope.close(super::rig::PATIENCE).await);
    let store = Store::open(rig.world.dir.path().join("state")).unwrap();
    let mut record = store.load(&id).unwrap().unwrap();
    let control = rig.world.agent();
    assert!(control.manager.up(order()).await.is_ok());
    control.stop().await;
    // As if an owner's project and label had come out at the same id.
    record.owner = Some("ann".to_owned());
    store.save(&record).unwrap();
    let next = rig.world.agent();
    let met = next.manager.up(order()).await;
    assert!(matches!(met, Err(LifecycleError::NotFound { .. })));
    next.stop().await;
}

/// What the host may see is not what its users may: their rows are read as them.
#[tokio::test(flavor = "multi_thread")]
async fn an_owners_rows_are_read_as_that_owner() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(404).set_body_json(json!({})))
        .mount(&server)
        .await;
    let settings = SupabaseSettings {
        rest_url: Some(server.uri()),
        ..SupabaseSettings::default()
    };
    let hosts = Some(Secret::new("the-hosts-own"));
    let known = CredentialRegistry::new(Credentials::default().with(SUPABASE_TOKEN, hosts));
    let scope = Scope::new();
    let desk = SupabaseSessions::new(settings, known, Arc::new(NoVault), &scope);
    let dir = tempfile::tempdir().unwrap();
    let ann = desk.for_tenant("ann");
    let connect = async |desk: &SupabaseSessions| {
        let done = desk.connect("p1", dir.path(), &scope).await;
        assert!(done.is_err());
        let seen = server.received_requests().await.unwrap();
        server.reset().await;
        let mut bearers: Vec<String> = seen
            .iter()
            .map(|request| {
                let header = request.headers.get("authorization");
                header
                    .map_or("none", |text| text.to_str().unwrap())
                    .to_owned()
            })
            .collect();
        bearers.sort();
        bearers.dedup();
        bearers
    };
    let nothing: [&str; 0] = [];
    assert_eq!(
        connect(&ann).await,
        nothing,
        "before ann called, nothing is sent"
    );
    desk.tenants().set_token("ann", Secret::new("anns-jwt"));
    assert_eq!(connect(&ann).await, ["Bearer anns-jwt"]);
    assert_eq!(connect(&desk.for_tenant("bob")).await, nothing);
    assert_eq!(
        connect(&desk).await,
        ["Bearer the-hosts-own"],
        "the control"
    );
    assert!(scope.close(super::rig::PATIENCE).await);
}
