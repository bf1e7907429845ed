//! `TokenRun`: one run of `cloudflared` as the end of our tunnel.

use std::{convert::Infallible, path::PathBuf, sync::Arc};

use super::connector::ConnectorState;
use crate::{
    config::CloudflareSettings,
    model::Secret,
    store::Store,
    task::Scope,
    tunnel::{
        Ledger, Programs, TunnelError, TunnelTiming,
        cloudflared::{self, Metrics, Readiness},
    },
};

/// What every run is made of.
#[derive(Clone)]
pub struct Parts {
    pub store: Arc<Store>,
    pub programs: Programs,
    pub settings: CloudflareSettings,
    pub timing: TunnelTiming,
    pub scope: Scope,
}

pub struct TokenRun {
    pub parts: Parts,
    pub program: PathBuf,
    pub ledger: Ledger,
    /// Goes into the program's environment and nowhere else.
    pub token: Secret,
}

impl TokenRun {
    /// Run it until it ends, and say why it did; `None` when it was stopped.
    pub async fn once(
        &self,
        until: &Scope,
        report: impl FnMut(ConnectorState),
    ) -> Option<TunnelError> {
        self.run(until, report).await.err()
    }

    async fn run(
        &self,
        until: &Scope,
        report: impl FnMut(ConnectorState),
    ) -> Result<(), TunnelError> {
        let metrics = Metrics::pick()?;
        let launch = cloudflared::launch(self.program.clone(), &self.parts.settings, metrics.addr)
            .arg("tunnel")
            .arg("--config")
            .arg(cloudflared::empty_config(&self.parts.store)?)
            .arg("run")
            .env("TUNNEL_TOKEN", self.token.reveal());
        let running = self.parts.programs.start(&self.ledger, launch).await?;
        tokio::select! {
            () = until.cancelled() => {
                running.end().await;
                Ok(())
            }
            () = running.ended() => {
                let mut ended = running.end().await;
                ended.last_lines = cloudflared::readable(&ended.last_lines);
                Err(ended.error())
            }
            never = self.watch(&metrics, report) => match never {},
        }
    }

    /// Being connected is what counts; being alive is not.
    async fn watch(&self, metrics: &Metrics, mut report: impl FnMut(ConnectorState)) -> Infallible {
        let mut was_ready = false;
        loop {
            match metrics.readiness().await {
                Readiness::Connected => {
                    was_ready = true;
                    report(ConnectorState::Ready);
                }
                Readiness::Unconnected | Readiness::Silent if was_ready => {
                    report(ConnectorState::Down {
                        why: "cloudflared has no connection to Cloudflare".to_owned(),
                    });
                }
                Readiness::Unconnected | Readiness::Silent => {}
            }
            let timing = &self.parts.timing;
            let pause = if was_ready {
                timing.looking
            } else {
                timing.asking
            };
            tokio::time::sleep(pause).await;
        }
    }
}
