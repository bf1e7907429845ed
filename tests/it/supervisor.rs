//! The supervisor of tunnels, with a provider that does as it is told and a clock that is stopped.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use codemate_preview::{
    model::{Code, PublicUrl, TunnelKind, TunnelState, Verification},
    task::Scope,
    tunnel::{
        Capabilities, Challenge, Check, Provider, Report, Stop, Tunnel, TunnelEndpoint,
        TunnelError, TunnelSpec, TunnelTarget, Tunnels, Verifier,
    },
};
use tokio::time::Instant;

use crate::help::tools::tools;

/// One step of an attempt.
enum Act {
    Up(&'static str),
    Down,
    Wait(u64),
    Fail(TunnelError),
}

/// Does the acts of each attempt in turn, then holds until it is stopped.
struct Scripted {
    attempts: Mutex<VecDeque<Vec<Act>>>,
    heal: Option<Duration>,
    began: Mutex<Vec<(u64, Instant)>>,
    released: Mutex<Vec<bool>>,
}

impl Scripted {
    fn new(attempts: Vec<Vec<Act>>) -> Arc<Self> {
        Arc::new(Self {
            attempts: Mutex::new(attempts.into()),
            heal: Some(Duration::from_secs(90)),
            began: Mutex::default(),
            released: Mutex::default(),
        })
    }

    fn generations(&self) -> Vec<u64> {
        self.began.lock().unwrap().iter().map(|(n, _)| *n).collect()
    }

    /// Between the beginnings of the attempts, in seconds.
    fn gaps(&self) -> Vec<u64> {
        let began = self.began.lock().unwrap();
        began
            .windows(2)
            .map(|pair| (pair[1].1 - pair[0].1).as_secs())
            .collect()
    }
}

#[async_trait]
impl Provider for Scripted {
    fn kind(&self) -> TunnelKind {
        TunnelKind::Command
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            stable_url: false,
            settle: Duration::from_secs(6),
            heal: self.heal,
        }
    }

    async fn check(&self, _online: bool) -> Vec<Check> {
        Vec::new()
    }

    async fn hold(&self, spec: TunnelSpec, report: Report, stop: Stop) -> Result<(), TunnelError> {
        self.began
            .lock()
            .unwrap()
            .push((spec.generation, Instant::now()));
        let acts = self
            .attempts
            .lock()
            .unwrap()
            .pop_front()
            .unwrap_or_default();
        for act in acts {
            match act {
                Act::Up(url) => report.up(&url.parse().unwrap()),
                Act::Down => report.down("cut"),
                Act::Wait(seconds) => tokio::select! {
                    () = stop.asked() => break,
                    () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
                },
                Act::Fail(error) => return Err(error),
            }
        }
        stop.asked().await;
        self.released.lock().unwrap().push(stop.releases());
        Ok(())
    }
}

/// Nobody is behind it, so nothing is ever verified.
struct Wall;

impl TunnelEndpoint for Wall {
    fn show(&self, _url: &PublicUrl) {}

    fn challenge(&self) -> Challenge {
        Challenge {
            path: "/".to_owned(),
            answer: "no".to_owned(),
        }
    }
}

fn open(provider: &Arc<Scripted>, scope: &Scope) -> Tunnel {
    let state = tempfile::tempdir().unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = nobody.local_addr().unwrap();
    drop(nobody);
    let resolve = BTreeMap::from([("*.test".to_owned(), addr.to_string())]);
    let verifier = Verifier::new(&resolve, None)
        .unwrap()
        .patience(Duration::ZERO);
    let provider: Arc<dyn Provider> = provider.clone();
    let tunnels = Tunnels::of(vec![provider], verifier, &tools(state.path(), scope));
    let visit = TunnelTarget {
        id: "0123456789ab".parse().unwrap(),
        name: "shop".parse().unwrap(),
        target: addr,
        endpoint: Arc::new(Wall),
    };
    tunnels.open(TunnelKind::Command, visit).unwrap()
}

async fn until(tunnel: &mut Tunnel, what: impl FnMut(&TunnelState) -> bool) -> TunnelState {
    tunnel.states.wait_for(what).await.unwrap().clone()
}

fn is_ready(state: &TunnelState) -> bool {
    matches!(state, TunnelState::Ready { .. })
}

fn lost() -> TunnelError {
    TunnelError::Lost {
        why: "cut".to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_url_is_shown_after_it_settled_and_as_what_it_is() {
    let scope = Scope::new();
    let provider = Scripted::new(vec![vec![Act::Up("http://a.test")]]);
    let began = Instant::now();
    let mut tunnel = open(&provider, &scope);
    let ready = until(&mut tunnel, is_ready).await;
    assert!(
        began.elapsed() >= Duration::from_secs(6),
        "it settled first"
    );
    let TunnelState::Ready { url, verified } = ready else {
        unreachable!()
    };
    assert_eq!(url.to_string(), "http://a.test");
    assert!(matches!(verified, Verification::Unverified { .. }));
    tunnel.close().await;
    assert_eq!(*provider.released.lock().unwrap(), [true]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_get_better_is_not_tried_again() {
    let scope = Scope::new();
    let refused = TunnelError::Credential {
        by: "ngrok",
        said: "no".to_owned(),
        hint: "set it".to_owned(),
    };
    let provider = Scripted::new(vec![vec![Act::Fail(refused)]]);
    let mut tunnel = open(&provider, &scope);
    let failed = until(&mut tunnel, |state| {
        matches!(state, TunnelState::Failed { .. })
    })
    .await;
    let TunnelState::Failed { problem } = failed else {
        unreachable!()
    };
    assert_eq!(problem.code, Code::Credential);
    tokio::time::sleep(Duration::from_hours(1)).await;
    assert_eq!(provider.generations(), [1]);
}

#[tokio::test(start_paused = true)]
async fn what_was_lost_is_opened_again_after_longer_and_longer_waits() {
    let scope = Scope::new();
    let mut attempts: Vec<Vec<Act>> = (0..4).map(|_| vec![Act::Fail(lost())]).collect();
    attempts.push(vec![Act::Up("http://b.test")]);
    let provider = Scripted::new(attempts);
    let mut tunnel = open(&provider, &scope);
    until(&mut tunnel, is_ready).await;
    assert_eq!(provider.generations(), [1, 2, 3, 4, 5]);
    let gaps = provider.gaps();
    for (gap, most) in gaps.iter().zip([1, 2, 4, 8]) {
        assert!(most / 2 <= *gap && *gap <= most, "{gaps:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_providers_wait_is_kept_to() {
    let scope = Scope::new();
    let limited = TunnelError::RateLimited {
        by: "Cloudflare",
        said: "1015".to_owned(),
        after: Duration::from_mins(5),
    };
    let provider = Scripted::new(vec![
        vec![Act::Fail(limited)],
        vec![Act::Up("http://a.test")],
    ]);
    let mut tunnel = open(&provider, &scope);
    let waiting = until(&mut tunnel, |state| {
        matches!(state, TunnelState::Waiting { .. })
    })
    .await;
    assert!(matches!(
        waiting,
        TunnelState::Waiting {
            wait_ms: 300_000,
            ..
        }
    ));
    until(&mut tunnel, is_ready).await;
    assert_eq!(provider.gaps(), [300]);
}

#[tokio::test(start_paused = true)]
async fn one_that_heals_keeps_its_attempt_and_one_that_does_not_is_opened_anew() {
    let scope = Scope::new();
    let provider = Scripted::new(vec![
        vec![
            Act::Up("http://a.test"),
            Act::Wait(60),
            Act::Down,
            Act::Wait(80),
            Act::Up("http://a.test"),
            Act::Wait(60),
            Act::Down,
        ],
        vec![Act::Up("http://b.test")],
    ]);
    let mut tunnel = open(&provider, &scope);
    until(&mut tunnel, is_ready).await;
    until(&mut tunnel, |state| {
        matches!(state, TunnelState::Down { .. })
    })
    .await;
    until(&mut tunnel, is_ready).await;
    assert_eq!(provider.generations(), [1], "80 s down are waited out");
    until(
        &mut tunnel,
        |state| matches!(state, TunnelState::Ready { url, .. } if url.host() == "b.test"),
    )
    .await;
    assert_eq!(provider.generations(), [1, 2], "90 s are not");
    assert_eq!(*provider.released.lock().unwrap(), [false]);
}

#[tokio::test(start_paused = true)]
async fn one_that_never_has_a_url_is_given_up_and_tried_again() {
    let scope = Scope::new();
    let provider = Scripted::new(vec![vec![], vec![Act::Up("http://a.test")]]);
    let mut tunnel = open(&provider, &scope);
    let waiting = until(&mut tunnel, |state| {
        matches!(state, TunnelState::Waiting { .. })
    })
    .await;
    let TunnelState::Waiting { problem, .. } = waiting else {
        unreachable!()
    };
    assert!(problem.message.contains("45s"), "{}", problem.message);
    until(&mut tunnel, is_ready).await;
    assert_eq!(provider.generations(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_stops_releases_nothing() {
    let scope = Scope::new();
    let provider = Scripted::new(vec![vec![Act::Up("http://a.test")]]);
    let mut tunnel = open(&provider, &scope);
    until(&mut tunnel, is_ready).await;
    drop(tunnel);
    assert!(scope.close(Duration::from_secs(30)).await);
    assert_eq!(*provider.released.lock().unwrap(), [false]);
}
