//! The real `cloudflared` between our supervisor and our own API and edge, quick and named.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use codemate_preview::{
    config::{CredentialRegistry, credentials::CLOUDFLARE_TOKEN},
    model::{Credentials, Secret, TunnelKind, TunnelState, Verification},
    task::Scope,
    tunnel::{Tunnel, TunnelTarget, TunnelTiming},
};

use crate::{
    cloudflare_api::{ACCOUNT, FakeApi, TOKEN, ZONE, ZONE_NAME},
    edge::{Directory, Edge, Seen, directory::QuickService},
    rig::{Rig, is_alive, is_known, reach, until},
    visitor::Visitor,
    world::block_on,
};

/// What is given to QUIC, which leads nowhere here.
const CONNECTING: Duration = Duration::from_secs(8);

/// The program, told to take HTTP/2. A named tunnel leaves the choice to it, and the edge here has
/// no QUIC.
fn by_http2(dir: &Path, program: &Path) -> PathBuf {
    let path = dir.join("cloudflared-by-http2");
    let text = format!(
        "#!/bin/sh\nTUNNEL_TRANSPORT_PROTOCOL=http2 exec '{}' \"$@\"\n",
        program.display()
    );
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

async fn rig(scope: &Scope, edge: &Edge) -> Rig {
    let mut rig = Rig::new(scope).await;
    let ca = rig.dir.0.join("edge.pem");
    fs::write(&ca, &edge.ca).unwrap();
    for pattern in ["*.trycloudflare.com", "*.example.com"] {
        let to = edge.public.to_string();
        rig.tools.settings.resolve.insert(pattern.to_owned(), to);
    }
    rig.tools.settings.cloudflare.edge = Some(edge.agents.to_string());
    rig.tools.settings.cloudflare.edge_ca = Some(ca.clone());
    rig.tools.ca_bundle = Some(ca);
    // It takes its time to say goodbye, and to see that it cannot connect.
    let patient = TunnelTiming::default();
    rig.tools.timing.first_grace = patient.first_grace;
    rig.tools.timing.second_grace = patient.second_grace;
    rig.tools.timing.verifying = patient.verifying;
    rig
}

/// Wait until it is up and our own answer has come through the edge; say where it is.
async fn through(tunnel: &mut Tunnel) -> String {
    reach(tunnel, "a URL that leads here", |state| match state {
        TunnelState::Ready {
            url,
            verified: Verification::EndToEnd,
        } => Some(url.to_string()),
        _ => None,
    })
    .await
}

fn pid_of(rig: &Rig) -> i32 {
    let [record] = &rig.tools.store.load_tunnels().unwrap()[..] else {
        panic!("not one record");
    };
    record.process.as_ref().unwrap().pid
}

/// The edge loses every connection; the same program comes back to the same address.
async fn loses_and_regains(edge: &Edge, tunnel: &mut Tunnel, url: &str) {
    let before = edge.registrations();
    edge.down();
    let lost = reach(tunnel, "being down", |state| match state {
        TunnelState::Down { url, .. } => Some(url.to_string()),
        _ => None,
    });
    assert_eq!(lost.await, url);
    assert_eq!(Visitor::new(edge, url).get("/").await.status(), 530);
    edge.up();
    assert_eq!(through(tunnel).await, url);
    assert!(edge.registrations() > before);
}

async fn said_goodbye(edge: &Edge) {
    let goodbye = || edge.seen().contains(&Seen::Unregistered).then_some(());
    until("a goodbye", goodbye).await;
}

pub fn quick(program: &Path) {
    block_on(|scope| async move {
        let service = QuickService::start(&scope).await;
        let edge = Edge::start(service.clone());
        let mut rig = rig(&scope, &edge).await;
        rig.tools.timing.connecting = CONNECTING;
        rig.tools.settings.cloudflare.program = Some(program.to_owned());
        rig.tools.settings.cloudflare.quick_service = Some(service.base.clone());
        let tunnels = rig.tunnels();
        let mut tunnel = rig.open(&tunnels, TunnelKind::CloudflareQuick);
        let url = through(&mut tunnel).await;
        let host = url.strip_prefix("https://").unwrap();
        let id = service.tunnel_of(host).expect("not one of the service's");
        let registered = edge.seen().into_iter().find_map(|seen| match seen {
            Seen::Registered { tunnel, .. } => Some(tunnel),
            _ => None,
        });
        assert_eq!(registered, Some(id));
        Visitor::new(&edge, &url).sees_the_door().await;

        let pid = pid_of(&rig);
        loses_and_regains(&edge, &mut tunnel, &url).await;
        assert_eq!(pid_of(&rig), pid);
        Visitor::new(&edge, &url).sees_the_door().await;

        assert!(is_alive(pid));
        tunnel.close().await;
        assert!(!is_known(pid));
        assert!(rig.records().is_empty());
        said_goodbye(&edge).await;
    });
}

/// With a second preview, for which the running program gets another configuration.
pub fn named(program: &Path) {
    block_on(|scope| async move {
        let api = FakeApi::start(&scope).await;
        let edge = Edge::start(api.clone());
        let mut rig = rig(&scope, &edge).await;
        let settings = &mut rig.tools.settings.cloudflare;
        settings.program = Some(by_http2(&rig.dir.0, program));
        settings.account = Some(ACCOUNT.to_owned());
        settings.zone = Some(ZONE.to_owned());
        settings.domain = Some(ZONE_NAME.to_owned());
        settings.api = Some(api.base.clone());
        let token = Some(Secret::new(TOKEN));
        let known = Credentials::default().with(CLOUDFLARE_TOKEN, token);
        rig.tools.credentials = CredentialRegistry::new(known);
        let tunnels = rig.tunnels();
        let mut shop = rig.open(&tunnels, TunnelKind::Cloudflare);
        let url = through(&mut shop).await;
        assert_eq!(url, "https://shop.example.com");
        Visitor::new(&edge, &url).sees_the_door().await;
        let pid = pid_of(&rig);

        let visit = TunnelTarget {
            name: "blog".parse().unwrap(),
            ..rig.visit_of("ba9876543210".parse().unwrap())
        };
        let mut blog = tunnels.open(TunnelKind::Cloudflare, visit).unwrap();
        assert_eq!(through(&mut blog).await, "https://blog.example.com");
        let mut versions: Vec<i64> = configured(&edge);
        assert_eq!(versions.pop(), Some(2), "{versions:?}");
        assert_eq!(pid_of(&rig), pid);

        loses_and_regains(&edge, &mut shop, &url).await;
        assert_eq!(pid_of(&rig), pid);
        Visitor::new(&edge, &url).sees_the_door().await;

        blog.close().await;
        assert_eq!(api.records().len(), 1);
        assert!(is_alive(pid));
        shop.close().await;
        assert!(!is_known(pid));
        assert!(rig.records().is_empty());
        assert!(api.records().is_empty() && api.tunnels().is_empty());
        said_goodbye(&edge).await;
    });
}

/// The versions of configurations that the program says it took.
fn configured(edge: &Edge) -> Vec<i64> {
    let seen = edge.seen();
    let answers = seen.iter().filter_map(|seen| match seen {
        Seen::Configured(answer) => Some(answer),
        _ => None,
    });
    answers
        .map(|answer| {
            assert_eq!(answer["err"], serde_json::Value::Null, "{answer}");
            answer["lastAppliedVersion"].as_i64().unwrap()
        })
        .collect()
}
