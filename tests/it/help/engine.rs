//! An engine without Docker: each instance is the real guest, run as an ordinary process.
//!
//! It holds nothing down, so it stands for an engine's behaviour and never for its sandbox.

use std::{
    collections::HashMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use codemate_preview::{
    engine::{
        BoxedIo, BuildRequest, Engine, EngineError, EngineEvent, EngineInfo, ExecOutput,
        ExecSession, ExecSpec, Home, Leftover, LeftoverKind, LogQuery, Observed, Owned, Result,
        guest::GUEST,
    },
    model::{
        BuildProgress, ContainerSpec, EgressRefused, ImageInfo, ImageRef, InstanceId, LogLine,
        LogStream, Name, Role, Usage,
    },
    security::{Abilities, Approved},
};
use futures_util::{StreamExt, stream, stream::BoxStream};
use tempfile::TempDir;
use tokio::{net::UnixStream, sync::mpsc};

struct Running {
    guest: Child,
    name: Name,
    generation: u64,
}

pub struct FakeEngine {
    dir: TempDir,
    running: Mutex<HashMap<InstanceId, Running>>,
    /// Whose each volume is.
    homes: Mutex<HashMap<String, InstanceId>>,
    /// What every instance's sandbox is said to have refused.
    pub refused: Mutex<Vec<EgressRefused>>,
    /// What it says it can do; everything unless a test changes it.
    pub abilities: Mutex<Abilities>,
    /// Whether it is said to walk its disk for somebody else.
    pub busy: AtomicBool,
    /// Base images that it has; every image asked for by name is there besides.
    pub images: Mutex<Vec<ImageInfo>>,
    /// The names that it has an image for, where a test says so; every name otherwise.
    pub here: Mutex<Option<Vec<ImageRef>>>,
    /// What it was asked to build.
    pub built: Mutex<Vec<BuildRequest>>,
    /// Whether a registry gives it whatever it asks for.
    pub registry: AtomicBool,
    /// Whether containers that ended are said to have run out of memory.
    pub out_of_memory: AtomicBool,
}

impl FakeEngine {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let guest = dir.path().join("guest");
        fs::write(&guest, GUEST).unwrap();
        fs::set_permissions(&guest, fs::Permissions::from_mode(0o700)).unwrap();
        Self {
            dir,
            running: Mutex::default(),
            homes: Mutex::default(),
            refused: Mutex::default(),
            abilities: Mutex::default(),
            busy: AtomicBool::default(),
            images: Mutex::default(),
            here: Mutex::default(),
            built: Mutex::default(),
            registry: AtomicBool::default(),
            out_of_memory: AtomicBool::default(),
        }
    }

    pub fn home_dir(&self, volume: &str) -> PathBuf {
        self.dir.path().join(volume)
    }

    fn socket(&self, id: &InstanceId) -> PathBuf {
        self.dir.path().join(format!("{id}.sock"))
    }

    fn have(&self, image: &ImageRef) {
        if let Some(here) = self.here.lock().unwrap().as_mut() {
            here.push(image.clone());
        }
    }

    /// What the container of an instance wrote, while it is there.
    fn log(&self, id: &InstanceId) -> PathBuf {
        self.dir.path().join(format!("{id}.log"))
    }

    fn missing<T>(what: &str) -> Result<T> {
        Err(EngineError::Missing {
            what: what.to_owned(),
        })
    }
}

fn info(image: &ImageRef) -> ImageInfo {
    ImageInfo {
        id: format!("id of {image}"),
        tags: vec![image.clone()],
        size_bytes: 0,
        created: 0,
        env: Vec::new(),
    }
}

impl Drop for FakeEngine {
    fn drop(&mut self) {
        for running in self.running.get_mut().unwrap().values_mut() {
            let _ = running.guest.kill();
            let _ = running.guest.wait();
        }
    }
}

struct Echo {
    told: Option<mpsc::UnboundedSender<Bytes>>,
    says: mpsc::UnboundedReceiver<Bytes>,
}

#[async_trait]
impl ExecSession for Echo {
    async fn read(&mut self) -> Result<Option<ExecOutput>> {
        Ok(self.says.recv().await.map(ExecOutput::Stdout))
    }

    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        if bytes.is_empty() {
            self.told = None;
        }
        if let Some(told) = &self.told {
            told.send(bytes).unwrap();
        }
        Ok(())
    }

    async fn resize(&mut self, _columns: u16, _rows: u16) -> Result<()> {
        Ok(())
    }

    async fn exit_code(&mut self) -> Result<i64> {
        Ok(0)
    }
}

#[async_trait]
impl Engine for FakeEngine {
    async fn probe(&self) -> Result<EngineInfo> {
        Ok(EngineInfo {
            product: "no engine".to_owned(),
            api: "0".to_owned(),
            endpoint: self.dir.path().display().to_string(),
            cpus: 1,
            memory_bytes: 1 << 30,
            unenforced: Vec::new(),
        })
    }

    async fn abilities(&self) -> Result<Abilities> {
        Ok(self.abilities.lock().unwrap().clone())
    }

    async fn image(&self, image: &ImageRef) -> Result<Option<ImageInfo>> {
        let here = self.here.lock().unwrap();
        let is_here = here.as_ref().is_none_or(|here| here.contains(image));
        Ok(is_here.then(|| info(image)))
    }

    async fn registry_answers(&self) -> Result<bool> {
        Ok(self.registry.load(Ordering::Relaxed))
    }

    async fn images(&self) -> Result<Vec<ImageInfo>> {
        Ok(self.images.lock().unwrap().clone())
    }

    async fn pull_image(
        &self,
        image: &ImageRef,
        _progress: mpsc::Sender<BuildProgress>,
    ) -> Result<ImageInfo> {
        if !self.registry.load(Ordering::Relaxed) {
            return Self::missing(image.as_str());
        }
        self.have(image);
        Ok(info(image))
    }

    async fn build_image(
        &self,
        build: BuildRequest,
        _progress: mpsc::Sender<BuildProgress>,
    ) -> Result<ImageInfo> {
        self.have(&build.tag);
        let made = info(&build.tag);
        self.built.lock().unwrap().push(build);
        Ok(made)
    }

    async fn remove_image(&self, image: &ImageRef) -> Result<()> {
        let mut all = self.images.lock().unwrap();
        all.retain(|one| !one.tags.contains(image));
        Ok(())
    }

    async fn start(&self, spec: &Approved<ContainerSpec>) -> Result<()> {
        self.remove(&spec.id, Duration::ZERO).await?;
        let home = self.home_dir(&spec.home_volume);
        fs::create_dir_all(&home).unwrap();
        self.homes
            .lock()
            .unwrap()
            .insert(spec.home_volume.clone(), spec.id.clone());
        let socket = self.socket(&spec.id);
        let _ = fs::remove_file(&socket);
        let written = fs::File::create(self.log(&spec.id)).unwrap();
        let guest = Command::new(self.dir.path().join("guest"))
            .arg("init")
            .arg("--home")
            .arg(&home)
            .arg("--socket")
            .arg(&socket)
            .env_clear()
            .envs(&spec.env)
            .stdin(Stdio::null())
            .stdout(written.try_clone().unwrap())
            .stderr(written)
            .spawn()
            .unwrap();
        let running = Running {
            guest,
            name: spec.name.clone(),
            generation: spec.generation,
        };
        self.running
            .lock()
            .unwrap()
            .insert(spec.id.clone(), running);
        Ok(())
    }

    async fn remove(&self, id: &InstanceId, _grace: Duration) -> Result<()> {
        let running = self.running.lock().unwrap().remove(id);
        if let Some(mut running) = running {
            // TERM, so that the app ends with it.
            let pid = running.guest.id().to_string();
            Command::new("kill").arg(pid).status().unwrap();
            running.guest.wait().unwrap();
            fs::remove_file(self.log(id)).unwrap();
        }
        Ok(())
    }

    async fn remove_home(&self, volume: &str) -> Result<()> {
        let _ = fs::remove_dir_all(self.home_dir(volume));
        Ok(())
    }

    async fn home(&self, volume: &str) -> Result<Option<Home>> {
        let is_there = self.home_dir(volume).is_dir();
        Ok(is_there.then_some(Home { quota: None }))
    }

    async fn observe(&self, id: &InstanceId) -> Result<Observed> {
        let mut running = self.running.lock().unwrap();
        Ok(match running.get_mut(id) {
            None => Observed::Absent,
            Some(one) => match one.guest.try_wait().unwrap() {
                None => Observed::Running {
                    generation: one.generation,
                    paused: false,
                },
                Some(status) => Observed::Exited {
                    generation: one.generation,
                    code: i64::from(status.code().unwrap_or(-1)),
                    out_of_memory: self.out_of_memory.load(Ordering::Relaxed),
                },
            },
        })
    }

    async fn list_owned(&self) -> Result<Vec<Owned>> {
        let running = self.running.lock().unwrap();
        Ok(running
            .iter()
            .map(|(id, one)| Owned::Container {
                id: id.clone(),
                name: one.name.clone(),
                role: Role::App,
                generation: one.generation,
                running: true,
            })
            .collect())
    }

    /// The homes of what does not run.
    async fn leftovers(&self) -> Result<Vec<Leftover>> {
        if self.busy.load(Ordering::Relaxed) {
            return Err(EngineError::Busy {
                act: "tell what its disk holds".to_owned(),
            });
        }
        let homes = self.homes.lock().unwrap();
        let running = self.running.lock().unwrap();
        let idle = homes
            .iter()
            .filter(|(volume, id)| !running.contains_key(id) && self.home_dir(volume).is_dir());
        let leftover = |(volume, id): (&String, &InstanceId)| Leftover {
            kind: LeftoverKind::Home { id: id.clone() },
            name: volume.clone(),
            bytes: 0,
        };
        Ok(idle.map(leftover).collect())
    }

    async fn open_link(&self, id: &InstanceId) -> Result<BoxedIo> {
        let socket = self.socket(id);
        // The guest makes its socket as soon as it runs.
        for _ in 0..1000 {
            if let Ok(stream) = UnixStream::connect(&socket).await {
                return Ok(Box::pin(stream));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Self::missing("the guest's socket")
    }

    /// Of every command the same: it says what it is told.
    async fn exec(&self, _id: &InstanceId, _command: ExecSpec) -> Result<Box<dyn ExecSession>> {
        let (told, says) = mpsc::unbounded_channel();
        Ok(Box::new(Echo {
            told: Some(told),
            says,
        }))
    }

    async fn logs(
        &self,
        id: &InstanceId,
        query: LogQuery,
    ) -> Result<BoxStream<'static, Result<LogLine>>> {
        let Ok(written) = fs::read_to_string(self.log(id)) else {
            return Self::missing("the container");
        };
        let line = |(at, text): (usize, &str)| LogLine {
            at: jiff::Timestamp::from_second(i64::try_from(at).unwrap()).unwrap(),
            stream: LogStream::Stdout,
            text: text.to_owned(),
        };
        let lines: Vec<_> = written.lines().enumerate().map(line).collect();
        let new = lines
            .into_iter()
            .filter(move |line| query.since.is_none_or(|since| line.at > since));
        Ok(stream::iter(new.map(Ok)).boxed())
    }

    async fn refusals(
        &self,
        _id: &InstanceId,
        _since: Option<jiff::Timestamp>,
    ) -> Result<BoxStream<'static, Result<EgressRefused>>> {
        let told = self.refused.lock().unwrap().clone();
        Ok(stream::iter(told.into_iter().map(Ok))
            .chain(stream::pending())
            .boxed())
    }

    async fn usage(&self, _id: &InstanceId) -> Result<Usage> {
        Self::missing("usage")
    }

    async fn watch(&self) -> Result<BoxStream<'static, Result<EngineEvent>>> {
        Ok(stream::pending().boxed())
    }
}
