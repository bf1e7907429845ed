//! `UpstreamPort`: which port of a preview a request is for, its app's or another one that the host
//! names by its number.

use std::{borrow::Cow, io, sync::Arc};

use async_trait::async_trait;
use http::StatusCode;

use super::{
    dial::Dial,
    error_page::ErrorPage,
    pool::{Connection, Pool, Unreachable},
};
use crate::gateway::routing::{
    host,
    ports::Ports,
    routes::{RouteEntry, Target},
};
use crate::task::BoxedIo;

/// What Node's inspectors listen on unless they are told otherwise. Others are known by how they
/// answer.
const DEBUGGERS: [u16; 2] = [9229, 9230];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) enum UpstreamPort {
    App,
    Port(u16),
}

impl UpstreamPort {
    /// The first part of the host at this machine that leads to it.
    pub(in crate::gateway) fn label(self, name: &str) -> Cow<'_, str> {
        match self {
            Self::App => Cow::Borrowed(name),
            Self::Port(port) => Cow::Owned(host::with_port(port, name)),
        }
    }

    /// Whether nobody is let there, whatever listens.
    pub(super) fn is_debugger(self) -> bool {
        matches!(self, Self::Port(port) if DEBUGGERS.contains(&port))
    }

    /// Connections that are kept for it. For ports that are asked for by number, none are.
    pub(in crate::gateway) fn pool(self, entry: &RouteEntry) -> Arc<Pool> {
        match self {
            Self::App => Arc::clone(&entry.pool),
            Self::Port(_) => Arc::default(),
        }
    }

    /// A new connection, or what the visitor is told in its place.
    pub(super) async fn connect(self, entry: &RouteEntry) -> Result<Box<Connection>, ErrorPage> {
        let name = entry.name.as_str();
        let Target::Ready { dial, port, .. } = &entry.route.target else {
            return Err(ErrorPage::starting(name, ""));
        };
        let opened = match self {
            Self::App => Connection::open(dial.as_ref()).await,
            Self::Port(port) => {
                let ports = entry.route.ports.as_ref();
                Connection::open(&PortDial { ports, port }).await
            }
        };
        opened.map_err(|error| match (self, error) {
            (Self::App, Unreachable::Refused) => ErrorPage::not_listening(name, *port),
            (Self::Port(port), Unreachable::Refused) => {
                ErrorPage::closed_port(name, port, &entry.route.ports.open())
            }
            (Self::Port(port), Unreachable::Broken(error))
                if error.kind() == io::ErrorKind::PermissionDenied =>
            {
                ErrorPage::debugger(name, port)
            }
            (Self::Port(port), Unreachable::Broken(error))
                if error.kind() == io::ErrorKind::InvalidData =>
            {
                ErrorPage::no_http(name, port)
            }
            (_, Unreachable::TimedOut) => ErrorPage::broken(
                StatusCode::GATEWAY_TIMEOUT,
                name,
                "the app did not take the connection within 30 s",
            ),
            (_, Unreachable::Broken(error)) => {
                tracing::debug!(%error, name, "an instance cannot be reached");
                ErrorPage::broken(
                    StatusCode::BAD_GATEWAY,
                    name,
                    "the preview cannot be reached",
                )
            }
        })
    }
}

/// One of an instance's ports, as something to dial.
struct PortDial<'a> {
    ports: &'a dyn Ports,
    port: u16,
}

#[async_trait]
impl Dial for PortDial<'_> {
    async fn dial(&self) -> io::Result<BoxedIo> {
        self.ports.dial(self.port).await
    }
}
