//! The gateway's way to one app: a dialler that waits out restarts.

use std::{io, sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::watch;

use super::{LifecycleError, instance::Instance, survey::Survey};
use crate::{
    gateway::{Dial, Ports, PublicDeny, Route, Stream, Target},
    model::{Answered, HostServed, OpenPort, Phase, ProxyHost, Urls},
};

/// How long a request is held while the app restarts. Longer than any interpreter takes to boot,
/// shorter than browsers and proxies wait.
const HOLD: Duration = Duration::from_secs(20);

/// Whether the app can take connections now.
#[derive(Clone)]
pub enum Door {
    Open {
        survey: Survey,
        port: u16,
    },
    /// It is being started again; a request may wait.
    Opening,
    /// It ended.
    Shut,
}

/// Dials the app through the guest. A request that comes during a restart waits for its end, so
/// an edit never shows as an error.
pub struct AppDial {
    door: watch::Receiver<Door>,
}

impl AppDial {
    pub fn new(door: watch::Receiver<Door>) -> Arc<Self> {
        Arc::new(Self { door })
    }
}

#[async_trait]
impl Dial for AppDial {
    async fn dial(&self) -> io::Result<Stream> {
        let mut door = self.door.clone();
        let held = tokio::time::timeout(HOLD, async {
            loop {
                let now = door.borrow_and_update().clone();
                match now {
                    Door::Open { survey, port } => match survey.connect(port).await {
                        // It may have begun to restart since we looked.
                        Err(error)
                            if error.kind() == io::ErrorKind::ConnectionRefused
                                && door.has_changed().unwrap_or(false) => {}
                        dialled => return dialled,
                    },
                    Door::Shut => return Err(io::ErrorKind::ConnectionRefused.into()),
                    Door::Opening => {
                        if door.changed().await.is_err() {
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
    door: watch::Receiver<Door>,
}

impl AppPorts {
    fn survey(&self) -> Option<Survey> {
        match &*self.door.borrow() {
            Door::Open { survey, .. } => Some(survey.clone()),
            Door::Opening | Door::Shut => None,
        }
    }
}

#[async_trait]
impl Ports for AppPorts {
    fn open(&self) -> Vec<OpenPort> {
        self.survey().map(|it| it.open()).unwrap_or_default()
    }

    async fn dial(&self, port: u16) -> io::Result<Stream> {
        match self.survey() {
            Some(survey) => survey.visit(port).await,
            None => Err(io::ErrorKind::ConnectionRefused.into()),
        }
    }
}

impl Instance {
    /// Put the running app behind the gateway and say where it is.
    pub(super) async fn announce(&mut self, answered: Answered) -> Result<Urls, LifecycleError> {
        let port = answered.port;
        self.record.port = Some(port);
        self.record.answered = Some(answered);
        self.open_route(port);
        let urls = Urls {
            local: self.house.url(&self.record.name),
            public: self.way.url(),
        };
        self.enter(Phase::Ready {
            since: Timestamp::now(),
            port,
            urls: urls.clone(),
        })
        .await?;
        Ok(urls)
    }

    /// Have the gateway pass requests on to the app; they wait while the door is opening.
    pub(super) fn open_route(&self, port: u16) {
        let Some(plan) = &self.record.plan else {
            return;
        };
        let target = Target::Ready {
            dial: AppDial::new(self.door.subscribe()),
            port,
            host: match self.record.answered {
                // It refused the name it was to be told.
                Some(answered) if answered.host == HostServed::Localhost && !plan.host_is_fixed => {
                    ProxyHost::Localhost
                }
                _ => plan.proxy.clone(),
            },
            forwarded_host: plan.forwarded_host,
            generation: self.record.generation,
        };
        self.house
            .routes
            .set(self.record.name.clone(), self.route(target));
    }

    /// What is being done, for who comes before the app answers. Strangers read it too.
    pub(super) fn tell_visitors(&self, doing: &str) {
        let target = Target::Starting {
            detail: doing.to_owned(),
        };
        self.house
            .routes
            .set(self.record.name.clone(), self.route(target));
    }

    pub(super) fn route(&self, target: Target) -> Route {
        let plan = self.record.plan.as_ref();
        Route {
            id: self.record.id.clone(),
            target,
            activity: self.activity.clone(),
            public_deny: plan
                .map_or_else(PublicDeny::none, |plan| PublicDeny::new(&plan.public_deny)),
            ports: Arc::new(AppPorts {
                door: self.door.subscribe(),
            }),
        }
    }
}
