//! An engine without Docker: each instance is the real guest, run as an ordinary process.
//!
//! It keeps the contract of `engine_contract`, and holds nothing down: it stands for an engine's
//! behaviour and never for its sandbox. It gives no terminals and measures nothing, and says so.

mod calls;
mod exec;
mod host_calls;
mod log;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs, io,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use codemate_preview::{
    engine::{BuildRequest, Capabilities, Capability, EngineError, Result},
    model::{ContainerSpec, EgressDenial, ImageInfo, ImageRef, InstanceId},
    security::Abilities,
    task::Scope,
};
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::help::binaries;
use log::CapturedLog;

type OwnerId = usize;

/// One container.
struct Running {
    guest: Child,
    spec: ContainerSpec,
    log: Arc<CapturedLog>,
    /// Cancelled once it is gone.
    gone: CancellationToken,
}

/// What all owners' views have in common.
struct Shared {
    dir: TempDir,
    running: Mutex<HashMap<(OwnerId, InstanceId), Running>>,
    /// Whose each volume is.
    homes: Mutex<HashMap<String, (OwnerId, InstanceId)>>,
    owners: AtomicUsize,
    scope: Scope,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.scope.cancel();
        for running in self.running.get_mut().unwrap().values_mut() {
            let _ = running.guest.kill();
            let _ = running.guest.wait();
        }
    }
}

pub struct FakeEngine {
    shared: Arc<Shared>,
    owner: OwnerId,
    /// Whether it has the calls of a `HostEngine`.
    has_host: bool,
    capabilities: Capabilities,
    /// What every instance's sandbox is said to have refused, and when.
    refused: watch::Sender<Vec<(Timestamp, EgressDenial)>>,
    /// What it says it can do; everything unless a test changes it.
    pub abilities: Mutex<Abilities>,
    /// Whether it is said to walk its disk for somebody else.
    pub busy: AtomicBool,
    /// Images that this program built; every image asked for by name is there besides.
    pub images: Mutex<Vec<ImageInfo>>,
    /// The names that it has an image for, where a test says so; every name otherwise.
    pub here: Mutex<Option<Vec<ImageRef>>>,
    /// Images whose containers are made and do not start.
    pub unstartable: Mutex<BTreeSet<ImageRef>>,
    /// What it was asked to build.
    pub built: Mutex<Vec<BuildRequest>>,
    /// What images were made from, where a test says so, and what was built since.
    pub recipes: Mutex<BTreeMap<ImageRef, String>>,
    /// Whether it can build anything.
    pub cannot_build: AtomicBool,
    /// Whether a registry gives it whatever it asks for.
    pub registry: AtomicBool,
    /// Whether containers that ended are said to have run out of memory.
    pub out_of_memory: AtomicBool,
}

impl FakeEngine {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let shared = Shared {
            dir,
            running: Mutex::default(),
            homes: Mutex::default(),
            owners: AtomicUsize::default(),
            scope: Scope::new(),
        };
        Self::on(Arc::new(shared))
    }

    /// One that does nothing beyond what every engine does, and has no host.
    pub fn bare() -> Self {
        Self {
            has_host: false,
            capabilities: Capabilities::from_iter([]),
            ..Self::new()
        }
    }

    /// The same engine as another owner has it.
    pub fn of_another_owner(&self) -> Self {
        Self {
            has_host: self.has_host,
            capabilities: self.capabilities.clone(),
            ..Self::on(self.shared.clone())
        }
    }

    fn on(shared: Arc<Shared>) -> Self {
        let (refused, _) = watch::channel(Vec::new());
        Self {
            owner: shared.owners.fetch_add(1, Ordering::Relaxed),
            shared,
            has_host: true,
            capabilities: [Capability::Pull, Capability::Build, Capability::Refusals]
                .into_iter()
                .collect(),
            refused,
            abilities: Mutex::default(),
            busy: AtomicBool::default(),
            images: Mutex::default(),
            here: Mutex::default(),
            unstartable: Mutex::default(),
            built: Mutex::default(),
            recipes: Mutex::default(),
            cannot_build: AtomicBool::default(),
            registry: AtomicBool::default(),
            out_of_memory: AtomicBool::default(),
        }
    }

    pub fn home_dir(&self, volume: &str) -> PathBuf {
        self.shared.dir.path().join(volume)
    }

    /// End a container as the engine's own user might, behind the agent's back.
    pub fn kill(&self, id: &InstanceId) {
        self.with(id, |one| one.guest.kill().unwrap()).unwrap();
    }

    /// As if every instance's sandbox had refused it this connection.
    pub fn refuse(&self, denial: EgressDenial) {
        self.refused
            .send_modify(|all| all.push((Timestamp::now(), denial)));
    }

    fn key(&self, id: &InstanceId) -> (OwnerId, InstanceId) {
        (self.owner, id.clone())
    }

    fn with<T>(&self, id: &InstanceId, look: impl FnOnce(&mut Running) -> T) -> Result<T> {
        let mut running = self.shared.running.lock().unwrap();
        match running.get_mut(&self.key(id)) {
            Some(one) => Ok(look(one)),
            None => missing(&format!("container of {id}")),
        }
    }

    fn socket(&self, id: &InstanceId) -> PathBuf {
        let name = format!("{}-{id}.sock", self.owner);
        self.shared.dir.path().join(name)
    }

    fn have(&self, image: &ImageRef) {
        if let Some(here) = self.here.lock().unwrap().as_mut() {
            here.push(image.clone());
        }
    }

    fn is_here(&self, image: &ImageRef) -> bool {
        let here = self.here.lock().unwrap();
        here.as_ref().is_none_or(|here| here.contains(image))
    }

    /// Fails where the volume is another owner's.
    fn own_home(&self, volume: &str) -> Result<()> {
        match self.shared.homes.lock().unwrap().get(volume) {
            Some((owner, _)) if *owner != self.owner => refused(
                &format!("use volume {volume}"),
                "it exists and is not this program's",
            ),
            _ => Ok(()),
        }
    }

    /// Start the guest as the first process.
    fn run_guest(&self, spec: &ContainerSpec) -> Running {
        let socket = self.socket(&spec.id);
        let _ = fs::remove_file(&socket);
        let (stdout, into_stdout) = io::pipe().unwrap();
        let (stderr, into_stderr) = io::pipe().unwrap();
        let guest = Command::new(binaries::guest())
            .arg("init")
            .arg("--home")
            .arg(self.home_dir(&spec.home_volume))
            .arg("--socket")
            .arg(&socket)
            .env_clear()
            .envs(&spec.env)
            .stdin(Stdio::null())
            .stdout(into_stdout)
            .stderr(into_stderr)
            .spawn()
            .unwrap();
        Running {
            guest,
            spec: spec.clone(),
            log: CapturedLog::of([stdout.into(), stderr.into()], &self.shared.scope),
            gone: CancellationToken::new(),
        }
    }
}

fn missing<T>(what: &str) -> Result<T> {
    Err(EngineError::Missing {
        what: what.to_owned(),
    })
}

fn refused<T>(operation: &str, reason: &str) -> Result<T> {
    Err(EngineError::Refused {
        operation: operation.to_owned(),
        status: 409,
        reason: reason.to_owned(),
    })
}

/// As shells have it: 128 and the signal, where one ended it.
fn code_of(status: ExitStatus) -> i64 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.unwrap().into()
}
