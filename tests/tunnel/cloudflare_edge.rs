//! The edge by itself, with an agent of our own; and that agent in the place of `cloudflared`.

use std::{
    path::{Path, PathBuf},
    thread::JoinHandle,
    time::Duration,
};

use codemate_preview::task::Scope;
use serde_json::Value;
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    Test, cloudflared_real,
    edge::{
        Edge, Seen,
        agent::{self, Agent, State},
        directory::QuickService,
        on_this_thread,
    },
    programs,
    rig::until,
    visitor::Visitor,
    world::{Door, PATIENCE, block_on},
};

pub const TESTS: &[Test] = &[
    Test::new("an_agent_registers_and_serves", an_agent_registers),
    Test::new("a_refused_agent_serves_nobody", a_refused_agent),
    Test::new("a_wrong_secret_is_refused", a_wrong_secret),
    Test::new("an_origin_that_is_gone_is_said", a_gone_origin),
    Test::new("quick_with_a_stand_in", || {
        cloudflared_real::quick(&stand_in, Duration::from_secs(3));
    }),
    Test::new("named_with_a_stand_in", || {
        cloudflared_real::named(&stand_in);
    }),
];

fn stand_in(dir: &Path) -> PathBuf {
    programs::install(dir, "cloudflared", "cloudflared-http2")
}

/// A quick tunnel, and an edge and a door for it.
struct Stage {
    edge: Edge,
    door: Door,
    given: Value,
}

/// An agent on a thread of its own.
struct Aside {
    state: watch::Receiver<State>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Stage {
    async fn set(scope: &Scope) -> Self {
        let service = QuickService::start(scope).await;
        let given = service.give();
        Self {
            edge: Edge::start(service),
            door: Door::open(scope).await,
            given,
        }
    }

    fn agent(&self) -> Agent {
        let (edge, ca) = (self.edge.agents, self.edge.ca.clone());
        Agent::of_quick(&self.given, edge, ca, self.door.addr)
    }

    fn visitor(&self) -> Visitor {
        let host = self.given["hostname"].as_str().unwrap();
        Visitor::new(&self.edge, &format!("https://{host}"))
    }
}

impl Aside {
    fn start(agent: Agent) -> Self {
        let (say, state) = watch::channel(State::Unconnected);
        let stop = CancellationToken::new();
        let asked = stop.clone();
        let thread = std::thread::spawn(move || on_this_thread(agent.run(say, asked)));
        Self {
            state,
            stop,
            thread: Some(thread),
        }
    }

    async fn until(&mut self, wanted: &State) {
        let reached = self.state.wait_for(|state| state == wanted);
        let reached = timeout(PATIENCE, reached).await;
        reached.expect("waited in vain").expect("it ended");
    }

    fn stop(mut self) {
        self.stop.cancel();
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn an_agent_registers() {
    block_on(|scope| async move {
        let stage = Stage::set(&scope).await;
        let visitor = stage.visitor();
        assert_eq!(visitor.get("/").await.status(), 530);
        let mut agent = Aside::start(stage.agent());
        agent.until(&State::Registered).await;
        let registered = Seen::Registered {
            tunnel: stage.given["id"].as_str().unwrap().to_owned(),
            version: agent::VERSION.to_owned(),
        };
        assert_eq!(stage.edge.seen(), std::slice::from_ref(&registered));
        visitor.sees_the_door().await;

        stage.edge.down();
        agent.until(&State::Unconnected).await;
        assert_eq!(visitor.get("/").await.status(), 530);
        stage.edge.up();
        agent.until(&State::Registered).await;
        visitor.sees_the_door().await;

        agent.stop();
        assert_eq!(visitor.get("/").await.status(), 530);
        let all = [
            registered.clone(),
            Seen::Ended,
            registered,
            Seen::Unregistered,
            Seen::Ended,
        ];
        assert_eq!(stage.edge.seen(), all);
    });
}

fn a_refused_agent() {
    block_on(|scope| async move {
        let stage = Stage::set(&scope).await;
        let (visitor, cause) = (stage.visitor(), "Unauthorized: Failed to get tunnel");
        stage.edge.refuse(cause);
        let mut agent = Aside::start(stage.agent());
        agent.until(&State::Refused(cause.to_owned())).await;
        let refusals = || stage.edge.seen().len();
        until("another attempt", || (refusals() > 1).then_some(())).await;
        assert_eq!(stage.edge.registrations(), 0);
        assert_eq!(visitor.get("/").await.status(), 530);
        agent.stop();
    });
}

fn a_wrong_secret() {
    block_on(|scope| async move {
        let stage = Stage::set(&scope).await;
        for (change, cause) in [
            (
                (|agent| agent.secret[31] ^= 1) as fn(&mut Agent),
                "Unauthorized: Invalid tunnel secret",
            ),
            (
                |agent| agent.account.clear(),
                "Unauthorized: Invalid tunnel secret",
            ),
            (
                |agent| agent.tunnel = agent.tunnel.replace("c0ffee", "c0ffe0"),
                "Unauthorized: Failed to get tunnel",
            ),
        ] {
            let mut wrong = stage.agent();
            change(&mut wrong);
            let mut agent = Aside::start(wrong);
            agent.until(&State::Refused(cause.to_owned())).await;
            agent.stop();
        }
        assert_eq!(stage.edge.registrations(), 0);
    });
}

fn a_gone_origin() {
    block_on(|scope| async move {
        let stage = Stage::set(&scope).await;
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = Some(nobody.local_addr().unwrap());
        drop(nobody);
        let mut agent = Aside::start(Agent {
            origin,
            ..stage.agent()
        });
        agent.until(&State::Registered).await;
        let answer = stage.visitor().get("/").await;
        assert_eq!(answer.status(), 502);
        assert_eq!(
            answer.headers()["x-edge-source"],
            r#"{"src":"cloudflared"}"#
        );
        agent.stop();
    });
}
