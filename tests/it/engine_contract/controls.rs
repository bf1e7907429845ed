//! The controls: an engine that breaks the contract in one way fails the trial about it.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use async_trait::async_trait;
use codemate_preview::{
    engine::{
        BuildRequest, Capabilities, Engine, EngineInfo, ExecSession, ExecSpec, Home, HostEngine,
        LogQuery, Observed, Owned, Result,
    },
    model::{
        BuildProgress, ContainerSpec, EgressDenial, ImageInfo, ImageRef, InstanceId, LogLine, Usage,
    },
    security::{Abilities, Approved},
    task::BoxedIo,
};
use futures_util::{FutureExt, future::BoxFuture, stream::BoxStream};
use jiff::Timestamp;
use tokio::sync::mpsc;

use super::{Subject, commands, containers, fake::Fake, logs, streams};
use crate::help::engine::FakeEngine;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    /// The control of the control.
    None,
    /// It gives more of a log than was asked for.
    IgnoresTail,
    /// It forgets to list volumes.
    ListsNoHomes,
    /// It answers what it says it cannot.
    MeasuresSilently,
    /// It says that all is well with what is gone.
    SaysItRuns,
    /// A command's code is lost.
    LosesCodes,
}

/// The engine without Docker, but for one fault.
struct Faulty {
    sound: Arc<FakeEngine>,
    fault: Fault,
}

/// A command that always went well.
struct Successful(Box<dyn ExecSession>);

#[async_trait]
impl ExecSession for Successful {
    async fn read(&mut self) -> Result<Option<codemate_preview::engine::ExecOutput>> {
        self.0.read().await
    }

    async fn write(&mut self, bytes: bytes::Bytes) -> Result<()> {
        self.0.write(bytes).await
    }

    async fn resize(&mut self, columns: u16, rows: u16) -> Result<()> {
        self.0.resize(columns, rows).await
    }

    async fn exit_code(&mut self) -> Result<i64> {
        Ok(0)
    }
}

#[async_trait]
impl Engine for Faulty {
    fn capabilities(&self) -> Capabilities {
        self.sound.capabilities()
    }

    fn host(&self) -> Option<&dyn HostEngine> {
        self.sound.host()
    }

    async fn probe(&self) -> Result<EngineInfo> {
        self.sound.probe().await
    }

    async fn abilities(&self) -> Result<Abilities> {
        self.sound.abilities().await
    }

    async fn image(&self, image: &ImageRef) -> Result<Option<ImageInfo>> {
        self.sound.image(image).await
    }

    async fn images(&self) -> Result<Vec<ImageInfo>> {
        self.sound.images().await
    }

    async fn registry_answers(&self) -> Result<bool> {
        self.sound.registry_answers().await
    }

    async fn pull_image(
        &self,
        image: &ImageRef,
        progress: mpsc::Sender<BuildProgress>,
    ) -> Result<ImageInfo> {
        self.sound.pull_image(image, progress).await
    }

    async fn build_image(
        &self,
        build: BuildRequest,
        progress: mpsc::Sender<BuildProgress>,
    ) -> Result<ImageInfo> {
        self.sound.build_image(build, progress).await
    }

    async fn remove_image(&self, image: &ImageRef) -> Result<()> {
        self.sound.remove_image(image).await
    }

    async fn start(&self, spec: &Approved<ContainerSpec>) -> Result<()> {
        self.sound.start(spec).await
    }

    async fn remove(&self, id: &InstanceId, grace: Duration) -> Result<()> {
        self.sound.remove(id, grace).await
    }

    async fn remove_home(&self, volume: &str) -> Result<()> {
        self.sound.remove_home(volume).await
    }

    async fn home(&self, volume: &str) -> Result<Option<Home>> {
        self.sound.home(volume).await
    }

    async fn observe(&self, id: &InstanceId) -> Result<Observed> {
        if self.fault == Fault::SaysItRuns {
            return Ok(Observed::Running { generation: 1 });
        }
        self.sound.observe(id).await
    }

    async fn list_owned(&self) -> Result<Vec<Owned>> {
        let mut owned = self.sound.list_owned().await?;
        if self.fault == Fault::ListsNoHomes {
            owned.retain(|one| !matches!(one, Owned::Home { .. }));
        }
        Ok(owned)
    }

    async fn open_link(&self, id: &InstanceId) -> Result<BoxedIo> {
        self.sound.open_link(id).await
    }

    async fn exec(&self, id: &InstanceId, command: ExecSpec) -> Result<Box<dyn ExecSession>> {
        let session = self.sound.exec(id, command).await?;
        Ok(match self.fault {
            Fault::LosesCodes => Box::new(Successful(session)),
            _ => session,
        })
    }

    async fn logs(
        &self,
        id: &InstanceId,
        mut query: LogQuery,
    ) -> Result<BoxStream<'static, Result<LogLine>>> {
        if self.fault == Fault::IgnoresTail {
            query.tail = None;
        }
        self.sound.logs(id, query).await
    }

    async fn refusals(
        &self,
        id: &InstanceId,
        since: Option<Timestamp>,
    ) -> Result<BoxStream<'static, Result<EgressDenial>>> {
        self.sound.refusals(id, since).await
    }

    async fn usage(&self, id: &InstanceId) -> Result<Usage> {
        if self.fault == Fault::MeasuresSilently {
            return Ok(Usage {
                cpu_percent: 0.0,
                memory_bytes: 0,
                memory_limit_bytes: 0,
                processes: 0,
            });
        }
        self.sound.usage(id).await
    }
}

/// A trial, for any subject.
type Trial = fn(&dyn Subject) -> BoxFuture<'_, ()>;

/// Whether an engine with this fault gets through the trial.
async fn passes(fault: Fault, trial: Trial) -> bool {
    let mut subject = Fake::of(FakeEngine::new());
    let sound = subject.sound.clone();
    subject.engine = Arc::new(Faulty { sound, fault });
    let tried = AssertUnwindSafe(trial(&subject)).catch_unwind().await;
    tried.is_ok()
}

#[tokio::test]
async fn an_engine_with_one_fault_fails_the_trial_about_it() {
    let about: [(Fault, Trial); 5] = [
        (Fault::IgnoresTail, |subject| {
            Box::pin(logs::the_log_is_read_by_tail_and_since(subject))
        }),
        (Fault::ListsNoHomes, |subject| {
            Box::pin(containers::an_instance_is_made_seen_and_removed(subject))
        }),
        (Fault::MeasuresSilently, |subject| {
            Box::pin(streams::usage_is_measured(subject))
        }),
        (Fault::SaysItRuns, |subject| {
            Box::pin(streams::what_is_not_there_is_missing_or_done(subject))
        }),
        (Fault::LosesCodes, |subject| {
            Box::pin(commands::commands_tell_their_streams_and_codes(subject))
        }),
    ];
    for (fault, trial) in about {
        assert!(!passes(fault, trial).await, "{fault:?} is not noticed");
        assert!(
            passes(Fault::None, trial).await,
            "sound, and beside {fault:?}"
        );
    }
}
