//! `cloudflare-quick`: a fresh `trycloudflare.com` address, by the `cloudflared` of this host.
//!
//! It prints its URL before it is connected, and where its first protocol does not get through it
//! never tries the other. So its word is taken over its metrics endpoint only, and it is started
//! anew with the other protocol before any URL is reported.

mod limiter;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::{sleep, timeout};

use crate::{
    http_client::{self, innermost},
    model::{PublicUrl, TunnelKind},
    tunnel::{
        Capabilities, Check, Ledger, Programs, Provider, Report, Stop, Tools, TunnelError,
        TunnelSpec, Verdict,
        cloudflared::{self, Metrics, Readiness},
    },
};
use limiter::{AskPermit, Limiter};

/// Where quick tunnels are asked for.
const SERVICE: &str = "https://api.trycloudflare.com";
/// How long the edge may be gone before a fresh address is the lesser evil. It was seen to be
/// found again within 11 s.
const HEAL: Duration = Duration::from_secs(90);
/// How long the service may take to answer `doctor`.
const REACHING: Duration = Duration::from_secs(10);
const BY: &str = "Cloudflare";

pub struct CloudflareQuick {
    tools: Tools,
    programs: Programs,
    limiter: Limiter,
    /// HTTP/2 got through where QUIC did not.
    http2: AtomicBool,
}

/// How it is to reach the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    /// Its own choice, which is QUIC.
    Own,
    Http2,
}

/// Why one program is not followed any more.
enum RunEnd {
    Stopped,
    Ended,
    Unconnected,
}

/// One attempt.
struct Attempt<'a> {
    spec: &'a TunnelSpec,
    report: &'a Report,
    stop: &'a Stop,
    ledger: &'a Ledger,
    permit: &'a AskPermit,
}

impl CloudflareQuick {
    pub fn new(tools: &Tools) -> Self {
        Self {
            tools: tools.clone(),
            programs: Programs::new(tools),
            limiter: Limiter::new(&tools.timing),
            http2: AtomicBool::new(false),
        }
    }

    /// What got through last comes first.
    fn protocols(&self) -> [Protocol; 2] {
        if self.http2.load(Ordering::Relaxed) {
            [Protocol::Http2, Protocol::Own]
        } else {
            [Protocol::Own, Protocol::Http2]
        }
    }

    async fn attempt(&self, attempt: &Attempt<'_>) -> Result<(), TunnelError> {
        for protocol in self.protocols() {
            match self.run(attempt, protocol).await? {
                RunEnd::Unconnected => tracing::info!(
                    instance = %attempt.spec.id, ?protocol, "cloudflared finds no way to the edge"
                ),
                _ => return Ok(()),
            }
        }
        Err(TunnelError::TimedOut {
            what: "connecting `cloudflared` to the edge, by QUIC and by HTTP/2,".to_owned(),
            waited: self.tools.timing.connecting * 2,
        })
    }

    /// Run it once. `Ended` is an error by then.
    async fn run(&self, attempt: &Attempt<'_>, protocol: Protocol) -> Result<RunEnd, TunnelError> {
        let settings = &self.tools.settings.cloudflare;
        let metrics = Metrics::pick()?;
        let program = cloudflared::find(&self.tools)?;
        let config = cloudflared::empty_config(&self.tools.store)?;
        let mut launch = cloudflared::launch(program, settings, metrics.addr)
            .arg("tunnel")
            .arg("--config")
            .arg(config)
            .arg("--url")
            .arg(format!("http://{}", attempt.spec.target));
        if let Some(service) = &settings.quick_service {
            launch = launch.arg("--quick-service").arg(service);
        }
        if protocol == Protocol::Http2 {
            launch = launch.env("TUNNEL_TRANSPORT_PROTOCOL", "http2");
        }
        let running = self.programs.start(attempt.ledger, launch).await?;
        let left = tokio::select! {
            () = attempt.stop.asked() => Ok(RunEnd::Stopped),
            () = running.ended() => Ok(RunEnd::Ended),
            left = self.follow(&metrics, attempt.report, protocol) => left,
        };
        let mut ended = running.end().await;
        match left? {
            RunEnd::Ended => {
                if let Some(said) = cloudflared::too_many(&ended.last_lines) {
                    let after = self.limiter.refused(attempt.permit);
                    return Err(TunnelError::RateLimited {
                        by: BY,
                        said,
                        after,
                    });
                }
                ended.last_lines = cloudflared::readable(&ended.last_lines);
                Err(ended.error())
            }
            left => Ok(left),
        }
    }

    /// Say how it is for as long as it runs; `Unconnected` if it does not get that far.
    async fn follow(
        &self,
        metrics: &Metrics,
        report: &Report,
        protocol: Protocol,
    ) -> Result<RunEnd, TunnelError> {
        let timing = &self.tools.timing;
        let connected = async {
            loop {
                if metrics.readiness().await == Readiness::Connected
                    && let Some(host) = metrics.hostname().await
                {
                    return host;
                }
                sleep(timing.asking).await;
            }
        };
        let Ok(mut host) = timeout(timing.connecting, connected).await else {
            return Ok(RunEnd::Unconnected);
        };
        self.limiter.granted();
        self.http2
            .store(protocol == Protocol::Http2, Ordering::Relaxed);
        report.up(&url(&host)?);
        loop {
            sleep(timing.looking).await;
            match metrics.readiness().await {
                Readiness::Connected => {
                    host = metrics.hostname().await.unwrap_or(host);
                    report.up(&url(&host)?);
                }
                Readiness::Unconnected => report.down("cloudflared has lost the edge"),
                Readiness::Silent => report.down("cloudflared does not answer"),
            }
        }
    }

    async fn reach(&self) -> Result<String, TunnelError> {
        let settings = &self.tools.settings.cloudflare;
        let service = settings.quick_service.as_deref().unwrap_or(SERVICE);
        let unreachable = |error: reqwest::Error| TunnelError::Unreachable {
            what: service.to_owned(),
            why: innermost(&error),
        };
        let builder = http_client::builder(self.tools.ca_bundle.as_deref())?.timeout(REACHING);
        let client = http_client::build(builder)?;
        // Any answer will do: asking for a tunnel would make one.
        client.get(service).send().await.map_err(unreachable)?;
        Ok(format!("{service} answers"))
    }

    fn checked(&self, found: Result<String, TunnelError>) -> Check {
        let named = self.tools.settings.cloudflare.program.is_some();
        let (verdict, detail, fix) = match found {
            Ok(detail) => (Verdict::Good, detail, None),
            Err(error) => {
                let absent = matches!(error, TunnelError::ProgramMissing { .. }) && !named;
                let verdict = if absent {
                    Verdict::Absent
                } else {
                    Verdict::Bad
                };
                (verdict, error.to_string(), error.problem().hint)
            }
        };
        Check {
            kind: TunnelKind::CloudflareQuick,
            verdict,
            detail,
            fix,
        }
    }
}

fn url(host: &str) -> Result<PublicUrl, TunnelError> {
    let text = format!("https://{host}");
    text.parse().map_err(|_| TunnelError::NoUrl {
        by: "cloudflared".to_owned(),
        said: host.to_owned(),
    })
}

#[async_trait]
impl Provider for CloudflareQuick {
    fn kind(&self) -> TunnelKind {
        TunnelKind::CloudflareQuick
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            stable_url: false,
            settle: self.tools.timing.settling,
            heal: Some(HEAL),
        }
    }

    async fn check(&self, online: bool) -> Vec<Check> {
        let version = match cloudflared::find(&self.tools) {
            Ok(program) => cloudflared::version(&program, &self.programs)
                .await
                .map(|version| format!("`{}`, {version}", program.display())),
            Err(error) => Err(error),
        };
        let usable = version.is_ok();
        let mut checks = vec![self.checked(version)];
        if usable && online {
            checks.push(self.checked(self.reach().await));
        }
        checks
    }

    async fn hold(&self, spec: TunnelSpec, report: Report, stop: Stop) -> Result<(), TunnelError> {
        // Before anything is asked of anyone.
        cloudflared::find(&self.tools)?;
        let permit = self
            .limiter
            .ask()
            .map_err(|after| TunnelError::RateLimited {
                by: BY,
                said: "it refused another quick tunnel of this host".to_owned(),
                after,
            })?;
        let ledger = self
            .programs
            .ledger(self.kind(), spec.id.as_str(), vec![spec.id.clone()])
            .await?;
        let attempt = Attempt {
            spec: &spec,
            report: &report,
            stop: &stop,
            ledger: &ledger,
            permit: &permit,
        };
        let held = self.attempt(&attempt).await;
        let forgotten = ledger.forget().await;
        held.and(forgotten)
    }
}
