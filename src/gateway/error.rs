//! `GatewayError`: why the gateway cannot listen.

use std::io;

use crate::model::{Code, Problem};

#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    #[error("the gateway cannot listen on 127.0.0.1: {0}")]
    Listen(#[source] io::Error),
    #[error("no port is free on both 127.0.0.1 and ::1")]
    NoFreePort,
    #[error("the gateway's socket is unusable: {0}")]
    Socket(#[source] io::Error),
    #[error("no entrance for a tunnel can be opened on 127.0.0.1: {0}")]
    PublicListener(#[source] io::Error),
    /// A port that was asked for cannot be had.
    #[error("port {port} on 127.0.0.1 cannot be listened on: {source}")]
    PublicPort { port: u16, source: io::Error },
}

impl GatewayError {
    pub fn problem(&self) -> Problem {
        let code = match self {
            Self::Listen(_) | Self::NoFreePort | Self::Socket(_) => Code::Agent,
            Self::PublicListener(_) | Self::PublicPort { .. } => Code::Tunnel,
        };
        let problem = Problem::new(code, self.to_string());
        match self {
            Self::Listen(_) | Self::NoFreePort => problem
                .hint("every preview is reached through a port on this host; free one")
                .retryable(),
            Self::Socket(_) | Self::PublicListener(_) => problem.retryable(),
            Self::PublicPort { port, .. } => problem.hint(format!(
                "free port {port}, or set `tunnels.static.port` in the user's settings to another \
                 one and have the reverse proxy pass requests on to that",
            )),
        }
    }
}
