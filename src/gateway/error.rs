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
}

impl GatewayError {
    pub fn problem(&self) -> Problem {
        let problem = Problem::new(Code::Agent, self.to_string());
        match self {
            Self::Listen(_) | Self::NoFreePort => problem
                .hint("every preview is reached through a port on this host; free one")
                .retryable(),
            Self::Socket(_) => problem.retryable(),
        }
    }
}
