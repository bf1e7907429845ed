//! `static`: the user's own reverse proxy passes requests on to a port of the gateway's.

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    config::StaticSettings,
    model::TunnelKind,
    tunnel::{
        Capabilities, Check, Provider, Report, Stop, TunnelError, TunnelSpec, Verdict, url_template,
    },
};

/// Where the reverse proxy is expected to pass requests on to unless the settings say otherwise.
pub const DEFAULT_PORT: u16 = 7071;

pub struct StaticTunnel {
    settings: StaticSettings,
}

impl StaticTunnel {
    pub fn new(settings: StaticSettings) -> Self {
        Self { settings }
    }

    fn url(&self) -> Result<&str, TunnelError> {
        self.settings
            .url
            .as_deref()
            .ok_or_else(|| TunnelError::Settings {
                what: "`tunnels.static.url` is not set".to_owned(),
                hint: "set it in the user's settings, such as \
                       `url = \"https://{name}.preview.example.com\"`"
                    .to_owned(),
            })
    }
}

#[async_trait]
impl Provider for StaticTunnel {
    fn kind(&self) -> TunnelKind {
        TunnelKind::Static
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            stable_url: true,
            settle: Duration::ZERO,
            heal: None,
        }
    }

    fn port(&self) -> Option<u16> {
        Some(self.settings.port.unwrap_or(DEFAULT_PORT))
    }

    async fn check(&self, _online: bool) -> Vec<Check> {
        let (verdict, detail, fix) = match self.url() {
            Ok(url) => (Verdict::Good, url.to_owned(), None),
            Err(error) => (Verdict::Absent, error.to_string(), error.problem().hint),
        };
        vec![Check {
            kind: self.kind(),
            verdict,
            detail,
            fix,
        }]
    }

    async fn hold(&self, spec: TunnelSpec, report: Report, stop: Stop) -> Result<(), TunnelError> {
        let url = url_template::url(self.url()?, &spec, &[])?;
        report.up(&url);
        stop.asked().await;
        Ok(())
    }
}
