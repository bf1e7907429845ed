//! Tunnels: how the world comes in. A [`Provider`] each kind; one supervisor for all of them.

mod backoff;
mod choice;
mod cloudflare;
mod cloudflare_quick;
mod cloudflared;
mod command_tunnel;
mod credentials;
mod endpoint;
mod error;
mod ngrok;
mod program;
mod provider;
mod reaper;
mod ssh;
mod static_tunnel;
mod supervisor;
mod timing;
mod url_template;
mod verifier;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use tokio::sync::watch;

use crate::{
    config::{CredentialRegistry, Inherited, TunnelSettings},
    model::{InstanceId, Name, TunnelChoice, TunnelKind, TunnelState},
    store::Store,
    task::Scope,
};
use reaper::Reaper;
use supervisor::Supervisor;

pub use choice::{Notice, ResolvedChoice};
pub use cloudflare::Cloudflare;
pub use cloudflare_quick::CloudflareQuick;
pub use command_tunnel::CommandTunnel;
pub use endpoint::{Challenge, TunnelEndpoint};
pub use error::{Retry, TunnelError};
pub use ngrok::Ngrok;
pub use program::{Launch, Ledger, ProgramExit, Programs, Running, die_with_parent, find};
pub use provider::{
    Capabilities, Check, Connection, Provider, ReapOutcome, Report, Stop, TunnelSpec, Verdict,
    Wanted,
};
pub use ssh::{Ssh, Timing as SshTiming};
pub use static_tunnel::StaticTunnel;
pub use timing::TunnelTiming;
pub use verifier::Verifier;

/// What providers are made of.
#[derive(Clone)]
pub struct Tools {
    pub settings: TunnelSettings,
    pub credentials: CredentialRegistry,
    pub store: Arc<Store>,
    /// As in `Store::owner`; part of the names of what is made at providers.
    pub owner: String,
    /// Where programs are looked for.
    pub path: Option<std::ffi::OsString>,
    pub home: Option<PathBuf>,
    /// Trusted beside the system's authorities.
    pub ca_bundle: Option<PathBuf>,
    /// What programs see of our environment.
    pub inherited: Inherited,
    /// Our own program, or one that does the same with `tether <pid> -- <program> …`: see
    /// [`die_with_parent`]. [`OURSELVES`] unless a test has another.
    pub wrapper: PathBuf,
    pub timing: TunnelTiming,
    pub scope: Scope,
}

/// The program that runs, whatever was put at its path since.
pub const OURSELVES: &str = "/proc/self/exe";

/// Every kind of tunnel, and the ones that are open.
pub struct Tunnels {
    providers: Arc<BTreeMap<TunnelKind, Arc<dyn Provider>>>,
    reaper: Arc<Reaper>,
    verifier: Verifier,
    tools: Tools,
}

impl Tunnels {
    pub fn new(tools: &Tools) -> Result<Self, TunnelError> {
        let providers: Vec<Arc<dyn Provider>> = vec![
            Arc::new(Cloudflare::new(tools)),
            Arc::new(CloudflareQuick::new(tools)),
            Arc::new(CommandTunnel::new(tools)),
            Arc::new(StaticTunnel::new(tools.settings.fixed.clone())),
            Arc::new(Ngrok::new(tools)),
            Arc::new(Ssh::new(TunnelKind::Ssh, tools)),
            Arc::new(Ssh::new(TunnelKind::LocalhostRun, tools)),
            Arc::new(Ssh::new(TunnelKind::Pinggy, tools)),
        ];
        let verifier = Verifier::new(&tools.settings.resolve, tools.ca_bundle.as_deref())?
            .patience(tools.timing.verifying);
        Ok(Self::of(providers, verifier, tools))
    }

    /// These kinds and no others.
    pub fn of(providers: Vec<Arc<dyn Provider>>, verifier: Verifier, tools: &Tools) -> Self {
        let providers: Arc<BTreeMap<_, _>> = Arc::new(
            providers
                .into_iter()
                .map(|provider| (provider.kind(), provider))
                .collect(),
        );
        Self {
            reaper: Arc::new(Reaper::new(Arc::clone(&providers), tools)),
            providers,
            verifier,
            tools: tools.clone(),
        }
    }

    /// The kind that a user's choice comes to here. It looks for programs on the disk.
    pub fn choose(&self, choice: Option<TunnelChoice>) -> ResolvedChoice {
        choice::choose(choice, &self.tools)
    }

    /// Take away what an agent that was killed left: processes, what is at providers, records.
    /// Done once; tunnels are opened after it. Says which records stay.
    pub async fn reap(&self) -> Vec<String> {
        self.reaper.reap().await.to_vec()
    }

    /// Have nothing left at providers of an instance whose tunnel is not open: an earlier agent
    /// may have had it open, and this one never did.
    pub async fn release(&self, id: &InstanceId) -> Result<(), TunnelError> {
        for provider in self.providers.values() {
            provider.release(id).await?;
        }
        Ok(())
    }

    /// The port on 127.0.0.1 that visitors of this kind have to be taken at, if it matters.
    pub fn port(&self, kind: TunnelKind) -> Option<u16> {
        self.providers
            .get(&kind)
            .and_then(|provider| provider.port())
    }

    /// Open a tunnel and keep it open.
    pub fn open(&self, kind: TunnelKind, visit: TunnelTarget) -> Result<Tunnel, TunnelError> {
        let provider = self
            .providers
            .get(&kind)
            .ok_or_else(|| TunnelError::Settings {
                what: format!("there is no tunnel `{kind}` in this version"),
                hint: "choose another with `--tunnel`".to_owned(),
            })?;
        let scope = self.tools.scope.child();
        let (state, states) = watch::channel(TunnelState::Opening);
        let stop = Stop::new(scope.token());
        let supervisor = Supervisor {
            provider: Arc::clone(provider),
            spec: TunnelSpec {
                id: visit.id,
                name: visit.name,
                target: visit.target,
                generation: 0,
            },
            endpoint: visit.endpoint,
            verifier: self.verifier.clone(),
            state,
            stop: stop.clone(),
        };
        let (reaper, stopped) = (Arc::clone(&self.reaper), stop.clone());
        let task = scope.spawn(async move {
            tokio::select! {
                () = stopped.asked() => return,
                _ = reaper.reap() => {}
            }
            supervisor.run().await;
        });
        Ok(Tunnel {
            kind,
            states,
            stop,
            task,
        })
    }

    /// What each kind needs and whether it is there.
    pub async fn check(&self, kind: Option<TunnelKind>, online: bool) -> Vec<Check> {
        let mut checks = Vec::new();
        for provider in self.providers.values() {
            if kind.is_none_or(|kind| kind == provider.kind()) {
                checks.extend(provider.check(online).await);
            }
        }
        checks
    }
}

/// Whom a tunnel leads to.
pub struct TunnelTarget {
    pub id: InstanceId,
    pub name: Name,
    pub target: std::net::SocketAddr,
    pub endpoint: Arc<dyn TunnelEndpoint>,
}

/// One tunnel that is kept open. Dropped, it ends, and the next agent may go on with it.
pub struct Tunnel {
    pub kind: TunnelKind,
    pub states: watch::Receiver<TunnelState>,
    stop: Stop,
    task: tokio::task::JoinHandle<()>,
}

impl Tunnel {
    /// Close it for good, and wait until nothing of it is left.
    pub async fn close(mut self) {
        self.stop.close_and_release();
        let _ = (&mut self.task).await;
    }

    /// End it and wait for that. What is at the provider stays for the one that comes after.
    pub async fn end(mut self) {
        self.stop.close();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.stop.close();
    }
}
