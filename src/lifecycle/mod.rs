//! `Manager`: find, create, list and remove instances. Each is owned by a task of its own.

mod apart;
mod ask;
mod disk;
mod down;
mod edit;
mod env_files;
mod env_secrets;
mod error;
pub mod explain;
mod find;
mod follow;
#[cfg(test)]
mod fuzzed;
mod handle;
mod host_check;
mod hosts;
mod image;
mod install;
mod instance;
mod journal;
#[cfg(test)]
mod judged;
mod keep;
mod kept;
mod last_run;
mod live;
mod missing;
mod opened;
mod order;
mod prepare;
mod probe;
mod prober;
mod projects;
mod prune;
mod ready;
mod reconcile;
mod refusals;
mod registry;
mod remedy;
mod restart;
mod route;
mod rows;
mod rules;
mod seen;
mod share;
mod shares;
mod signs;
mod step;
mod survey;
mod tls_inside;
mod tunnel;
mod tunnels;
mod unused;
mod up;
mod variables;
mod wait;
mod why;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    config::ShareSettings,
    engine::Engine,
    gateway::{Activity, Entrances, Routes},
    model::{InstanceId, Name, OpenPort, TunnelChoice},
    project,
    security::{OwnerRules, Policy},
    source::supabase::Desk,
    store::{PastEvent, Record, Store},
    task::Scope,
    tunnel::{Notice, Tunnels},
};
use handle::Handle;
use instance::{Command, Epoch, Instance, State, UpJob};

pub use disk::Book as DiskBook;
pub use error::LifecycleError;
pub use image::{BaseImage, Images};
pub use journal::{Entry, Journal};
pub use order::{Starting, UpOrder};
pub use probe::Probed;
pub use projects::{FilesStatus, MOST_LEFT_OUT};
pub use prune::Waste;
pub use seen::Seen;
pub use share::Revoked;
pub use shares::{GivenLink, SharesOf};

/// What the host's owner decided, for every instance.
pub struct Settings {
    pub policy: Policy,
    pub config_dir: PathBuf,
    pub gateway_port: u16,
    /// For projects that say nothing about it.
    pub tunnel: Option<TunnelChoice>,
    pub share: ShareSettings,
    pub owners: OwnerRules,
    /// Whose volumes these are; part of their names, so that two agents with one project do not
    /// meet on one.
    pub owner: String,
}

/// What every instance shares.
pub struct House {
    pub engine: Arc<dyn Engine>,
    pub store: Arc<Store>,
    pub routes: Routes,
    pub entrances: Entrances,
    pub tunnels: Arc<Tunnels>,
    pub supabase: Arc<Desk>,
    pub images: Images,
    pub settings: Settings,
    /// What instances hold, as last seen.
    pub disk: Arc<DiskBook>,
    /// Told whenever a preview went down.
    pub went_down: Notify,
}

impl House {
    fn url(&self, name: &Name) -> String {
        format!("http://{name}.localhost:{}", self.settings.gateway_port)
    }

    /// That there is no public URL is told once on a host; other notices are about this URL.
    fn is_news(&self, notice: Notice) -> bool {
        match notice {
            // Told once more where it cannot be remembered.
            Notice::LocalOnly => self.store.is_first("local-only").unwrap_or(true),
            Notice::FreshUrl => true,
        }
    }
}

pub struct Manager {
    house: Arc<House>,
    scope: Scope,
    instances: Mutex<BTreeMap<InstanceId, Handle>>,
    /// Wakes [`Manager::keep`].
    poke: Arc<Notify>,
    /// Told whenever an instance comes.
    census: watch::Sender<()>,
}

impl Manager {
    pub fn new(house: House, scope: Scope) -> Self {
        Self {
            house: Arc::new(house),
            scope,
            instances: Mutex::default(),
            poke: Arc::default(),
            census: watch::Sender::new(()),
        }
    }

    /// Take up every recorded instance. They are listed at once and linked to one by one.
    pub fn take_up(&self) -> Result<(), LifecycleError> {
        let loaded = self.house.store.load_all()?;
        for unreadable in loaded.unreadable {
            tracing::error!(path = %unreadable.path.display(), reason = unreadable.reason, "a record is set aside");
        }
        for mut record in loaded.records {
            // No tunnel outlives its agent; whether the same URL comes back is not known yet.
            record.phase.hide_public();
            let past = match self.house.store.kept_events(&record.id) {
                Ok(past) => past,
                Err(error) => {
                    tracing::warn!(instance = %record.id, %error, "what happened is not known");
                    Vec::new()
                }
            };
            let handle = self.host(&mut self.lock(), record, past);
            handle
                .mailbox
                .try_send(Command::Adopt)
                .expect("a new mailbox has room");
        }
        Ok(())
    }

    /// Ask for an instance to be up. Its record is made when it is new.
    pub async fn up(&self, order: UpOrder) -> Result<Starting, LifecycleError> {
        let id = order.id();
        let handle = self.find_or_host(&id, &order)?;
        let cancel = handle.epoch.current().child_token();
        let (reply, outcome) = oneshot::channel();
        let (_, events) = handle.journal.follow();
        let job = Box::new(UpJob {
            options: order.options,
            env_flags: order.env_flags,
            rebuild: order.rebuild,
            share: self.share_wish(order.public, order.expires),
            expose: order.expose,
            unattended: false,
            cancel: cancel.clone(),
        });
        handle
            .mailbox
            .send(Command::Up { job, reply })
            .await
            .map_err(|_| LifecycleError::ShuttingDown)?;
        Ok(Starting {
            id,
            events,
            outcome,
            cancel,
        })
    }

    pub async fn restart(&self, asked: &str) -> Result<Starting, LifecycleError> {
        let (id, handle) = self.find(asked)?;
        let (reply, outcome) = oneshot::channel();
        let (_, events) = handle.journal.follow();
        let _ = handle.mailbox.send(Command::Restart { reply }).await;
        Ok(Starting {
            id,
            events,
            outcome,
            cancel: CancellationToken::new(),
        })
    }

    /// Take an instance down; with `purge`, its volume and its record too. Says whether it was up.
    pub async fn down(&self, asked: &str, purge: bool) -> Result<(Name, bool), LifecycleError> {
        let (id, handle) = self.find(asked)?;
        let name = handle.view.borrow().name.clone();
        handle.epoch.end();
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
        Ok(self.find(asked)?.1.view.borrow().clone())
    }

    /// The directory inside that an instance's commands are run in.
    pub fn workdir(record: &Record) -> String {
        project::workspace(record.plan.as_ref().map_or("", |plan| plan.root.as_str()))
    }

    pub fn journal(&self, asked: &str) -> Result<(InstanceId, Arc<Journal>), LifecycleError> {
        let (id, handle) = self.find(asked)?;
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
    pub fn census(&self) -> watch::Receiver<()> {
        self.census.subscribe()
    }

    pub fn images(&self) -> &Images {
        &self.house.images
    }

    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.house.engine
    }

    /// What something of a preview listens on.
    pub fn ports(&self, name: &Name) -> Vec<OpenPort> {
        self.house.routes.ports(name)
    }

    pub fn gateway_port(&self) -> u16 {
        self.house.settings.gateway_port
    }

    /// Start the task that owns an instance.
    fn host(
        &self,
        instances: &mut BTreeMap<InstanceId, Handle>,
        record: Record,
        past: Vec<PastEvent>,
    ) -> Handle {
        let (mailbox, commands) = mpsc::channel(16);
        let journal = Arc::new(Journal::of(past));
        let masking = variables::Masking::default();
        let epoch = Epoch::default();
        let (view_in, view) = watch::channel(record.clone());
        let (tunnel_view, tunnel) = watch::channel(None);
        let (rows_view, rows) = watch::channel(None);
        let id = record.id.clone();
        let sharing = self.sharing(&id);
        let activity = Activity::new();
        let instance = Instance {
            house: self.house.clone(),
            record,
            journal: journal.clone(),
            activity: activity.clone(),
            view: view_in,
            scope: self.scope.child(),
            door: watch::channel(route::Door::Opening).0,
            epoch: epoch.clone(),
            masking: masking.clone(),
            state: State::Down,
            way: tunnel::Way::default(),
            sharing: sharing.clone(),
            tunnel_view,
            keeper: None,
            rows_view,
            poke: self.poke.clone(),
        };
        self.scope.spawn(instance.run(commands));
        let handle = Handle {
            mailbox,
            view,
            tunnel,
            rows,
            activity,
            sharing,
            journal,
            masking,
            epoch,
        };
        instances.insert(id, handle.clone());
        self.census.send_replace(());
        handle
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<InstanceId, Handle>> {
        self.instances
            .lock()
            .expect("no holder of this lock panics")
    }
}
