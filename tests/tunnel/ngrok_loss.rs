//! ngrok: what becomes of tunnels when the edge or the way to it fails.

use std::{sync::Arc, time::Duration};

use codemate_preview::{
    model::{TunnelKind, TunnelState, Verification},
    tunnel::{Ngrok, TunnelError, TunnelTarget, Tunnels},
};
use tokio::{sync::watch, time::Instant};

use super::{
    Test,
    ngrok::{Held, Rig, patiently, seen},
    ngrok_edge::{BASE, What},
    world::{Door, an_id, block_on},
};

pub const TESTS: &[Test] = &[
    Test::new("a_dropped_session_comes_back", a_dropped_session_comes_back),
    Test::new("an_outage_of_5_s_is_healed", an_outage_of_5_s_is_healed),
    Test::new(
        "an_edge_that_hangs_up_again_is_not_waited_for",
        an_edge_that_hangs_up_again_is_not_waited_for,
    ),
    Test::new("a_silent_edge_is_noticed", a_silent_edge_is_noticed),
    Test::new(
        "an_authtoken_revoked_meanwhile_ends_it",
        an_authtoken_revoked_meanwhile_ends_it,
    ),
    Test::new(
        "closed_in_an_outage_it_stays_closed",
        closed_in_an_outage_it_stays_closed,
    ),
    Test::new(
        "the_last_one_closes_in_an_outage",
        the_last_one_closes_in_an_outage,
    ),
];

fn a_dropped_session_comes_back() {
    block_on(|scope| async move {
        let mut rig = Rig::new(&scope);
        rig.tools.settings.ngrok.domain = None;
        let door = Door::open(&scope).await;
        let mut held = Held::new(&scope, &rig.ngrok(), "shop", &door);
        let url = held.up().await;
        rig.edge.up();
        seen(&rig.edge, What::Bind, 2).await;
        let again = rig.edge.seen(What::Bind).pop().unwrap();
        assert_eq!(again.session, 1);
        assert_eq!(again.body["Id"], "tn_1");
        assert_eq!(again.body["Extra"]["Token"], "token-1");
        let auth = rig.edge.seen(What::Auth).pop().unwrap().body;
        assert_eq!(auth["ClientId"], "client");
        assert_eq!(held.up().await, url);
        assert!(rig.get(&url, "/").await.starts_with("GET / "));
        held.close().await;
    });
}

#[expect(
    clippy::print_stdout,
    reason = "a measurement, for who reads the output"
)]
fn an_outage_of_5_s_is_healed() {
    block_on(|scope| async move {
        let rig = Rig::new(&scope);
        let door = Arc::new(Door::open(&scope).await);
        let tunnels = Tunnels::new(&rig.tools).unwrap();
        let visit = TunnelTarget {
            id: an_id(),
            name: "shop".parse().unwrap(),
            target: door.addr,
            endpoint: Arc::clone(&door) as _,
        };
        let mut tunnel = tunnels.open(TunnelKind::Ngrok, visit).unwrap();
        let ready = TunnelState::Ready {
            url: format!("https://shop.{BASE}").parse().unwrap(),
            verified: Verification::EndToEnd,
        };
        reaches(&mut tunnel.states, |now| *now == ready).await;
        assert_eq!(door.shown().len(), 1);

        rig.edge.down();
        reaches(&mut tunnel.states, |now| {
            matches!(now, TunnelState::Down { .. })
        })
        .await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        let before = rig.edge.dials();
        let back = Instant::now();
        rig.edge.up();
        reaches(&mut tunnel.states, |now| *now == ready).await;
        let healed = back.elapsed();
        let dials = rig.edge.dials();
        println!(
            "ngrok: ready again {} ms after an outage of 5 s, with {before} dials before and \
             {dials} in all",
            healed.as_millis()
        );
        // The first one, and 0, 0.25, 0.75, 1.75, 3.75 s after the loss.
        assert!((4..=8).contains(&before), "{before} dials in 5 s");
        assert!(
            dials <= before + 2,
            "{dials} dials, {before} of them before"
        );
        assert_eq!(door.shown().len(), 1, "the URL is the same");
        tunnel.close().await;
        assert!(rig.edge.hosts().is_empty());
    });
}

async fn reaches(
    states: &mut watch::Receiver<TunnelState>,
    wanted: impl FnMut(&TunnelState) -> bool,
) {
    let reached = patiently("a state", states.wait_for(wanted)).await;
    drop(reached.expect("the supervisor ended"));
}

/// Left alone, the crate waits 125 s after a third failure.
fn an_edge_that_hangs_up_again_is_not_waited_for() {
    block_on(|scope| async move {
        let (rig, door) = (Rig::new(&scope), Door::open(&scope).await);
        let ngrok = rig.ngrok();
        let mut held = Held::new(&scope, &ngrok, "shop", &door);
        held.up().await;
        for _ in 0..3 {
            rig.edge.hang_up_once();
        }
        rig.edge.up();
        let error = held.end().await.unwrap_err();
        assert!(matches!(error, TunnelError::Lost { .. }), "{error}");
        assert_eq!(rig.edge.dials(), 4);
        let mut anew = Held::new(&scope, &ngrok, "shop", &door);
        anew.up().await;
        anew.close().await;
    });
}

fn a_silent_edge_is_noticed() {
    block_on(|scope| async move {
        let (rig, door) = (Rig::new(&scope), Door::open(&scope).await);
        let second = Duration::from_secs(1);
        let ngrok = Arc::new(Ngrok::new(&rig.tools).heartbeat(second, second));
        let mut held = Held::new(&scope, &ngrok, "shop", &door);
        let url = held.up().await;
        rig.edge.freeze();
        held.down().await;
        rig.edge.up();
        assert_eq!(held.up().await, url);
        assert!(rig.get(&url, "/").await.starts_with("GET / "));
        held.close().await;
    });
}

fn an_authtoken_revoked_meanwhile_ends_it() {
    block_on(|scope| async move {
        let (rig, door) = (Rig::new(&scope), Door::open(&scope).await);
        let ngrok = rig.ngrok();
        let mut held = [
            Held::new(&scope, &ngrok, "one", &door),
            Held::new(&scope, &ngrok, "two", &door),
        ];
        for held in &mut held {
            held.up().await;
        }
        rig.edge.refuse_once(107, "The authtoken is invalid.");
        rig.edge.up();
        for held in held {
            let error = held.end().await.unwrap_err();
            assert!(matches!(error, TunnelError::Credential { .. }), "{error}");
        }
        assert_eq!(rig.edge.dials(), 2);
        assert!(rig.edge.hosts().is_empty());
    });
}

fn closed_in_an_outage_it_stays_closed() {
    block_on(|scope| async move {
        let (rig, door) = (Rig::new(&scope), Door::open(&scope).await);
        let ngrok = rig.ngrok();
        let mut stays = Held::new(&scope, &ngrok, "stays", &door);
        let mut goes = Held::new(&scope, &ngrok, "goes", &door);
        stays.up().await;
        goes.up().await;
        rig.edge.down();
        stays.down().await;
        goes.close().await;
        rig.edge.up();
        let url = stays.up().await;
        let alone = async {
            while rig.edge.hosts() != [format!("stays.{BASE}")] {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        patiently("only one host", alone).await;
        assert!(rig.get(&url, "/").await.starts_with("GET / "));
        stays.close().await;
    });
}

fn the_last_one_closes_in_an_outage() {
    block_on(|scope| async move {
        let (rig, door) = (Rig::new(&scope), Door::open(&scope).await);
        let ngrok = rig.ngrok();
        let mut held = Held::new(&scope, &ngrok, "shop", &door);
        held.up().await;
        rig.edge.down();
        held.down().await;
        held.close().await;
        rig.edge.up();
        // One that comes later is the only one there.
        let mut later = Held::new(&scope, &ngrok, "later", &door);
        later.up().await;
        assert_eq!(rig.edge.hosts(), [format!("later.{BASE}")]);
        assert_eq!(rig.edge.seen(What::Auth).len(), 2);
        later.close().await;
    });
}
