//! A host whose previews are at Cloudflare, as far as these tests go: a store, a `cloudflared`, a
//! fake API; and the agents that come and go on it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
};

use codemate_preview::{
    config::{
        CloudflareSettings, CredentialRegistry, TunnelSettings, credentials::CLOUDFLARE_TOKEN,
    },
    model::{Credentials, InstanceId, Limits, Name, Options, Phase, Secret},
    store::{Intent, Record, SourceRecord, Store, TunnelRecord},
    task::Scope,
    tunnel::{
        Cloudflare, Connection, Provider, Report, Stop, Tools, TunnelError, TunnelSpec,
        TunnelTiming,
    },
};
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use super::{
    cloudflare_api::{ACCOUNT, FakeApi, TOKEN, ZONE, ZONE_NAME},
    programs,
    world::PATIENCE,
};

pub const OWNER: &str = "0123456789abcdef";

pub struct Host {
    dir: tempfile::TempDir,
    pub api: FakeApi,
    pub store: Arc<Store>,
}

/// One agent's time on the host.
pub struct Agent {
    pub provider: Arc<Cloudflare>,
    pub scope: Scope,
}

/// One preview's tunnel, held.
pub struct Held {
    pub stop: Stop,
    pub connection: watch::Receiver<Connection>,
    pub task: JoinHandle<Result<(), TunnelError>>,
}

impl Host {
    pub async fn new(scope: &Scope) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(dir.path().join("state")).unwrap());
        fs::create_dir(dir.path().join("home")).unwrap();
        programs::install(dir.path(), "cloudflared", "cloudflared-named");
        Self {
            dir,
            api: FakeApi::start(scope).await,
            store,
        }
    }

    pub fn settings(&self) -> CloudflareSettings {
        CloudflareSettings {
            account: Some(ACCOUNT.to_owned()),
            zone: Some(ZONE.to_owned()),
            domain: Some(ZONE_NAME.to_owned()),
            api: Some(self.api.base.clone()),
            ..CloudflareSettings::default()
        }
    }

    pub fn tools(&self, scope: &Scope) -> Tools {
        let token = Some(Secret::new(TOKEN));
        let known = Credentials::default().with(CLOUDFLARE_TOKEN, token);
        let home = self.home().into_os_string();
        let path = "/usr/bin:/bin".into();
        Tools {
            settings: TunnelSettings {
                cloudflare: self.settings(),
                ..TunnelSettings::default()
            },
            credentials: CredentialRegistry::new(known),
            store: Arc::clone(&self.store),
            owner: OWNER.to_owned(),
            path: Some(self.dir.path().into()),
            home: None,
            ca_bundle: None,
            inherited: [("HOME".into(), home), ("PATH".into(), path)]
                .into_iter()
                .collect(),
            wrapper: env!("CARGO_BIN_EXE_codemate-preview").into(),
            timing: TunnelTiming::default(),
            scope: scope.clone(),
        }
    }

    pub fn agent(&self, scope: &Scope) -> Agent {
        self.agent_with(scope, |_| {})
    }

    pub fn agent_with(&self, scope: &Scope, change: impl FnOnce(&mut Tools)) -> Agent {
        let scope = scope.child();
        let mut tools = self.tools(&scope);
        change(&mut tools);
        Agent {
            provider: Arc::new(Cloudflare::new(&tools)),
            scope,
        }
    }

    /// Where the stand-in for `cloudflared` reads what to do.
    pub fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// Process ids of every start of it, in order.
    pub fn starts(&self) -> Vec<u32> {
        fs::read_to_string(self.home().join("starts"))
            .unwrap_or_default()
            .lines()
            .map(|line| line.parse().unwrap())
            .collect()
    }

    pub fn record(&self) -> Option<TunnelRecord> {
        self.store.load_tunnels().unwrap().pop()
    }

    /// Have an instance that its user wants up.
    pub fn keep_instance(&self, name: &str) {
        let at = "2026-01-02T03:04:05Z".parse().unwrap();
        let record = Record {
            id: id_of(name),
            name: Name::slug(name),
            source: SourceRecord::Local {
                directory: format!("/projects/{name}"),
            },
            label: None,
            options: Options::default(),
            env_flags: BTreeSet::new(),
            secrets_revision: 0,
            plan: None,
            generation: 1,
            intent: Intent::Up,
            phase: Phase::Asleep { since: at },
            install_key: None,
            home_volume: String::new(),
            port: None,
            answered: None,
            last_exit: None,
            remedies: codemate_preview::store::Remedies::default(),
            tunnel: Some(codemate_preview::model::TunnelKind::Cloudflare),
            public_url: None,
            limits: Limits {
                cpus: 1.0,
                memory_bytes: 1,
                pids: 1,
                open_files: 1,
                log_bytes: 1,
                tmp_bytes: 1,
                disk_bytes: 1,
            },
            owner: None,
            created: at,
            updated: at,
        };
        self.store.save(&record).unwrap();
    }

    /// Nothing is left of any preview: not at Cloudflare, not here.
    #[track_caller]
    pub fn is_clean(&self) {
        assert_eq!(self.api.tunnels().len(), 0);
        assert_eq!(self.api.records(), BTreeMap::new());
        assert_eq!(self.record(), None);
        for pid in self.starts() {
            assert!(!is_running(pid), "{pid} still runs");
        }
    }
}

impl Agent {
    pub fn hold(&self, name: &str, port: u16) -> Held {
        let spec = TunnelSpec {
            id: id_of(name),
            name: Name::slug(name),
            target: SocketAddr::from(([127, 0, 0, 1], port)),
            generation: 1,
        };
        let (report, connection) = Report::new();
        let stop = Stop::new(self.scope.child().token());
        let provider = Arc::clone(&self.provider);
        let asked = stop.clone();
        Held {
            connection,
            task: self
                .scope
                .spawn(async move { provider.hold(spec, report, asked).await }),
            stop,
        }
    }
}

impl Held {
    /// Wait until it is up, and say where.
    pub async fn up(&mut self) -> String {
        let up = self.until(|now| matches!(now, Connection::Up(_))).await;
        match up {
            Connection::Up(url) => url.to_string(),
            _ => unreachable!(),
        }
    }

    pub async fn until(&mut self, is: impl FnMut(&Connection) -> bool) -> Connection {
        let now = timeout(PATIENCE, self.connection.wait_for(is))
            .await
            .expect("waited in vain");
        now.expect("it ended").clone()
    }

    /// The user is done with it.
    pub async fn release(self) -> Result<(), TunnelError> {
        self.stop.close_and_release();
        self.end().await
    }

    /// The agent stops.
    pub async fn close(self) {
        self.stop.close();
        self.end().await.unwrap();
    }

    /// It ends by itself, and not well.
    pub async fn failed(self) -> TunnelError {
        self.end().await.expect_err("it did not fail")
    }

    /// How it ended.
    pub async fn end(self) -> Result<(), TunnelError> {
        timeout(PATIENCE, self.task)
            .await
            .expect("it does not end")
            .unwrap()
    }
}

pub fn id_of(name: &str) -> InstanceId {
    InstanceId::of_directory(name.as_ref(), None)
}

pub fn is_running(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit_once(')')
        .and_then(|(_, rest)| rest.trim().chars().next());
    state.is_some_and(|state| state != 'Z')
}
