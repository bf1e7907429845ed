//! The gateway's way to one app: a dialler that waits out restarts.

use std::{io, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::sync::watch;

use super::readiness::port_survey::PortSurvey;
use crate::{
    gateway::{Dial, Ports},
    model::OpenPort,
    task::BoxedIo,
};

/// How long a request is held while the app restarts. Longer than any interpreter takes to boot,
/// shorter than browsers and proxies wait.
const HOLD: Duration = Duration::from_secs(20);

/// Whether the app can take connections now.
#[derive(Clone)]
pub enum Upstream {
    Ready {
        survey: PortSurvey,
        port: u16,
    },
    /// It is being started again; a request may wait.
    Starting,
    /// It ended.
    Down,
}

/// Dials the app through the guest. A request that comes during a restart waits for its end, so
/// an edit never shows as an error.
pub struct AppDial {
    upstream: watch::Receiver<Upstream>,
}

impl AppDial {
    pub fn new(upstream: watch::Receiver<Upstream>) -> Arc<Self> {
        Arc::new(Self { upstream })
    }
}

#[async_trait]
impl Dial for AppDial {
    async fn dial(&self) -> io::Result<BoxedIo> {
        let mut upstream = self.upstream.clone();
        let held = tokio::time::timeout(HOLD, async {
            loop {
                let now = upstream.borrow_and_update().clone();
                match now {
                    Upstream::Ready { survey, port } => match survey.connect(port).await {
                        // It may have begun to restart since we looked.
                        Err(error)
                            if error.kind() == io::ErrorKind::ConnectionRefused
                                && upstream.has_changed().unwrap_or(false) => {}
                        dialled => return dialled,
                    },
                    Upstream::Down => return Err(io::ErrorKind::ConnectionRefused.into()),
                    Upstream::Starting => {
                        if upstream.changed().await.is_err() {
                            return Err(io::ErrorKind::ConnectionAborted.into());
                        }
                    }
                }
            }
        });
        held.await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

/// The way to whatever port of the container a visitor names.
pub struct AppPorts {
    upstream: watch::Receiver<Upstream>,
}

impl AppPorts {
    pub fn new(upstream: watch::Receiver<Upstream>) -> Arc<Self> {
        Arc::new(Self { upstream })
    }

    fn survey(&self) -> Option<PortSurvey> {
        match &*self.upstream.borrow() {
            Upstream::Ready { survey, .. } => Some(survey.clone()),
            Upstream::Starting | Upstream::Down => None,
        }
    }
}

#[async_trait]
impl Ports for AppPorts {
    fn open(&self) -> Vec<OpenPort> {
        self.survey().map(|it| it.open()).unwrap_or_default()
    }

    async fn dial(&self, port: u16) -> io::Result<BoxedIo> {
        match self.survey() {
            Some(survey) => survey.visit(port).await,
            None => Err(io::ErrorKind::ConnectionRefused.into()),
        }
    }
}
