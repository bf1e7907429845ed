//! `Manager`: look up, create, list and remove instances. Each is owned by a task of its own.

mod files;
pub(super) mod handle;
mod lookup;
mod prune;
mod share;
mod start_request;
mod tunnel;
mod wait;

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::{
    Context, LifecycleError,
    host::images::Images,
    instance::{
        AttemptToken, Command, Instance, UpJob, environment::variables::Masking,
        events::journal::Journal, publish::InstanceState, tunnel_slot::TunnelSlot,
        upstream::Upstream,
    },
};
use crate::{
    engine::Engine,
    gateway::Activity,
    model::{InstanceId, Name, OpenPort},
    project,
    store::{PastEvent, Record},
    task::Scope,
};
use handle::Handle;

pub use files::{FilesStatus, MOST_LEFT_OUT};
pub use prune::PruneItem;
pub use share::{CreatedLink, InstanceShares};
pub use start_request::{PendingStart, StartRequest};

pub struct Manager {
    pub(in crate::lifecycle) context: Arc<Context>,
    pub(in crate::lifecycle) scope: Scope,
    pub(in crate::lifecycle) instances: Mutex<BTreeMap<InstanceId, Handle>>,
    /// Wakes [`Manager::run_maintenance`].
    pub(in crate::lifecycle) maintenance_wake: Arc<Notify>,
    /// Notified whenever an instance is added.
    pub(in crate::lifecycle) instances_changed: watch::Sender<()>,
}

impl Manager {
    pub fn new(context: Context, scope: Scope) -> Self {
        Self {
            context: Arc::new(context),
            scope,
            instances: Mutex::default(),
            maintenance_wake: Arc::default(),
            instances_changed: watch::Sender::new(()),
        }
    }

    /// Take up every recorded instance. They are listed at once and linked to one by one.
    pub fn adopt_recorded(&self) -> Result<(), LifecycleError> {
        let loaded = self.context.store.load_all()?;
        for unreadable in loaded.unreadable {
            tracing::error!(path = %unreadable.path.display(), reason = unreadable.reason, "a record is set aside");
        }
        for mut record in loaded.records {
            // No tunnel outlives its agent; whether the same URL comes back is not known yet.
            record.phase.hide_public();
            let past = match self.context.store.kept_events(&record.id) {
                Ok(past) => past,
                Err(error) => {
                    tracing::warn!(instance = %record.id, %error, "what happened is not known");
                    Vec::new()
                }
            };
            let handle = self.spawn_instance(&mut self.lock(), record, past);
            handle
                .mailbox
                .try_send(Command::Adopt)
                .expect("a new mailbox has room");
        }
        Ok(())
    }

    /// Ask for an instance to be up. Its record is made when it is new.
    pub async fn up(&self, request: StartRequest) -> Result<PendingStart, LifecycleError> {
        let id = request.id();
        let handle = self.find_or_spawn(&id, &request)?;
        let cancel = handle.attempt.current().child_token();
        let (reply, outcome) = oneshot::channel();
        let (_, events) = handle.journal.follow();
        let job = Box::new(UpJob {
            options: request.options,
            env_flags: request.env_flags,
            rebuild: request.rebuild,
            share: self.share_request(request.public, request.expires),
            expose: request.expose,
            unattended: false,
            cancel: cancel.clone(),
        });
        handle
            .mailbox
            .send(Command::Up { job, reply })
            .await
            .map_err(|_| LifecycleError::ShuttingDown)?;
        Ok(PendingStart {
            id,
            events,
            outcome,
            cancel,
        })
    }

    pub async fn restart(&self, asked: &str) -> Result<PendingStart, LifecycleError> {
        let (id, handle) = self.lookup(asked)?;
        let (reply, outcome) = oneshot::channel();
        let (_, events) = handle.journal.follow();
        let _ = handle.mailbox.send(Command::Restart { reply }).await;
        Ok(PendingStart {
            id,
            events,
            outcome,
            cancel: CancellationToken::new(),
        })
    }

    /// Take an instance down; with `purge`, its volume and its record too. Says whether it was up.
    pub async fn down(&self, asked: &str, purge: bool) -> Result<(Name, bool), LifecycleError> {
        let (id, handle) = self.lookup(asked)?;
        let name = handle.view.borrow().name.clone();
        handle.attempt.end();
        let (reply, done) = oneshot::channel();
        handle
            .mailbox
            .send(Command::Down { purge, reply })
            .await
            .map_err(|_| LifecycleError::ShuttingDown)?;
        let was_up = done.await.map_err(|_| LifecycleError::ShuttingDown)??;
        if purge {
            self.lock().remove(&id);
        }
        Ok((name, was_up))
    }

    /// Every instance, by name.
    pub fn list(&self) -> Vec<Record> {
        let mut all: Vec<Record> = self
            .lock()
            .values()
            .filter(|handle| handle.exists())
            .map(|handle| handle.view.borrow().clone())
            .collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    pub fn show(&self, asked: &str) -> Result<Record, LifecycleError> {
        Ok(self.lookup(asked)?.1.view.borrow().clone())
    }

    /// The directory inside that an instance's commands are run in.
    pub fn workdir(record: &Record) -> String {
        project::workspace(record.plan.as_ref().map_or("", |plan| plan.root.as_str()))
    }

    pub fn journal(&self, asked: &str) -> Result<(InstanceId, Arc<Journal>), LifecycleError> {
        let (id, handle) = self.lookup(asked)?;
        Ok((id, handle.journal))
    }

    /// Every instance's journal.
    pub fn journals(&self) -> Vec<(InstanceId, Arc<Journal>)> {
        self.lock()
            .iter()
            .map(|(id, handle)| (id.clone(), handle.journal.clone()))
            .collect()
    }

    /// Changes whenever an instance comes that was not there.
    pub fn instances_changed(&self) -> watch::Receiver<()> {
        self.instances_changed.subscribe()
    }

    pub fn images(&self) -> &Images {
        &self.context.images
    }

    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.context.engine
    }

    /// What something of a preview listens on.
    pub fn ports(&self, name: &Name) -> Vec<OpenPort> {
        self.context.routes.ports(name)
    }

    pub fn gateway_port(&self) -> u16 {
        self.context.settings.gateway_port
    }

    /// Start the task that owns an instance.
    pub(in crate::lifecycle) fn spawn_instance(
        &self,
        instances: &mut BTreeMap<InstanceId, Handle>,
        record: Record,
        past: Vec<PastEvent>,
    ) -> Handle {
        let (mailbox, commands) = mpsc::channel(16);
        // Of no request, since it outlives the one that makes it; and never filtered away.
        let span =
            tracing::error_span!(parent: None, "instance", preview = %record.name, id = %record.id);
        let journal = Arc::new(Journal::of(past, span.clone()));
        let masking = Masking::default();
        let attempt = AttemptToken::default();
        let (view_in, view) = watch::channel(record.clone());
        let (tunnel_view, tunnel) = watch::channel(None);
        let id = record.id.clone();
        let sharing = self.sharing(&id);
        let activity = Activity::new();
        let scope = self.scope.child();
        let source = self.source_of(&record, &scope);
        let instance = Instance {
            context: self.context.clone(),
            state: InstanceState::recorded(&record),
            record,
            journal: journal.clone(),
            activity: activity.clone(),
            view: view_in,
            scope,
            upstream: watch::channel(Upstream::Starting).0,
            attempt: attempt.clone(),
            masking: masking.clone(),
            tunnel_slot: TunnelSlot::default(),
            sharing: sharing.clone(),
            tunnel_view,
            source: source.clone(),
            maintenance_wake: self.maintenance_wake.clone(),
        };
        self.scope.spawn(instance.run(commands).instrument(span));
        let handle = Handle {
            mailbox,
            view,
            tunnel,
            source,
            activity,
            sharing,
            journal,
            masking,
            attempt,
        };
        instances.insert(id, handle.clone());
        self.instances_changed.send_replace(());
        handle
    }

    pub(in crate::lifecycle) fn lock(
        &self,
    ) -> parking_lot::MutexGuard<'_, BTreeMap<InstanceId, Handle>> {
        self.instances.lock()
    }
}
