//! A host without Docker: an engine of the help room, a project that serves a text, its agents.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::Command,
    sync::Arc,
    time::Duration,
};

use codemate_preview::{
    config::{ShareSettings, SupabaseSettings},
    engine::Engine,
    gateway::{PublicListeners, Routes},
    lifecycle::{Context, Images, LifecycleError, Manager, Settings, StartRequest},
    model::{Options, RunOptions, TunnelChoice, UpOutcome},
    security::{OwnerRules, Policy},
    source::{
        SourceProvider, Sources,
        supabase::{SupabaseProvider, SupabaseSessions},
    },
    store::SourceRecord,
    task::Scope,
    tunnel::{Tools, Tunnels},
};
use tempfile::TempDir;

use crate::help::{engine::FakeEngine, no_vault::NoVault, tools::tools};

pub const SERVER: &str = r#"
import os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"TEXT %d" % os.getpid())
HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Hello).serve_forever()
"#;

pub struct World {
    pub dir: TempDir,
    pub engine: Arc<FakeEngine>,
    /// Of agents to come: what their owners get, and the tunnel where nothing is said.
    pub owners: OwnerRules,
    pub tunnel: Option<TunnelChoice>,
    /// What its agents' base images may hold.
    pub most_image_bytes: u64,
    pub port: u16,
}

/// One agent's worth of lifecycle; several may follow one another in a world.
pub struct Agent {
    pub manager: Manager,
    pub supabase: Arc<SupabaseSessions>,
    pub scope: Scope,
}

impl World {
    pub fn new(main: &str) -> Self {
        let world = Self {
            dir: tempfile::tempdir().unwrap(),
            engine: Arc::new(FakeEngine::new()),
            owners: OwnerRules::default(),
            tunnel: None,
            most_image_bytes: u64::MAX,
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

    pub fn project(&self) -> PathBuf {
        self.dir.path().join("shop")
    }

    pub fn write(&self, main: &str) {
        fs::write(self.project().join("main.py"), main).unwrap();
    }

    pub fn agent(&self) -> Agent {
        self.agent_with(|_| None)
    }

    /// An agent whose tunnels `make` makes.
    pub fn agent_with(&self, make: impl FnOnce(&Tools) -> Option<Tunnels>) -> Agent {
        let scope = Scope::new();
        let engine: Arc<dyn Engine> = self.engine.clone();
        let tools = tools(&self.dir.path().join("state"), &scope);
        let routes = Routes::default();
        let supabase = Arc::new(SupabaseSessions::new(
            SupabaseSettings::default(),
            tools.credentials.clone(),
            Arc::new(NoVault),
            &scope,
        ));
        let sources: [Arc<dyn SourceProvider>; 1] = [Arc::new(SupabaseProvider(supabase.clone()))];
        let house = Context {
            public_listeners: PublicListeners::new(routes.clone(), 1, &scope),
            tunnels: Arc::new(make(&tools).unwrap_or_else(|| Tunnels::new(&tools).unwrap())),
            credentials: tools.credentials.clone(),
            sources: Sources::new(sources),
            images: Images::new(engine.clone(), tools.store.clone()),
            engine,
            store: tools.store.clone(),
            routes,
            disk: std::sync::Arc::default(),
            went_down: tokio::sync::Notify::new(),
            settings: Settings {
                policy: Policy {
                    most_cpus: 64.0,
                    most_memory_bytes: u64::MAX,
                    allow_root: false,
                    egress: codemate_preview::model::Egress::Open,
                    runtime: None,
                    runtimes: Vec::new(),
                    most_disk_bytes: 1 << 40,
                    least_free_bytes: 0,
                    most_kept_bytes: u64::MAX,
                    most_image_bytes: self.most_image_bytes,
                },
                config_dir: self.dir.path().join("config"),
                gateway_port: 1,
                tunnel: self.tunnel,
                share: ShareSettings::default(),
                owners: self.owners.clone(),
                owner: "test".to_owned(),
            },
        };
        let manager = Manager::new(house, scope.child());
        manager.adopt_recorded().unwrap();
        Agent {
            manager,
            supabase,
            scope,
        }
    }

    pub fn order(&self) -> StartRequest {
        StartRequest {
            source: SourceRecord::Local {
                directory: self.project().to_str().unwrap().to_owned(),
            },
            label: None,
            options: Options {
                port: Some(self.port),
                run: RunOptions {
                    command: Some(vec![python(), "main.py".to_owned()]),
                    ..RunOptions::default()
                },
                ..Options::default()
            },
            env_flags: std::collections::BTreeSet::new(),
            rebuild: false,
            owner: None,
            public: None,
            expires: None,
            expose: std::collections::BTreeSet::new(),
        }
    }

    pub fn get(&self) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        Some(text.split_once("\r\n\r\n")?.1.to_owned())
    }

    pub async fn until_served(&self, text: &str) {
        for _ in 0..3000 {
            if self.get().is_some_and(|body| body.starts_with(text)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{text} was never served");
    }

    pub fn workspace(&self, volume: &str) -> PathBuf {
        self.engine.home_dir(volume).join("workspace")
    }
}

impl Agent {
    pub async fn up(&self, order: StartRequest) -> Result<UpOutcome, LifecycleError> {
        self.manager.up(order).await?.outcome.await.unwrap()
    }

    pub async fn stop(self) {
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

pub fn changed(outcome: &UpOutcome) -> bool {
    matches!(outcome, UpOutcome::Success { changed: true, .. })
}
