//! `cloudflare`: names under the user's own domain, through the Cloudflare API.
//!
//! One tunnel and one `cloudflared` a host; one rule and one CNAME a preview. What is made is
//! first written down ([`remote_resources`]), so that whoever comes after a crash can take it away,
//! and an agent that starts again finds it and goes on with it.

mod account;
mod api;
mod api_error;
mod connector;
mod dns;
mod doctor;
mod ingress;
mod manager;
mod remote_resources;
mod site;
mod token_run;

use std::{convert::Infallible, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::{
    model::{InstanceId, PublicUrl, TunnelKind},
    store::TunnelRecord,
    tunnel::{
        Capabilities, Check, Programs, Provider, ReapOutcome, Report, Retry, Stop, Tools,
        TunnelError, TunnelSpec, Wanted, cloudflared,
    },
};
use connector::ConnectorState;
use manager::{JoinRequest, Membership, NamedTunnelManager};
use site::Site;
use token_run::Parts;

/// New names are served by Cloudflare's own resolvers at once; a look before that would make
/// others remember that there is nothing.
const SETTLE: Duration = Duration::from_secs(2);
/// `cloudflared` was seen to take 11 s to be back.
const HEAL: Duration = Duration::from_secs(90);

pub struct Cloudflare {
    tools: Tools,
    manager: NamedTunnelManager,
}

impl Cloudflare {
    pub fn new(tools: &Tools) -> Self {
        let parts = Parts {
            store: Arc::clone(&tools.store),
            programs: Programs::new(tools),
            settings: tools.settings.cloudflare.clone(),
            timing: tools.timing.clone(),
            scope: tools.scope.clone(),
        };
        Self {
            manager: NamedTunnelManager::new(tools.owner.clone(), parts),
            tools: tools.clone(),
        }
    }

    fn site(&self) -> Result<Site, TunnelError> {
        let credentials = &self.tools.credentials;
        let settings = &self.tools.settings.cloudflare;
        Site::new(settings, credentials, self.tools.ca_bundle.as_deref())
    }

    /// Make what is missing and follow how it is, until it is lost.
    async fn stay(
        &self,
        site: &Site,
        spec: &TunnelSpec,
        report: &Report,
        membership: &mut Membership,
    ) -> Result<Infallible, TunnelError> {
        let url = site.url(&spec.name)?;
        let program: PathBuf = cloudflared::find(&self.tools)?;
        let request = JoinRequest {
            spec,
            url: &url,
            program: &program,
        };
        let joined = self.manager.join(site, &request, membership).await?;
        let mut link = joined.link;
        ready(&mut link).await?;
        // Only now, so that no resolver ever sees the name without a tunnel behind it.
        let zone = site.zone(&site.account_zone, &self.tools.owner);
        let record = zone
            .point(url.host(), &joined.tunnel, &spec.id, &joined.known)
            .await?;
        self.manager.note_cname(&spec.id, &record).await?;
        follow(&mut link, &url, report).await
    }
}

#[async_trait]
impl Provider for Cloudflare {
    fn kind(&self) -> TunnelKind {
        TunnelKind::Cloudflare
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            stable_url: true,
            settle: SETTLE,
            heal: Some(HEAL),
        }
    }

    async fn check(&self, online: bool) -> Vec<Check> {
        doctor::check(&self.tools, online).await
    }

    async fn hold(&self, spec: TunnelSpec, report: Report, stop: Stop) -> Result<(), TunnelError> {
        let site = self.site()?;
        let mut membership = Membership::default();
        let error = tokio::select! {
            () = stop.asked() => None,
            lost = self.stay(&site, &spec, &report, &mut membership) => lost.err(),
        };
        let release = match &error {
            None => stop.releases(),
            // Nobody will try again, so nothing must be left.
            Some(error) => error.retry() == Retry::Never,
        };
        let left = self
            .manager
            .leave(&site, &spec.id, membership, release)
            .await;
        match (error, left) {
            (None, left) => left,
            (Some(error), left) => {
                if let Err(left) = left {
                    tracing::warn!(instance = %spec.id, error = %left, "something is left at Cloudflare");
                }
                Err(error)
            }
        }
    }

    async fn release(&self, id: &InstanceId) -> Result<(), TunnelError> {
        self.manager.release(&|| self.site(), id).await
    }

    async fn reap(
        &self,
        left: &TunnelRecord,
        wanted: Wanted<'_>,
    ) -> Result<ReapOutcome, TunnelError> {
        self.manager.reap(&|| self.site(), left, wanted).await
    }
}

/// Wait until the program is connected for the first time.
async fn ready(link: &mut watch::Receiver<ConnectorState>) -> Result<(), TunnelError> {
    let settled = link
        .wait_for(|link| matches!(link, ConnectorState::Ready | ConnectorState::Over(_)))
        .await
        .map_err(|_| ended())?;
    match &*settled {
        ConnectorState::Over(error) => Err(again(error)),
        _ => Ok(()),
    }
}

async fn follow(
    link: &mut watch::Receiver<ConnectorState>,
    url: &PublicUrl,
    report: &Report,
) -> Result<Infallible, TunnelError> {
    // It has been ready, even if it is not right now.
    report.up(url);
    loop {
        match &*link.borrow_and_update() {
            ConnectorState::Opening => {}
            ConnectorState::Ready => report.up(url),
            ConnectorState::Down { why } => report.down(why),
            ConnectorState::Over(error) => return Err(again(error)),
        }
        link.changed().await.map_err(|_| ended())?;
    }
}

/// The program's end, for each of those who held it.
fn again(error: &TunnelError) -> TunnelError {
    match error {
        TunnelError::ProgramMissing { program, hint } => TunnelError::ProgramMissing {
            program: program.clone(),
            hint,
        },
        TunnelError::ProgramUnusable { program, why } => TunnelError::ProgramUnusable {
            program: program.clone(),
            why: why.clone(),
        },
        TunnelError::ProgramEnded {
            program,
            how,
            last_lines,
        } => TunnelError::ProgramEnded {
            program: program.clone(),
            how: how.clone(),
            last_lines: last_lines.clone(),
        },
        TunnelError::Lost { why } => TunnelError::Lost { why: why.clone() },
        other => TunnelError::Lost {
            why: other.to_string(),
        },
    }
}

fn ended() -> TunnelError {
    TunnelError::Lost {
        why: "cloudflared was stopped".to_owned(),
    }
}
