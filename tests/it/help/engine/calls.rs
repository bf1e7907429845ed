//! The calls of every engine.

use std::{fs, path::Path, sync::atomic::Ordering, time::Duration};

use async_trait::async_trait;
use codemate_preview::{
    engine::{
        BuildRequest, Capabilities, Capability, Engine, EngineError, EngineInfo, ExecSession,
        ExecSpec, Home, HostEngine, LogQuery, Observed, Owned, Result,
    },
    model::{
        BuildProgress, ContainerSpec, EgressDenial, ImageInfo, ImageRef, InstanceId, LogLine, Usage,
    },
    security::{Abilities, Approved},
    task::BoxedIo,
};
use futures_util::{StreamExt, stream, stream::BoxStream};
use jiff::Timestamp;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tokio::{net::UnixStream, sync::mpsc};

use crate::help::binaries;

use super::{FakeEngine, Running, code_of, exec::PipedCommand, missing, refused};

/// Where programs are looked for that a command names.
const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

fn info(image: &ImageRef) -> ImageInfo {
    ImageInfo {
        id: format!("id of {image}"),
        tags: vec![image.clone()],
        size_bytes: 0,
        created: 0,
        env: Vec::new(),
        recipe: None,
    }
}

/// The instructions of a Dockerfile; `None` where it is none.
fn steps(build: &BuildRequest) -> Option<Vec<String>> {
    let dockerfile = String::from_utf8_lossy(build.context.get("Dockerfile")?).into_owned();
    let is_step = |line: &&str| !line.is_empty() && !line.starts_with([' ', '#']);
    let steps: Vec<String> = dockerfile
        .lines()
        .filter(is_step)
        .map(str::to_owned)
        .collect();
    let has_base = steps.iter().any(|line| line.starts_with("FROM "));
    has_base.then_some(steps)
}

#[async_trait]
impl Engine for FakeEngine {
    fn capabilities(&self) -> Capabilities {
        self.capabilities.clone()
    }

    fn host(&self) -> Option<&dyn HostEngine> {
        self.has_host.then_some(self)
    }

    async fn probe(&self) -> Result<EngineInfo> {
        Ok(EngineInfo {
            product: "no engine".to_owned(),
            api: "0".to_owned(),
            endpoint: self.shared.dir.path().display().to_string(),
            cpus: 1,
            memory_bytes: 1 << 30,
            unenforced: Vec::new(),
        })
    }

    async fn abilities(&self) -> Result<Abilities> {
        Ok(self.abilities.lock().unwrap().clone())
    }

    async fn image(&self, image: &ImageRef) -> Result<Option<ImageInfo>> {
        if !self.is_here(image) {
            return Ok(None);
        }
        let images = self.images.lock().unwrap();
        let listed = images.iter().find(|one| one.tags.contains(image)).cloned();
        let recipe = self.recipes.lock().unwrap().get(image).cloned();
        Ok(Some(ImageInfo {
            recipe,
            ..listed.unwrap_or_else(|| info(image))
        }))
    }

    async fn registry_answers(&self) -> Result<bool> {
        Ok(self.capabilities.has(Capability::Pull) && self.registry.load(Ordering::Relaxed))
    }

    async fn images(&self) -> Result<Vec<ImageInfo>> {
        Ok(self.images.lock().unwrap().clone())
    }

    async fn pull_image(
        &self,
        image: &ImageRef,
        _progress: mpsc::Sender<BuildProgress>,
    ) -> Result<ImageInfo> {
        self.capabilities.require(Capability::Pull)?;
        if !self.registry.load(Ordering::Relaxed) {
            return Err(EngineError::NoImage {
                image: image.to_string(),
                reason: "no registry answers".to_owned(),
            });
        }
        self.have(image);
        Ok(info(image))
    }

    async fn build_image(
        &self,
        build: BuildRequest,
        progress: mpsc::Sender<BuildProgress>,
    ) -> Result<ImageInfo> {
        self.capabilities.require(Capability::Build)?;
        let steps = steps(&build).filter(|_| !self.cannot_build.load(Ordering::Relaxed));
        let Some(steps) = steps else {
            return Err(EngineError::Build {
                image: build.tag.to_string(),
                step: String::new(),
                reason: "it cannot be built from this".to_owned(),
                last_lines: Vec::new(),
            });
        };
        let total = u32::try_from(steps.len()).unwrap();
        for (current, text) in (1..).zip(steps) {
            let step = BuildProgress::Step {
                current,
                total,
                text,
            };
            let _no_one_listens = progress.send(step).await;
        }
        self.have(&build.tag);
        let mut recipes = self.recipes.lock().unwrap();
        let recipe = build.recipe.clone();
        recipes.extend(recipe.clone().map(|it| (build.tag.clone(), it)));
        let made = ImageInfo {
            id: format!("id of {} as it is made today", build.tag),
            recipe,
            ..info(&build.tag)
        };
        let mut images = self.images.lock().unwrap();
        images.retain(|one| !one.tags.contains(&build.tag));
        images.push(made.clone());
        self.built.lock().unwrap().push(build);
        Ok(made)
    }

    async fn remove_image(&self, image: &ImageRef) -> Result<()> {
        let operation = format!("remove image {image}");
        let running = self.shared.running.lock().unwrap();
        if running.values().any(|one| one.spec.image == *image) {
            return refused(&operation, "a container uses it");
        }
        let mut all = self.images.lock().unwrap();
        if all.iter().any(|one| one.tags.contains(image)) {
            all.retain(|one| !one.tags.contains(image));
            if let Some(here) = self.here.lock().unwrap().as_mut() {
                here.retain(|one| one != image);
            }
            return Ok(());
        }
        if self.is_here(image) {
            return refused(&operation, "it is not one this program built");
        }
        missing(&format!("image {image}"))
    }

    async fn start(&self, spec: &Approved<ContainerSpec>) -> Result<()> {
        if !self.is_here(&spec.image) {
            return Err(EngineError::NoImage {
                image: spec.image.to_string(),
                reason: "it was neither built nor pulled".to_owned(),
            });
        }
        let older = self.with(&spec.id, |one| one.spec.generation);
        if older.is_ok_and(|there| there > spec.generation) {
            return refused(
                &format!("start generation {} of {}", spec.generation, spec.name),
                "a newer one exists",
            );
        }
        self.remove(&spec.id, Duration::ZERO).await?;
        self.own_home(&spec.home_volume)?;
        fs::create_dir_all(self.home_dir(&spec.home_volume)).unwrap();
        let home = (spec.home_volume.clone(), self.key(&spec.id));
        self.shared.homes.lock().unwrap().extend([home]);
        if self.unstartable.lock().unwrap().contains(&spec.image) {
            return refused(&format!("start {}", spec.name), "nothing of it can be run");
        }
        let running = self.run_guest(spec);
        let mut all = self.shared.running.lock().unwrap();
        all.insert(self.key(&spec.id), running);
        Ok(())
    }

    /// What ends within it takes its time to: nothing is killed.
    async fn remove(&self, id: &InstanceId, _grace: Duration) -> Result<()> {
        let Ok(pid) = self.with(id, |one| Pid::from_child(&one.guest)) else {
            return Ok(());
        };
        if matches!(self.observe(id).await?, Observed::Running { .. }) {
            // TERM, so that the app ends with it. It may end by itself in between.
            let _ended_already = kill_process(pid, Signal::TERM);
            let wait = move || {
                waitid(
                    WaitId::Pid(pid),
                    WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
                )
            };
            let _ended_already = tokio::task::spawn_blocking(wait).await.unwrap();
        }
        let mut all = self.shared.running.lock().unwrap();
        let is_that = |one: &mut Running| Pid::from_child(&one.guest) == pid;
        if all.get_mut(&self.key(id)).is_some_and(is_that)
            && let Some(mut running) = all.remove(&self.key(id))
        {
            running.guest.wait().unwrap();
            running.log.end();
            running.gone.cancel();
        }
        Ok(())
    }

    async fn remove_home(&self, volume: &str) -> Result<()> {
        self.own_home(volume)?;
        let running = self.shared.running.lock().unwrap();
        if running.values().any(|one| one.spec.home_volume == volume) {
            return refused(&format!("remove volume {volume}"), "a container uses it");
        }
        let _gone_already = fs::remove_dir_all(self.home_dir(volume));
        self.shared.homes.lock().unwrap().remove(volume);
        Ok(())
    }

    async fn home(&self, volume: &str) -> Result<Option<Home>> {
        self.own_home(volume)?;
        let is_there = self.home_dir(volume).is_dir();
        Ok(is_there.then_some(Home { quota: None }))
    }

    async fn observe(&self, id: &InstanceId) -> Result<Observed> {
        let observed = self.with(id, |one| {
            let generation = one.spec.generation;
            match one.guest.try_wait().unwrap() {
                None => Observed::Running { generation },
                Some(status) => Observed::Exited {
                    generation,
                    code: code_of(status),
                    out_of_memory: self.out_of_memory.load(Ordering::Relaxed),
                },
            }
        });
        Ok(observed.unwrap_or(Observed::Absent))
    }

    async fn list_owned(&self) -> Result<Vec<Owned>> {
        let mut running = self.shared.running.lock().unwrap();
        let own = running
            .iter_mut()
            .filter(|((owner, _), _)| *owner == self.owner);
        let mut owned: Vec<Owned> = own
            .map(|((_, id), one)| Owned::Container {
                id: id.clone(),
                name: one.spec.name.clone(),
                generation: one.spec.generation,
                running: one.guest.try_wait().unwrap().is_none(),
            })
            .collect();
        let homes = self.shared.homes.lock().unwrap();
        let own = homes.iter().filter(|(_, (owner, _))| *owner == self.owner);
        owned.extend(own.map(|(volume, (_, id))| Owned::Home {
            volume: volume.clone(),
            id: id.clone(),
        }));
        Ok(owned)
    }

    async fn open_link(&self, id: &InstanceId) -> Result<BoxedIo> {
        let socket = self.socket(id);
        // The guest makes its socket as soon as it runs.
        while matches!(self.observe(id).await?, Observed::Running { .. }) {
            if let Ok(stream) = UnixStream::connect(&socket).await {
                return Ok(Box::pin(stream));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        missing(&format!("container of {id}"))
    }

    async fn exec(&self, id: &InstanceId, command: ExecSpec) -> Result<Box<dyn ExecSession>> {
        if command.tty {
            self.capabilities.require(Capability::Terminal)?;
        }
        let (spec, gone) = self.with(id, |one| (one.spec.clone(), one.gone.clone()))?;
        let home = self.home_dir(&spec.home_volume);
        let cwd = Path::new(&command.cwd);
        let cwd = match cwd.strip_prefix(ContainerSpec::HOME) {
            Ok(inside) => home.join(inside),
            Err(_) => cwd.to_owned(),
        };
        let mut at = tokio::process::Command::new(binaries::guest());
        at.arg("at").arg(cwd).args(command.argv);
        at.env_clear().env("PATH", SEARCH_PATH).envs(&spec.env);
        at.envs(command.env.iter().map(|(name, it)| (name, it.reveal())));
        let session = PipedCommand::start(at, command.stdin, gone, &self.shared.scope);
        Ok(Box::new(session))
    }

    async fn logs(
        &self,
        id: &InstanceId,
        query: LogQuery,
    ) -> Result<BoxStream<'static, Result<LogLine>>> {
        let log = self.with(id, |one| one.log.clone())?;
        Ok(log.lines(query))
    }

    async fn refusals(
        &self,
        id: &InstanceId,
        since: Option<Timestamp>,
    ) -> Result<BoxStream<'static, Result<EgressDenial>>> {
        self.capabilities.require(Capability::Refusals)?;
        let gone = self.with(id, |one| one.gone.clone())?;
        let all = self.refused.subscribe();
        let told = stream::unfold((all, 0), |(mut all, at)| async move {
            let one = all.wait_for(|all| all.len() > at).await.ok()?[at].clone();
            Some((one, (all, at + 1)))
        });
        let is_new = move |at: Timestamp| since.is_none_or(|since| at > since);
        let told =
            told.filter_map(move |(at, denial)| async move { is_new(at).then_some(Ok(denial)) });
        Ok(told.take_until(gone.cancelled_owned()).boxed())
    }

    async fn usage(&self, id: &InstanceId) -> Result<Usage> {
        self.capabilities.require(Capability::Usage)?;
        missing(&format!("container of {id}"))
    }
}
