//! The tunnel of an instance: opened, shown, kept, changed and closed with it.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use codemate_preview::{
    engine::{Engine, Owned},
    lifecycle::{LifecycleError, StartRequest},
    model::{
        Code, Event, Options, PhaseKind, TunnelChoice, TunnelKind, TunnelState, UpOutcome, Urls,
        Verification,
    },
    tunnel::{
        Capabilities, Check, Provider, Report, Stop, Tools, TunnelError, TunnelSpec, Tunnels,
        Verifier,
    },
};

use super::world::{Agent, SERVER, World, changed};

/// Leads straight to its target, under the host names it is given one after the other; the last
/// one stays. `None` is a refusal.
pub struct Straight {
    kind: TunnelKind,
    hosts: Mutex<VecDeque<Option<&'static str>>>,
    targets: Mutex<Vec<SocketAddr>>,
    released: Mutex<Vec<bool>>,
}

impl Straight {
    pub fn new(hosts: &[Option<&'static str>]) -> Arc<Self> {
        Self::of(TunnelKind::Command, hosts)
    }

    pub fn of(kind: TunnelKind, hosts: &[Option<&'static str>]) -> Arc<Self> {
        Arc::new(Self {
            kind,
            hosts: Mutex::new(hosts.iter().copied().collect()),
            targets: Mutex::default(),
            released: Mutex::default(),
        })
    }

    pub fn opened(&self) -> usize {
        self.targets.lock().unwrap().len()
    }

    fn target(&self) -> SocketAddr {
        *self.targets.lock().unwrap().last().unwrap()
    }

    fn released(&self) -> Vec<bool> {
        self.released.lock().unwrap().clone()
    }
}

#[async_trait]
impl Provider for Straight {
    fn kind(&self) -> TunnelKind {
        self.kind
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            stable_url: false,
            settle: Duration::ZERO,
            heal: None,
        }
    }

    async fn check(&self, _online: bool) -> Vec<Check> {
        Vec::new()
    }

    async fn hold(&self, spec: TunnelSpec, report: Report, stop: Stop) -> Result<(), TunnelError> {
        self.targets.lock().unwrap().push(spec.target);
        let host = {
            let mut hosts = self.hosts.lock().unwrap();
            if hosts.len() > 1 {
                hosts.pop_front().unwrap()
            } else {
                hosts[0]
            }
        };
        let Some(host) = host else {
            return Err(TunnelError::Credential {
                by: "the provider",
                said: "no".to_owned(),
                hint: "say who you are".to_owned(),
            });
        };
        let url = format!("http://{host}:{}", spec.target.port());
        report.up(&url.parse().unwrap());
        stop.asked().await;
        self.released.lock().unwrap().push(stop.releases());
        Ok(())
    }
}

pub fn agent(world: &World, provider: &Arc<Straight>) -> Agent {
    agent_of(world, vec![provider.clone()])
}

pub fn agent_of(world: &World, providers: Vec<Arc<dyn Provider>>) -> Agent {
    world.agent_with(|tools: &Tools| {
        let resolve = BTreeMap::from([("*.test".to_owned(), "127.0.0.1:0".to_owned())]);
        let verifier = Verifier::new(&resolve, None).unwrap();
        Some(Tunnels::of(providers, verifier, tools))
    })
}

pub fn with(world: &World, choice: Option<TunnelChoice>) -> StartRequest {
    let order = world.order();
    StartRequest {
        options: Options {
            tunnel: choice,
            ..order.options
        },
        // Who may visit is for tests of that.
        public: Some(true),
        ..order
    }
}

pub const WANTED: Option<TunnelChoice> = Some(TunnelChoice::Kind(TunnelKind::Command));

pub fn urls(outcome: &UpOutcome) -> &Urls {
    match outcome {
        UpOutcome::Success {
            urls: Some(urls), ..
        } => urls,
        other => panic!("no URLs: {other:?}"),
    }
}

/// What a visitor at that entrance gets, who asks for that host.
fn visit(target: SocketAddr, host: &str) -> Option<String> {
    let mut stream = TcpStream::connect(target).ok()?;
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: {host}:{}\r\nConnection: close\r\n\r\n",
        target.port()
    )
    .ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

fn events(agent: &Agent) -> Vec<Event> {
    let (_, journal) = agent.manager.journal("shop").unwrap();
    journal
        .follow()
        .0
        .into_iter()
        .map(|entry| entry.event)
        .collect()
}

fn host(urls: &Urls) -> String {
    urls.public.as_ref().unwrap().host().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn up_has_a_verified_public_url_and_down_takes_it_away() {
    let world = World::new(&SERVER.replace("TEXT", "one"));
    let provider = Straight::new(&[Some("shop.test")]);
    let agent = agent(&world, &provider);
    let outcome = agent.up(with(&world, WANTED)).await.unwrap();
    assert_eq!(host(urls(&outcome)), "shop.test");
    assert!(events(&agent).iter().any(|event| matches!(
        event,
        Event::TunnelReady {
            verified: Verification::EndToEnd,
            ..
        }
    )));
    let target = provider.target();
    let page = visit(target, "shop.test").unwrap();
    assert!(
        page.starts_with("HTTP/1.1 200") && page.contains("one "),
        "{page}"
    );
    let stranger = visit(target, "other.test").unwrap();
    assert!(stranger.starts_with("HTTP/1.1 404"), "{stranger}");

    let again = agent.up(with(&world, WANTED)).await.unwrap();
    assert!(!changed(&again));
    let kept = agent.up(with(&world, None)).await.unwrap();
    assert!(!changed(&kept), "nothing said keeps the tunnel there is");
    assert_eq!(urls(&kept), urls(&outcome));
    assert_eq!(provider.opened(), 1);

    agent.manager.down("shop", false).await.unwrap();
    assert_eq!(provider.released(), [true]);
    assert!(
        visit(target, "shop.test").is_none(),
        "the entrance is closed"
    );
    assert!(agent.manager.tunnels().is_empty());
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_stays_while_the_app_is_made_anew_and_goes_at_a_word() {
    let world = World::new(&SERVER.replace("TEXT", "one"));
    let provider = Straight::new(&[Some("shop.test")]);
    let agent = agent(&world, &provider);
    agent.up(with(&world, WANTED)).await.unwrap();
    let mut rebuild = with(&world, WANTED);
    rebuild.rebuild = true;
    let outcome = agent.up(rebuild).await.unwrap();
    assert_eq!(host(urls(&outcome)), "shop.test");
    assert_eq!((provider.opened(), provider.released()), (1, vec![]));

    let off = agent.up(with(&world, Some(TunnelChoice::None))).await;
    assert_eq!(urls(&off.unwrap()).public, None);
    assert_eq!(provider.released(), [true]);
    agent.manager.down("shop", true).await.unwrap();
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_that_must_be_and_cannot_fails_up_and_leaves_nothing_new() {
    let world = World::new(&SERVER.replace("TEXT", "one"));
    let provider = Straight::new(&[None]);
    let agent = agent(&world, &provider);
    let error = agent.up(with(&world, WANTED)).await.unwrap_err();
    assert_eq!(error.problem().code, Code::Credential, "{error}");
    let owned = world.engine.list_owned().await.unwrap();
    let containers = |one: &&Owned| matches!(one, Owned::Container { .. });
    assert_eq!(owned.iter().find(containers), None);
    assert!(visit(provider.target(), "shop.test").is_none());

    agent.up(with(&world, None)).await.unwrap();
    let error = agent.up(with(&world, WANTED)).await.unwrap_err();
    assert!(matches!(error, LifecycleError::Tunnel { .. }), "{error:?}");
    let record = agent.manager.show("shop").unwrap();
    assert_eq!(record.phase.kind(), PhaseKind::Ready);
    world.until_served("one").await;
    agent.manager.down("shop", true).await.unwrap();
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_only_kept_is_no_reason_to_fail() {
    let world = World::new(&SERVER.replace("TEXT", "one"));
    let provider = Straight::new(&[Some("shop.test"), None]);
    let first = agent(&world, &provider);
    first.up(with(&world, WANTED)).await.unwrap();
    first.stop().await;
    assert_eq!(
        provider.released(),
        [false],
        "the next agent goes on with it"
    );

    let next = agent(&world, &provider);
    let mut tunnel = None;
    for _ in 0..1000 {
        tunnel = next.manager.tunnels().pop();
        if tunnel
            .as_ref()
            .is_some_and(|(.., now)| matches!(now.state, TunnelState::Failed { .. }))
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(tunnel.is_some());
    let outcome = next.up(with(&world, None)).await.unwrap();
    assert_eq!(urls(&outcome).public, None);
    let warned = |event: &Event| matches!(event, Event::Warning { message, .. } if message.contains("no public URL"));
    assert!(events(&next).iter().any(warned));
    next.manager.down("shop", true).await.unwrap();
    next.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_agent_opens_it_again_and_says_when_the_url_is_another() {
    let world = World::new(&SERVER.replace("TEXT", "one"));
    let provider = Straight::new(&[Some("a.test"), Some("b.test")]);
    let first = agent(&world, &provider);
    first.up(with(&world, WANTED)).await.unwrap();
    first.stop().await;

    let next = agent(&world, &provider);
    let is_b = |urls: &Urls| {
        urls.public
            .as_ref()
            .is_some_and(|url| url.host() == "b.test")
    };
    let mut shown = None;
    for _ in 0..1000 {
        shown = next.manager.show("shop").unwrap().phase.urls().cloned();
        if shown.as_ref().is_some_and(is_b) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(host(&shown.unwrap()), "b.test");
    let changed = events(&next).into_iter().find_map(|event| match event {
        Event::TunnelUrlChanged { old, new } => Some((old, new)),
        _ => None,
    });
    let (old, new) = changed.expect("it is told that the URL is another");
    assert_eq!((old.host(), new.host()), ("a.test", "b.test"));
    assert!(
        visit(provider.target(), "b.test")
            .unwrap()
            .starts_with("HTTP/1.1 200")
    );
    next.manager.down("shop", true).await.unwrap();
    next.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_preview_is_given_a_tunnel_and_loses_it() {
    let world = World::new(&SERVER.replace("TEXT", "one"));
    let provider = Straight::new(&[Some("shop.test")]);
    let agent = agent(&world, &provider);
    let up = agent.up(with(&world, Some(TunnelChoice::None))).await;
    assert_eq!(urls(&up.unwrap()).public, None);
    let nothing = agent.manager.open_tunnel("shop", None).await.unwrap();
    assert!(matches!(
        nothing.outcome.await.unwrap(),
        Err(LifecycleError::NoTunnelChosen)
    ));
    let starting = agent
        .manager
        .open_tunnel("shop", Some(TunnelKind::Command))
        .await
        .unwrap();
    let opened = starting.outcome.await.unwrap().unwrap();
    assert_eq!(host(urls(&opened)), "shop.test");
    let (_, had) = agent.manager.close_tunnel("shop").await.unwrap();
    assert!(had);
    let (_, had) = agent.manager.close_tunnel("shop").await.unwrap();
    assert!(!had);
    let record = agent.manager.show("shop").unwrap();
    assert_eq!(record.phase.urls().unwrap().public, None);
    world.until_served("one").await;
    agent.manager.down("shop", true).await.unwrap();
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_way_in_that_fails_does_not_cost_the_one_there_was() {
    let world = World::new(&SERVER.replace("TEXT", "one"));
    let provider = Straight::new(&[Some("shop.test")]);
    let broken = Straight::of(TunnelKind::Ngrok, &[None]);
    let agent = agent_of(&world, vec![provider.clone(), broken]);
    agent.up(with(&world, WANTED)).await.unwrap();
    let other = Some(TunnelChoice::Kind(TunnelKind::Ngrok));
    agent.up(with(&world, other)).await.unwrap_err();
    let mut public = None;
    for _ in 0..1000 {
        let record = agent.manager.show("shop").unwrap();
        public = record.phase.urls().and_then(|urls| urls.public.clone());
        if public.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(public.unwrap().host(), "shop.test");
    let page = visit(provider.target(), "shop.test").unwrap();
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    agent.manager.down("shop", true).await.unwrap();
    agent.stop().await;
}
