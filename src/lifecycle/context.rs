//! `Context`: what every instance of an agent shares.

use std::{path::PathBuf, sync::Arc};

use tokio::sync::Notify;

use super::{host::images::Images, instance::disk::DiskUsageTable};
use crate::{
    config::{CredentialRegistry, ShareSettings},
    engine::{Engine, HostEngine},
    gateway::{PublicListeners, Routes},
    model::{ImageRef, Name, TunnelChoice},
    security::{OwnerRules, Policy},
    source::Sources,
    store::Store,
    tunnel::{Notice, Tunnels},
};

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
pub struct Context {
    pub engine: Arc<dyn Engine>,
    pub store: Arc<Store>,
    pub routes: Routes,
    pub public_listeners: PublicListeners,
    pub tunnels: Arc<Tunnels>,
    /// What is known of providers' credentials.
    pub credentials: CredentialRegistry,
    pub sources: Sources,
    pub images: Images,
    pub settings: Settings,
    /// What instances hold, as last seen.
    pub disk: Arc<DiskUsageTable>,
    /// Notified whenever a preview went down.
    pub went_down: Notify,
}

impl Context {
    /// Images that every start takes, besides the instance's own.
    pub(super) fn engine_images(&self) -> Vec<ImageRef> {
        self.engine
            .host()
            .map(HostEngine::needs)
            .unwrap_or_default()
    }

    pub(super) fn url(&self, name: &Name) -> String {
        format!("http://{name}.localhost:{}", self.settings.gateway_port)
    }

    /// That there is no public URL is reported once on a host; other notices are about this URL.
    pub(super) fn is_new_notice(&self, notice: Notice) -> bool {
        match notice {
            // Reported once more where it cannot be remembered.
            Notice::LocalOnly => self.store.is_first("local-only").unwrap_or(true),
            Notice::FreshUrl => true,
        }
    }
}
