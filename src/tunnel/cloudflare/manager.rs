//! `NamedTunnelManager`: what the previews of this host share at Cloudflare, one change at a time:
//! the tunnel, its rules, its program, and the record of it all.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Weak},
};

use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

use super::{
    connector::{Connector, ConnectorState},
    ingress::{IngressRule, IngressRules},
    remote_resources::RemoteResources,
    site::{AccountZone, Site},
    token_run::{Parts, TokenRun},
};
use crate::{
    model::{InstanceId, PublicUrl},
    store::TunnelRecord,
    tunnel::{ReapOutcome, TunnelError, TunnelSpec, Wanted},
};

pub struct NamedTunnelManager {
    owner: String,
    parts: Parts,
    shared: Mutex<Shared>,
}

struct Shared {
    resources: RemoteResources,
    /// Who holds a preview now. A hold that was dropped is known by its dead end here.
    members: BTreeMap<InstanceId, Weak<()>>,
    /// Of those who hold.
    rules: IngressRules,
    /// The tunnel, and the rules that it is known to have. Nothing is known of it while no program
    /// of ours serves it.
    known: Option<(String, IngressRules)>,
    connector: Weak<Connector>,
    /// Of the last connector, which may outlive it for a moment.
    ended: CancellationToken,
}

/// Why there is no tunnel with the rules that are wanted.
enum ConfigureError {
    /// It was there before, and someone deleted it.
    Gone,
    Failed(TunnelError),
}

/// One hold's place here.
#[derive(Default)]
pub struct Membership {
    alive: Arc<()>,
    pub connector: Option<Arc<Connector>>,
}

/// The settings, if they are needed.
pub type ReadSite<'a> = &'a (dyn Fn() -> Result<Site, TunnelError> + Send + Sync);

/// A preview that wants to be found.
pub struct JoinRequest<'a> {
    pub spec: &'a TunnelSpec,
    pub url: &'a PublicUrl,
    /// `cloudflared`
    pub program: &'a Path,
}

/// What a preview needs to be found.
pub struct JoinedTunnel {
    pub tunnel: String,
    pub link: watch::Receiver<ConnectorState>,
    /// Instances whose names are not for the taking.
    pub known: Vec<InstanceId>,
}

impl NamedTunnelManager {
    pub fn new(owner: String, parts: Parts) -> Self {
        let resources = RemoteResources::new(Arc::clone(&parts.store), parts.programs.clone());
        let none_before = CancellationToken::new();
        none_before.cancel();
        Self {
            owner,
            parts,
            shared: Mutex::new(Shared {
                resources,
                members: BTreeMap::new(),
                rules: IngressRules::default(),
                known: None,
                connector: Weak::new(),
                ended: none_before,
            }),
        }
    }

    /// Names the tunnel. Nobody else has the owner's digits.
    pub fn tunnel_name(&self) -> String {
        format!("codemate-{}", self.owner)
    }

    /// Have the tunnel lead to this preview too, and a program that serves it.
    pub async fn join(
        &self,
        site: &Site,
        request: &JoinRequest<'_>,
        membership: &mut Membership,
    ) -> Result<JoinedTunnel, TunnelError> {
        let mut shared = self.shared.lock().await;
        shared.resources.open().await?;
        let JoinRequest { spec, url, program } = *request;
        self.move_to(&mut shared, site, spec, url).await?;
        shared.settle();
        shared
            .members
            .insert(spec.id.clone(), Arc::downgrade(&membership.alive));
        let rule = IngressRule {
            host: url.host().to_owned(),
            target: spec.target,
        };
        shared.rules.set(spec.id.clone(), rule);
        let tunnel = match self.configure(&mut shared, site).await {
            Err(ConfigureError::Gone) => {
                // Its program has nothing to serve any more, and those who hold it begin anew.
                if let Some(connector) = shared.connector.upgrade() {
                    connector.give_up("it was deleted at Cloudflare");
                }
                shared.connector = Weak::new();
                self.configure(&mut shared, site).await
            }
            done => done,
        };
        let tunnel = tunnel.map_err(|undone| match undone {
            ConfigureError::Failed(error) => error,
            ConfigureError::Gone => TunnelError::Lost {
                why: "it is deleted at Cloudflare again and again".to_owned(),
            },
        })?;
        let connector = self.connector(&mut shared, site, &tunnel, program).await?;
        let link = connector.link();
        membership.connector = Some(connector);
        Ok(JoinedTunnel {
            tunnel,
            link,
            known: shared.resources.instances(),
        })
    }

    /// The name leads to the tunnel.
    pub async fn note_cname(&self, instance: &InstanceId, record: &str) -> Result<(), TunnelError> {
        let shared = self.shared.lock().await;
        shared.resources.note_cname(instance, record).await
    }

    /// Give the membership back; with `release`, and all that was made for the preview.
    pub async fn leave(
        &self,
        site: &Site,
        instance: &InstanceId,
        membership: Membership,
        release: bool,
    ) -> Result<(), TunnelError> {
        let mut shared = self.shared.lock().await;
        let ours = Arc::downgrade(&membership.alive);
        let is_ours = |membership: &Weak<()>| membership.ptr_eq(&ours);
        let replaced = shared
            .members
            .get(instance)
            .is_some_and(|membership| !is_ours(membership));
        if !replaced {
            shared.members.remove(instance);
        }
        // First, for it needs nobody's answer, and with it the preview is out of reach.
        if let Some(last) = membership.connector.and_then(Arc::into_inner) {
            last.end().await;
        }
        shared.settle();
        if release && !replaced {
            // An earlier agent may have made some of it, and this hold may not have come so far.
            shared.resources.open().await?;
            self.clear(&mut shared, site, instance).await?;
            self.finish(&mut shared, site).await?;
        }
        Ok(())
    }

    /// Take away what is left for an instance that nobody holds.
    pub async fn release(&self, site: ReadSite<'_>, id: &InstanceId) -> Result<(), TunnelError> {
        let mut shared = self.shared.lock().await;
        shared.resources.open().await?;
        let concerns = shared.resources.instances().contains(id);
        if !concerns || shared.holds(id) {
            return Ok(());
        }
        let site = site()?;
        self.clear(&mut shared, &site, id).await?;
        self.finish(&mut shared, &site).await
    }

    /// Take away what is left for all instances that nobody holds and nobody will. If there are
    /// none, nobody is asked anything.
    pub async fn reap(
        &self,
        site: ReadSite<'_>,
        left: &TunnelRecord,
        wanted: Wanted<'_>,
    ) -> Result<ReapOutcome, TunnelError> {
        let mut shared = self.shared.lock().await;
        shared.resources.open().await?;
        shared.resources.adopt(left).await?;
        let (stay, go): (Vec<InstanceId>, Vec<InstanceId>) = shared
            .resources
            .instances()
            .into_iter()
            .partition(|id| wanted(id) || shared.holds(id));
        if stay.is_empty() || !go.is_empty() {
            let site = site()?;
            for id in &go {
                self.clear(&mut shared, &site, id).await?;
            }
            self.finish(&mut shared, &site).await?;
        }
        Ok(ReapOutcome::HandledByProvider)
    }

    /// Write down what is about to be made. What was made for other settings goes first.
    async fn move_to(
        &self,
        shared: &mut Shared,
        site: &Site,
        spec: &TunnelSpec,
        url: &PublicUrl,
    ) -> Result<(), TunnelError> {
        if shared
            .resources
            .account_zone()
            .is_some_and(|old| old != site.account_zone)
            && let Err(error) = self.leave_site(shared, site).await
        {
            // The token need not be good for what earlier settings named.
            let (tunnel, instances) = (shared.resources.tunnel(), shared.resources.instances());
            tracing::warn!(%error, ?tunnel, ?instances, "something is left where previews were");
            shared.resources.close().await?;
        }
        let renamed = shared
            .resources
            .host(&spec.id)
            .is_some_and(|old| old != url.host());
        if renamed {
            self.clear(shared, site, &spec.id).await?;
        }
        shared
            .resources
            .intend(&site.account_zone, &spec.id, url.host())
            .await
    }

    async fn leave_site(&self, shared: &mut Shared, site: &Site) -> Result<(), TunnelError> {
        for instance in shared.resources.instances() {
            self.clear(shared, site, &instance).await?;
        }
        self.finish(shared, site).await
    }

    /// Have the tunnel, with the rules that are wanted.
    async fn configure(&self, shared: &mut Shared, site: &Site) -> Result<String, ConfigureError> {
        let account = site.account(&site.account_zone);
        let known = shared.known.take();
        let tunnel = match &known {
            Some((tunnel, rules)) if *rules == shared.rules => {
                let tunnel = tunnel.clone();
                shared.known = known;
                return Ok(tunnel);
            }
            Some((tunnel, _)) => tunnel.clone(),
            None => {
                let tunnel = account.find_or_make(&self.tunnel_name()).await?;
                shared.resources.note_tunnel(&tunnel).await?;
                tunnel
            }
        };
        match account.configure(&tunnel, &shared.rules).await {
            Ok(()) => {}
            Err(error) if error.is_absent() && known.is_some() => return Err(ConfigureError::Gone),
            Err(error) => return Err(TunnelError::from(error).into()),
        }
        shared.known = Some((tunnel.clone(), shared.rules.clone()));
        Ok(tunnel)
    }

    /// The program that runs, or a new one.
    async fn connector(
        &self,
        shared: &mut Shared,
        site: &Site,
        tunnel: &str,
        program: &Path,
    ) -> Result<Arc<Connector>, TunnelError> {
        if let Some(connector) = shared.connector.upgrade()
            && !connector.is_over()
        {
            return Ok(connector);
        }
        let token = site.account(&site.account_zone).token(tunnel).await?;
        // Programs of one record carry one mark, by which the last of an older one are ended.
        shared.ended.cancelled().await;
        let run = TokenRun {
            parts: self.parts.clone(),
            program: program.to_owned(),
            ledger: shared.resources.ledger().await?,
            token,
        };
        let connector = Arc::new(Connector::start(run, &self.parts.scope));
        shared.ended = connector.ended();
        shared.connector = Arc::downgrade(&connector);
        Ok(connector)
    }

    /// Take away the name and the rule of an instance, and then its line in the record.
    async fn clear(
        &self,
        shared: &mut Shared,
        site: &Site,
        instance: &InstanceId,
    ) -> Result<(), TunnelError> {
        let account_zone = shared
            .resources
            .account_zone()
            .unwrap_or_else(|| site.account_zone.clone());
        let zone = site.zone(&account_zone, &self.owner);
        if let Some(record) = shared.resources.cname(instance) {
            zone.delete(&record, instance).await?;
        } else if let Some(host) = shared.resources.host(instance) {
            // It may have been made by a request whose answer never came.
            zone.clear(&host, instance).await?;
        }
        shared.rules.remove(instance);
        shared.settle();
        if let Some((tunnel, rules)) = &shared.known
            && *rules != shared.rules
            && !shared.members.is_empty()
        {
            let account = site.account(&account_zone);
            match account.configure(tunnel, &shared.rules).await {
                Err(error) if !error.is_absent() => return Err(error.into()),
                _ => shared.known = Some((tunnel.clone(), shared.rules.clone())),
            }
        }
        shared.resources.forget(instance).await
    }

    /// Delete the tunnel if it is nobody's any more.
    async fn finish(&self, shared: &mut Shared, site: &Site) -> Result<(), TunnelError> {
        let in_use =
            !shared.resources.instances().is_empty() || shared.connector.strong_count() > 0;
        if in_use || !shared.resources.is_begun() {
            return Ok(());
        }
        let account_zone: AccountZone = shared
            .resources
            .account_zone()
            .unwrap_or_else(|| site.account_zone.clone());
        let account = site.account(&account_zone);
        let tunnel = match shared.resources.tunnel() {
            Some(tunnel) => Some(tunnel),
            None => account.find(&self.tunnel_name()).await?,
        };
        if let Some(tunnel) = tunnel {
            account.delete(&tunnel).await?;
        }
        shared.known = None;
        shared.resources.close().await
    }
}

impl Shared {
    fn holds(&self, instance: &InstanceId) -> bool {
        self.members
            .get(instance)
            .is_some_and(|membership| membership.strong_count() > 0)
    }

    /// Notice the holds that were dropped.
    fn settle(&mut self) {
        self.members
            .retain(|_, membership| membership.strong_count() > 0);
        let members = &self.members;
        self.rules.retain(|instance| members.contains_key(instance));
        if self.connector.strong_count() == 0 {
            self.known = None;
        }
    }
}

impl<E: Into<TunnelError>> From<E> for ConfigureError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}
