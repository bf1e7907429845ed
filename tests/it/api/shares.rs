//! Links over TCP: each owner's own, and never what opens a preview.

use codemate_preview::{
    model::{InstanceId, Shares},
    security::{Minted, mint},
    store::{Store, TokenRecord},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    rig::{Rig, all},
    signer::{claims, hs256},
};

/// A link that is good. Nobody has asked for this instance's yet, so it is read from the disk.
fn given(rig: &Rig, id: &InstanceId, label: &str) -> Minted {
    let minted = mint(id, Some(label.to_owned()), Timestamp::now(), None);
    let shares = Shares {
        public: None,
        grants: vec![minted.grant.clone()],
        ..Shares::default()
    };
    let store = Store::open(rig.world.dir.path().join("state")).unwrap();
    store.save_shares(id, &shares).unwrap();
    minted
}

async fn list(rig: &Rig, path: &str, credential: &str) -> Value {
    let answer = rig.ask("GET", path).bearer(credential).send().await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["shares"].clone()
}

fn instances(shares: &Value) -> Vec<&str> {
    let all = shares.as_array().unwrap().iter();
    let mut ids: Vec<&str> = all.map(|one| one["instance"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn each_lists_and_takes_back_their_own_links_alone() {
    let rig = Rig::new();
    let anns = rig.instance("shop", Some("ann")).await;
    let bobs = rig.instance("shop", Some("bob")).await;
    let hosts = rig.instance("shop", None).await;
    let links = [&anns, &bobs, &hosts].map(|id| given(&rig, id, &format!("for-{id}")));
    let (ann, bob) = (hs256(&claims("ann")), hs256(&claims("bob")));
    let of_one = TokenRecord {
        manage: false,
        local_dirs: false,
        instance: Some(hosts.clone()),
        ..all()
    };
    let (every, of_one) = (rig.token(all()).await, rig.token(of_one).await);
    let mut whole = [&anns, &bobs, &hosts].map(InstanceId::as_str);
    whole.sort_unstable();
    for (credential, sees) in [
        (&ann, vec![anns.as_str()]),
        (&bob, vec![bobs.as_str()]),
        (&of_one, vec![hosts.as_str()]),
        (&every, whole.to_vec()),
    ] {
        let shares = list(&rig, "/v1/shares", credential).await;
        assert_eq!(instances(&shares), sees);
        let text = shares.to_string();
        for (id, link) in [&anns, &bobs, &hosts].into_iter().zip(&links) {
            let listed = text.contains(&format!("for-{id}"));
            assert_eq!(listed, sees.contains(&id.as_str()), "{text}");
            assert!(!text.contains(link.token.reveal()), "{text}");
        }
    }
    let one = list(&rig, &format!("/v1/instances/{anns}/share"), &ann).await;
    assert_eq!(instances(&one), [anns.as_str()]);

    let revoke = async |credential: &str, at: &InstanceId, link: &Minted| {
        let path = format!("/v1/instances/{at}/share/revoke");
        let body = json!({ "links": [link.grant.id] });
        let ask = rig.ask("POST", &path).bearer(credential).json(&body);
        ask.send().await
    };
    // Neither at its own instance, nor named at one's own.
    assert_eq!(revoke(&ann, &bobs, &links[1]).await.status, 404);
    assert_eq!(revoke(&ann, &anns, &links[1]).await.status, 404);
    assert_eq!(revoke(&of_one, &hosts, &links[2]).await.status, 403);
    for still in list(&rig, "/v1/shares", &every).await.as_array().unwrap() {
        assert_eq!(still["links"][0]["state"], "good");
    }
    let taken = revoke(&bob, &bobs, &links[1]).await;
    assert_eq!(taken.json()["revoked"], json!([links[1].grant.id]));
    rig.stop().await;
}

/// To see a preview listed is not to have its link made or shown.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_is_shown_no_link() {
    let rig = Rig::new();
    let id = rig.instance("shop", None).await;
    let reader = TokenRecord {
        manage: false,
        local_dirs: false,
        ..all()
    };
    let (reader, every) = (rig.token(reader).await, rig.token(all()).await);
    for path in ["restart", "tunnel/open", "share/new", "share/own"] {
        let path = format!("/v1/instances/{id}/{path}");
        let ask = |credential| rig.ask("POST", &path).bearer(credential).json(&json!({}));
        assert_eq!(ask(&reader).status().await, 403, "{path}");
        let status = ask(&every).status().await;
        assert!(![401, 403, 404].contains(&status), "{path}: {status}");
    }
    let public = json!({ "source": { "kind": "local", "directory": rig.world.project() },
                         "label": "shop", "public": true });
    let start = |credential: &str| {
        let ask = rig.ask("POST", "/v1/instances/start");
        ask.bearer(credential).json(&public)
    };
    assert_eq!(start(&reader).status().await, 403);
    let answer = start(&every).send().await;
    assert_eq!(answer.status, 200);
    answer.ended().await;
    rig.stop().await;
}
