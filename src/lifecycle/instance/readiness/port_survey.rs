//! `PortSurvey`: what is known of the ports of one container, and the way to each.

use std::{collections::BTreeMap, io, sync::Arc, time::Duration};

use parking_lot::{Mutex, MutexGuard};
use tokio::{sync::watch, time::timeout};

use super::{
    app_tls::over_tls,
    http_probe::{PortAnswer, ProbeRequest, ask},
};
use crate::{
    engine::link::{DialError, Link, ListeningPort},
    model::{AppAnswer, OpenPort, PortKind},
    task::BoxedIo,
};

/// How long a visitor waits until it is known what answers at a port. What takes longer to answer
/// is an app, for nothing else takes time.
const PATIENCE: Duration = Duration::from_secs(3);

/// Clones share what is known.
#[derive(Clone)]
pub struct PortSurvey {
    link: Link,
    listeners: watch::Receiver<Vec<ListeningPort>>,
    known: Arc<Mutex<BTreeMap<u16, PortKind>>>,
}

impl PortSurvey {
    pub fn new(link: Link, listeners: watch::Receiver<Vec<ListeningPort>>) -> Self {
        Self {
            link,
            listeners,
            known: Arc::default(),
        }
    }

    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Ascending.
    pub fn listening(&self) -> Vec<u16> {
        let mut ports: Vec<u16> = self.listeners.borrow().iter().map(|it| it.port).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    /// Returns when another set of ports is listened on, or the link is gone.
    pub async fn changed(&mut self) {
        if self.listeners.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    pub fn open(&self) -> Vec<OpenPort> {
        let known = self.known().clone();
        let listeners = self.listeners.borrow();
        let mut open: Vec<OpenPort> = listeners
            .iter()
            .map(|listener| OpenPort {
                port: listener.port,
                loopback: listener.is_loopback(),
                kind: known.get(&listener.port).copied(),
            })
            .collect();
        open.sort_unstable_by_key(|it| it.port);
        open.dedup_by_key(|it| it.port);
        open
    }

    pub fn is_loopback(&self, port: u16) -> bool {
        let listeners = self.listeners.borrow();
        listeners
            .iter()
            .any(|it| it.port == port && it.is_loopback())
    }

    pub fn note(&self, port: u16, answer: PortAnswer) {
        match answer.kind() {
            Some(kind) => drop(self.known().insert(port, kind)),
            None => drop(self.known().remove(&port)),
        }
    }

    /// The same, of an answer that was kept.
    pub fn recall(&self, answered: AppAnswer) {
        let kind = if answered.tls {
            PortKind::Https
        } else {
            PortKind::Http
        };
        self.known().insert(answered.port, kind);
    }

    /// The app is started anew: another program may answer at the same ports.
    pub fn forget(&self) {
        self.known().clear();
    }

    /// To a port that is known to be the app's.
    pub async fn connect(&self, port: u16) -> io::Result<BoxedIo> {
        let tls = self.known().get(&port) == Some(&PortKind::Https);
        match self.link.dial(port).await {
            Ok(io) if tls => over_tls(io).await,
            Ok(io) => Ok(io),
            Err(DialError::Refused { .. }) => Err(io::ErrorKind::ConnectionRefused.into()),
            Err(DialError::Link(_)) => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// To a port that a visitor named. See [`crate::gateway::Ports::dial`].
    pub async fn visit(&self, port: u16) -> io::Result<BoxedIo> {
        if !self.listening().contains(&port) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let known = self.known().get(&port).copied();
        let kind = match known {
            Some(kind) => kind,
            None => self.find_out(port).await?,
        };
        match kind {
            PortKind::Http | PortKind::Https => self.connect(port).await,
            PortKind::Debugger => Err(io::ErrorKind::PermissionDenied.into()),
            PortKind::Other | PortKind::Unknown => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    async fn find_out(&self, port: u16) -> io::Result<PortKind> {
        let question = ProbeRequest {
            path: "/".to_owned(),
            host: format!("localhost:{port}"),
            or: None,
        };
        let Ok(answer) = timeout(PATIENCE, ask(&self.link, port, &question)).await else {
            return Ok(PortKind::Http);
        };
        self.note(port, answer);
        answer
            .kind()
            .ok_or_else(|| io::ErrorKind::ConnectionRefused.into())
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<u16, PortKind>> {
        self.known.lock()
    }
}
