//! The life of an instance, in this process, on an engine without Docker.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use codemate_preview::{
    config::TunnelSettings,
    engine::Engine,
    gateway::{Entrances, Routes},
    lifecycle::{House, Images, LifecycleError, Manager, Settings, UpOrder},
    model::{Options, PhaseKind, RunOptions, UpOutcome},
    security::Policy,
    store::{Source, Store},
    task::Scope,
    tunnel::{Tools, Tunnels},
};
use tempfile::TempDir;

use crate::help::engine::FakeEngine;

const SERVER: &str = r#"
import os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"TEXT %d" % os.getpid())
HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Hello).serve_forever()
"#;

struct World {
    dir: TempDir,
    engine: Arc<FakeEngine>,
    port: u16,
}

/// One agent's worth of lifecycle; several may follow one another in a world.
struct Agent {
    manager: Manager,
    scope: Scope,
}

impl World {
    fn new(main: &str) -> Self {
        let world = Self {
            dir: tempfile::tempdir().unwrap(),
            engine: Arc::new(FakeEngine::new()),
            port: TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port(),
        };
        fs::create_dir_all(world.project()).unwrap();
        world.write(main);
        world
    }

    fn project(&self) -> PathBuf {
        self.dir.path().join("shop")
    }

    fn write(&self, main: &str) {
        fs::write(self.project().join("main.py"), main).unwrap();
    }

    fn agent(&self) -> Agent {
        let scope = Scope::new();
        let engine: Arc<dyn Engine> = self.engine.clone();
        let store = Arc::new(Store::open(self.dir.path().join("state")).unwrap());
        let tools = Tools {
            settings: TunnelSettings::default(),
            credentials: Arc::default(),
            store: store.clone(),
            owner: "test".to_owned(),
            path: None,
            ssh_auth_sock: None,
            home: None,
            ca_bundle: None,
            scope: scope.child(),
        };
        let routes = Routes::default();
        let house = House {
            entrances: Entrances::new(routes.clone(), &scope),
            tunnels: Arc::new(Tunnels::new(&tools).unwrap()),
            images: Images::new(engine.clone()),
            engine,
            store,
            routes,
            settings: Settings {
                policy: Policy {
                    most_cpus: 64.0,
                    most_memory_bytes: u64::MAX,
                },
                config_dir: self.dir.path().join("config"),
                gateway_port: 1,
                tunnel: None,
                owner: "test".to_owned(),
            },
        };
        let manager = Manager::new(house, scope.child());
        manager.take_up().unwrap();
        Agent { manager, scope }
    }

    fn order(&self) -> UpOrder {
        UpOrder {
            source: Source::Local {
                directory: self.project().to_str().unwrap().to_owned(),
            },
            label: None,
            options: Options {
                port: Some(self.port),
                run: RunOptions {
                    command: Some(vec![python(), "main.py".to_owned()]),
                },
                ..Options::default()
            },
            rebuild: false,
        }
    }

    fn get(&self) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        Some(text.split_once("\r\n\r\n")?.1.to_owned())
    }

    async fn until_served(&self, text: &str) {
        for _ in 0..3000 {
            if self.get().is_some_and(|body| body.starts_with(text)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{text} was never served");
    }

    fn workspace(&self, volume: &str) -> PathBuf {
        self.engine.home(volume).join("workspace")
    }
}

impl Agent {
    async fn up(&self, order: UpOrder) -> Result<UpOutcome, LifecycleError> {
        self.manager.up(order).await?.outcome.await.unwrap()
    }

    async fn stop(self) {
        assert!(self.scope.close(Duration::from_secs(20)).await);
    }
}

/// Where this machine has it; the sandbox's search path does not lead there.
fn python() -> String {
    let found = Command::new("python3")
        .args(["-c", "import sys; print(sys.executable)"])
        .output()
        .unwrap();
    String::from_utf8(found.stdout).unwrap().trim().to_owned()
}

fn changed(outcome: &UpOutcome) -> bool {
    matches!(outcome, UpOutcome::Success { changed: true, .. })
}

#[tokio::test(flavor = "multi_thread")]
async fn up_edit_restart_down_and_up_again() {
    let world = World::new(&SERVER.replace("TEXT", "one"));
    let agent = world.agent();
    assert!(changed(&agent.up(world.order()).await.unwrap()));
    assert!(!changed(&agent.up(world.order()).await.unwrap()));
    world.until_served("one").await;
    world.write(&SERVER.replace("TEXT", "two"));
    world.until_served("two").await;
    let before = world.get();
    let restarted = agent.manager.restart("shop").await.unwrap().outcome;
    assert!(changed(&restarted.await.unwrap().unwrap()));
    assert_ne!(world.get(), before, "another process answers");
    let record = agent.manager.show("shop").unwrap();
    fs::write(world.workspace(&record.home_volume).join("made"), "").unwrap();
    agent.manager.down("shop", false).await.unwrap();
    assert!(world.get().is_none());
    assert_eq!(agent.manager.list()[0].phase.kind(), PhaseKind::Asleep);
    assert!(changed(&agent.up(world.order()).await.unwrap()));
    assert!(world.workspace(&record.home_volume).join("made").exists());
    agent.manager.down("shop", true).await.unwrap();
    assert!(agent.manager.list().is_empty());
    assert!(!world.engine.home(&record.home_volume).exists());
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_agent_takes_the_app_over_as_it_runs() {
    let world = World::new(&SERVER.replace("TEXT", "one"));
    let agent = world.agent();
    agent.up(world.order()).await.unwrap();
    let before = world.get();
    assert!(before.is_some());
    agent.stop().await;
    assert_eq!(world.get(), before, "it goes on without an agent");
    let next = world.agent();
    let record = next.manager.wait("shop").await.unwrap();
    assert_eq!(record.phase.kind(), PhaseKind::Ready);
    world.write(&SERVER.replace("TEXT", "two"));
    world.until_served("two").await;
    next.manager.down("shop", true).await.unwrap();
    next.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_leaves_nothing_but_its_reason() {
    let world = World::new("import sys\nprint('no')\nsys.exit(3)\n");
    let agent = world.agent();
    let error = agent.up(world.order()).await.unwrap_err();
    assert!(
        matches!(&error, LifecycleError::AppExited { exit } if exit.code == Some(3) && exit.last_lines == ["no"]),
        "{error:?}"
    );
    let record = agent.manager.show("shop").unwrap();
    assert_eq!(record.phase.kind(), PhaseKind::Failed);
    assert!(world.engine.list_owned().await.unwrap().is_empty());
    assert!(!world.engine.home(&record.home_volume).exists());
    world.write(&SERVER.replace("TEXT", "mended"));
    assert!(changed(&agent.up(world.order()).await.unwrap()));
    agent.manager.down("shop", true).await.unwrap();
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_recognised_is_never_recorded() {
    let world = World::new("");
    fs::remove_file(world.project().join("main.py")).unwrap();
    let agent = world.agent();
    let order = UpOrder {
        options: Options::default(),
        ..world.order()
    };
    assert!(matches!(
        agent.up(order).await,
        Err(LifecycleError::Project(_))
    ));
    assert!(agent.manager.list().is_empty());
    assert!(is_empty(&world.dir.path().join("state/instances")));
    agent.stop().await;
}

fn is_empty(dir: &Path) -> bool {
    fs::read_dir(dir).unwrap().next().is_none()
}
