//! Quick Cloudflare tunnels: a program that behaves as `cloudflared` does.

use std::time::Duration;

use codemate_preview::{
    model::{Code, Problem, TunnelChoice, TunnelKind, TunnelState},
    task::Scope,
    tunnel::{Notice, Tunnel, Verdict},
};

use super::{
    Test, programs,
    rig::{Rig, is_alive, is_known, reach, ready, until},
    world::block_on,
};

pub const TESTS: &[Test] = &[
    Test::new("it_is_shown_when_connected", it_is_shown_when_connected),
    Test::new("http2_comes_before_any_url", http2_comes_before_any_url),
    Test::new("too_many_holds_all_back", too_many_holds_all_back),
    Test::new("another_failure_says_why", another_failure_says_why),
    Test::new(
        "one_that_ignores_sigterm_is_killed",
        one_that_ignores_sigterm_is_killed,
    ),
    Test::new(
        "one_that_dies_is_started_anew",
        one_that_dies_is_started_anew,
    ),
    Test::new("a_lost_edge_is_waited_for", a_lost_edge_is_waited_for),
    Test::new("another_hostname_is_shown", another_hostname_is_shown),
    Test::new(
        "it_is_configured_by_its_environment",
        it_is_configured_by_its_environment,
    ),
    Test::new("what_is_there_decides", what_is_there_decides),
    Test::new("doctor_finds_it", doctor_finds_it),
];

const KIND: TunnelKind = TunnelKind::CloudflareQuick;

async fn rig(scope: &Scope, mode: &str) -> Rig {
    let rig = Rig::new(scope).await;
    programs::install(&rig.dir.0, "cloudflared", "cloudflared");
    rig.dir.tell("mode", mode);
    rig
}

async fn waiting(tunnel: &mut Tunnel) -> (Problem, Duration) {
    reach(tunnel, "a failed attempt", |state| match state {
        TunnelState::Waiting { problem, wait_ms } => {
            Some((problem.clone(), Duration::from_millis(*wait_ms)))
        }
        _ => None,
    })
    .await
}

/// It prints its URL at once, and that is no reason to show it.
fn it_is_shown_when_connected() {
    block_on(|scope| async move {
        let rig = rig(&scope, "").await;
        rig.dir.tell("lost", "");
        let tunnels = rig.tunnels();
        let mut tunnel = rig.open(&tunnels, KIND);
        let asked = || {
            rig.dir
                .read("asked")
                .map_or(0, |asked| asked.lines().count())
        };
        until("questions", || (asked() > 5).then_some(())).await;
        assert_eq!(*tunnel.states.borrow(), TunnelState::Opening);
        assert!(rig.door.shown().is_empty());
        rig.dir.remove("lost");
        assert_eq!(ready(&mut tunnel).await, "https://run-1.trycloudflare.com");
        let pid = rig.dir.runs()[0].pid;
        assert!(is_alive(pid));
        assert_eq!(rig.records(), ["0123456789ab"]);
        tunnel.close().await;
        assert!(!is_known(pid));
        assert!(rig.records().is_empty());
    });
}

fn http2_comes_before_any_url() {
    block_on(|scope| async move {
        let mut rig = rig(&scope, "udp-blocked").await;
        rig.tools.timing.connecting = Duration::from_secs(2);
        let tunnels = rig.tunnels();
        let mut tunnel = rig.open(&tunnels, KIND);
        let url = ready(&mut tunnel).await;
        let runs = rig.dir.runs();
        let protocols: Vec<_> = runs
            .iter()
            .map(|run| run.env.get("TUNNEL_TRANSPORT_PROTOCOL").map(String::as_str))
            .collect();
        assert_eq!(protocols.first(), Some(&None));
        assert_eq!(protocols.last(), Some(&Some("http2")));
        assert_eq!(url, format!("https://run-{}.trycloudflare.com", runs.len()));
        let shown: Vec<_> = rig.door.shown().iter().map(ToString::to_string).collect();
        assert_eq!(shown, [url], "no URL of the first attempt was ever shown");
        assert!(!is_known(runs[0].pid));

        // The next time, what got through comes first.
        rig.dir.tell("die", "");
        let again = until("another run", || rig.dir.runs().get(runs.len()).cloned()).await;
        assert_eq!(again.env["TUNNEL_TRANSPORT_PROTOCOL"], "http2");
        tunnel.close().await;
    });
}

fn too_many_holds_all_back() {
    block_on(|scope| async move {
        let rig = rig(&scope, "429").await;
        let tunnels = rig.tunnels();
        let mut first = rig.open(&tunnels, KIND);
        let (problem, wait) = waiting(&mut first).await;
        assert_eq!(problem.code, Code::Tunnel);
        assert!(problem.retryable);
        assert!(problem.message.contains("1015"), "{problem:?}");
        assert_eq!(wait, rig.tools.timing.held_back[0]);
        let other = rig.visit_of("ba9876543210".parse().unwrap());
        let mut other = tunnels.open(KIND, other).unwrap();
        let (_, held_back) = waiting(&mut other).await;
        assert!(held_back > Duration::ZERO && held_back <= wait);
        assert_eq!(rig.dir.runs().len(), 1, "the other did not ask");
        first.close().await;
        other.close().await;
    });
}

fn another_failure_says_why() {
    block_on(|scope| async move {
        let rig = rig(&scope, "500").await;
        let tunnels = rig.tunnels();
        let mut tunnel = rig.open(&tunnels, KIND);
        let (problem, _) = waiting(&mut tunnel).await;
        assert_eq!(
            problem.message,
            "`cloudflared` ended with code 1\n  \
             failed to parse quick Tunnel ID: invalid UUID length: 0"
        );
        assert!(rig.records().is_empty());
        // Others are not held back for that, and it gets well by itself.
        rig.dir.tell("mode", "");
        ready(&mut tunnel).await;
        tunnel.close().await;
    });
}

fn one_that_ignores_sigterm_is_killed() {
    block_on(|scope| async move {
        let mut rig = rig(&scope, "stubborn").await;
        // Enough for it to write down that it was asked.
        rig.tools.timing.first_grace = Duration::from_secs(2);
        rig.tools.timing.second_grace = Duration::from_secs(2);
        let tunnels = rig.tunnels();
        let mut tunnel = rig.open(&tunnels, KIND);
        ready(&mut tunnel).await;
        let pid = rig.dir.runs()[0].pid;
        tunnel.close().await;
        assert!(!is_known(pid), "it is gone, and was waited for");
        assert_eq!(rig.dir.read("terms").unwrap(), "TERM\nTERM\n");
    });
}

fn one_that_dies_is_started_anew() {
    block_on(|scope| async move {
        let rig = rig(&scope, "grandchild").await;
        let tunnels = rig.tunnels();
        let mut tunnel = rig.open(&tunnels, KIND);
        let before = ready(&mut tunnel).await;
        let first = rig.dir.runs()[0].clone();
        assert!(first.children.iter().all(|pid| is_alive(*pid)));
        rig.dir.tell("die", "");
        let after = reach(&mut tunnel, "another URL", |state| match state {
            TunnelState::Ready { url, .. } => Some(url.to_string()).filter(|url| *url != before),
            _ => None,
        })
        .await;
        assert_eq!(after, "https://run-2.trycloudflare.com");
        let shown: Vec<_> = rig.door.shown().iter().map(ToString::to_string).collect();
        assert_eq!(shown, [before, after]);
        let left: Vec<_> = first
            .children
            .iter()
            .filter(|pid| is_alive(**pid))
            .collect();
        assert!(left.is_empty(), "what the first had started: {left:?}");
        tunnel.close().await;
    });
}

fn a_lost_edge_is_waited_for() {
    block_on(|scope| async move {
        let rig = rig(&scope, "").await;
        let tunnels = rig.tunnels();
        let mut tunnel = rig.open(&tunnels, KIND);
        let before = ready(&mut tunnel).await;
        rig.dir.tell("lost", "");
        let url = reach(&mut tunnel, "being down", |state| match state {
            TunnelState::Down { url, .. } => Some(url.to_string()),
            _ => None,
        })
        .await;
        assert_eq!(url, before);
        rig.dir.remove("lost");
        assert_eq!(ready(&mut tunnel).await, before);
        assert_eq!(rig.dir.runs().len(), 1);
        tunnel.close().await;
    });
}

fn another_hostname_is_shown() {
    block_on(|scope| async move {
        let rig = rig(&scope, "").await;
        let tunnels = rig.tunnels();
        let mut tunnel = rig.open(&tunnels, KIND);
        ready(&mut tunnel).await;
        rig.dir.tell("host", "moved.trycloudflare.com");
        reach(&mut tunnel, "the new name", |state| {
            state
                .url()
                .filter(|url| url.host() == "moved.trycloudflare.com")
                .map(|_| ())
        })
        .await;
        tunnel.close().await;
    });
}

fn it_is_configured_by_its_environment() {
    block_on(|scope| async move {
        let mut rig = rig(&scope, "").await;
        rig.tools.settings.cloudflare.edge = Some("127.0.0.1:7844".to_owned());
        rig.tools.settings.cloudflare.quick_service = Some("http://127.0.0.1:9".to_owned());
        let tunnels = rig.tunnels();
        let mut tunnel = rig.open(&tunnels, KIND);
        ready(&mut tunnel).await;
        let run = rig.dir.runs()[0].clone();
        for (name, value) in [
            ("NO_AUTOUPDATE", "true"),
            ("TUNNEL_LOG_OUTPUT", "json"),
            ("TUNNEL_NO_PRECHECKS", "true"),
            ("TUNNEL_EDGE", "127.0.0.1:7844"),
        ] {
            assert_eq!(run.env.get(name).map(String::as_str), Some(value));
        }
        let [verb, config, empty, flag, url, more @ ..] = run.args.as_slice() else {
            panic!("{:?}", run.args);
        };
        assert_eq!(
            [verb.as_str(), config, flag],
            ["tunnel", "--config", "--url"]
        );
        assert_eq!(std::fs::read_to_string(empty).unwrap(), "");
        assert_eq!(*url, format!("http://{}", rig.door.addr));
        assert_eq!(more, ["--quick-service", "http://127.0.0.1:9"]);
        tunnel.close().await;
    });
}

fn what_is_there_decides() {
    block_on(|scope| async move {
        let bare = Rig::new(&scope).await;
        let chosen = bare.tunnels().choose(None);
        assert_eq!(
            (chosen.kind, chosen.notice),
            (None, Some(Notice::LocalOnly))
        );
        let mut rig = rig(&scope, "").await;
        let tunnels = rig.tunnels();
        let chosen = tunnels.choose(None);
        assert_eq!((chosen.kind, chosen.notice), (Some(KIND), None));
        assert_eq!(tunnels.choose(Some(TunnelChoice::None)).kind, None);
        let named = TunnelChoice::Kind(TunnelKind::Cloudflare);
        let chosen = tunnels.choose(Some(named));
        assert_eq!(
            (chosen.kind, chosen.notice),
            (Some(KIND), Some(Notice::FreshUrl))
        );
        rig.tools.settings.cloudflare.domain = Some("preview.test".to_owned());
        let chosen = rig.tunnels().choose(Some(named));
        assert_eq!(
            (chosen.kind, chosen.notice),
            (Some(TunnelKind::Cloudflare), None)
        );
    });
}

fn doctor_finds_it() {
    block_on(|scope| async move {
        let mut rig = rig(&scope, "").await;
        // Any server will do for one that is reached.
        let service = format!("http://{}", rig.door.addr);
        rig.tools.settings.cloudflare.quick_service = Some(service);
        let checks = rig.tunnels().check(Some(KIND), true).await;
        assert!(
            checks.iter().all(|check| check.verdict == Verdict::Good),
            "{checks:?}"
        );
        assert!(checks[0].detail.contains("version 2026.8.2"), "{checks:?}");
        assert_eq!(checks.len(), 2);
        rig.dir.remove("cloudflared");
        let checks = rig.tunnels().check(Some(KIND), true).await;
        assert_eq!(checks[0].verdict, Verdict::Absent);
        assert!(
            checks[0]
                .fix
                .as_ref()
                .is_some_and(|fix| fix.contains("install"))
        );
        rig.tools.settings.cloudflare.program = Some("/nowhere/cloudflared".into());
        assert_eq!(
            rig.tunnels().check(Some(KIND), false).await[0].verdict,
            Verdict::Bad
        );
    });
}
