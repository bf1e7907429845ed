//! One ssh connection: made, let in, and told apart from a lost one.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, PoisonError},
};

use russh::{
    Channel, ChannelOpenFailure, Disconnect,
    client::{self, ChannelOpenHandle, DisconnectReason, Handle, Msg},
    keys::{Algorithm, PublicKey, PublicKeyOrCertificate},
};
use tokio::{net::TcpStream, time::timeout};

use super::{
    Timing, TunnelError,
    identity::{self, Identity},
    known_hosts::{self, Trust},
    server::Server,
    visitors::Visitors,
    wire::{Watched, Wire},
};

/// Pieces of at most 32 KiB of one channel that the session keeps before it stands still.
const BUFFERED: usize = 32;

/// Reach the server, without a word yet.
pub async fn dial(server: &Server, timing: &Timing) -> Result<(Wire, Watched), TunnelError> {
    let unreachable = |why: String| TunnelError::Unreachable {
        what: server.label().to_owned(),
        why,
    };
    let address = (server.host.as_str(), server.port);
    let connected = timeout(timing.connect, TcpStream::connect(address)).await;
    let Ok(stream) = connected else {
        let waited = humantime::format_duration(timing.connect);
        return Err(unreachable(format!("no answer within {waited}")));
    };
    let stream = stream.map_err(|error| unreachable(error.to_string()))?;
    Wire::new(stream).map_err(|error| unreachable(error.to_string()))
}

/// A connection on which the server knows us.
pub struct Session {
    pub handle: Handle<Client>,
    pub fate: Arc<Fate>,
    /// `SHA256:…` of the server's key.
    pub host_key: String,
}

impl Session {
    /// Check the server's key, and be let in. `visitors` are taken if given.
    pub async fn open(
        server: &Server,
        timing: &Timing,
        choices: &[Identity],
        stream: Watched,
        visitors: Option<Visitors>,
    ) -> Result<Self, TunnelError> {
        let fate = Arc::new(Fate::default());
        let client = Client {
            trust: server.trust.clone(),
            visitors,
            fate: Arc::clone(&fate),
        };
        let config = Arc::new(config(timing, &server.trust.known()));
        let late = |_| TunnelError::TimedOut {
            what: format!("logging in at `{}`", server.label()),
            waited: timing.login,
        };
        let login = async {
            let mut handle = client::connect_stream(config, stream, client)
                .await
                .map_err(|broken| broken.at_first(server, &fate))?;
            identity::prove(&mut handle, server, choices, &fate).await?;
            Ok::<_, TunnelError>(handle)
        };
        let handle = timeout(timing.login, login).await.map_err(late)??;
        let host_key = fate.said().host_key.clone();
        Ok(Self {
            handle,
            fate,
            host_key,
        })
    }

    /// What it means that a request failed now: the server's no, or the end of the connection.
    pub fn lost(&self, error: &russh::Error) -> TunnelError {
        let why = if self.handle.is_closed() {
            self.fate.why()
        } else {
            error.to_string()
        };
        TunnelError::Lost { why }
    }

    /// Say goodbye. The connection is cut in any case.
    pub async fn leave(&self) {
        let _ = self
            .handle
            .disconnect(Disconnect::ByApplication, "closed", "en")
            .await;
    }
}

fn config(timing: &Timing, known: &[PublicKey]) -> client::Config {
    let mut config = client::Config {
        keepalive_interval: Some(timing.keepalive),
        keepalive_max: timing.missed,
        channel_buffer_size: BUFFERED,
        nodelay: true,
        ..client::Config::default()
    };
    // Ask for the kind of key that is known, or a server that has got one more kind would look
    // like another server.
    if !known.is_empty() {
        let same = |offered: &Algorithm| {
            known.iter().any(|key| {
                let algorithm = key.algorithm();
                // The hash is no part of an RSA key.
                *offered == algorithm || (offered.clone().is_rsa() && algorithm.is_rsa())
            })
        };
        let (mut first, rest): (Vec<_>, Vec<_>) =
            config.preferred.key.iter().cloned().partition(same);
        first.extend(rest);
        config.preferred.key = Cow::Owned(first);
    }
    config
}

/// What became of a connection, as its own task saw it.
#[derive(Default)]
pub struct Fate(Mutex<Words>);

#[derive(Default)]
struct Words {
    host_key: String,
    /// The peer's own last word.
    farewell: Option<String>,
    /// What broke it.
    broke: Option<String>,
}

impl Fate {
    fn said(&self) -> std::sync::MutexGuard<'_, Words> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn farewell(&self) -> Option<String> {
        self.said().farewell.clone()
    }

    pub fn why(&self) -> String {
        let said = self.said();
        let word = said.farewell.as_ref().or(said.broke.as_ref());
        word.cloned()
            .unwrap_or_else(|| "the server closed the connection".to_owned())
    }
}

/// Why a connection ended while it was made.
#[derive(Debug)]
pub enum Broken {
    Protocol(russh::Error),
    Stranger(TunnelError),
}

impl From<russh::Error> for Broken {
    fn from(error: russh::Error) -> Self {
        Self::Protocol(error)
    }
}

impl Broken {
    fn at_first(self, server: &Server, fate: &Fate) -> TunnelError {
        let what = server.label().to_owned();
        match self {
            Self::Stranger(error) => error,
            Self::Protocol(error @ russh::Error::NoCommonAlgo { .. }) => TunnelError::Rejected {
                by: "the ssh server",
                said: error.to_string(),
                hint: "it is too old, or allows too little".to_owned(),
            },
            Self::Protocol(russh::Error::Version) => TunnelError::Unreachable {
                what,
                why: "what answers there is no ssh server".to_owned(),
            },
            Self::Protocol(russh::Error::Disconnect | russh::Error::HUP) => {
                let why = fate.why();
                TunnelError::Unreachable { what, why }
            }
            Self::Protocol(error) => TunnelError::Unreachable {
                what,
                why: error.to_string(),
            },
        }
    }
}

/// Our side of the protocol.
pub struct Client {
    trust: Trust,
    visitors: Option<Visitors>,
    fate: Arc<Fate>,
}

impl client::Handler for Client {
    type Error = Broken;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, Broken> {
        let key = key.public_key();
        self.trust.check(&key).map_err(Broken::Stranger)?;
        self.fate.said().host_key = known_hosts::fingerprint(&key);
        Ok(true)
    }

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        channel: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Broken> {
        match &self.visitors {
            Some(visitors) => visitors.take(channel, reply).await,
            None => refuse(reply).await,
        }
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Broken>) -> Result<(), Broken> {
        let mut said = self.fate.said();
        match reason {
            DisconnectReason::ReceivedDisconnect(last) => said.farewell = Some(last.message),
            // It only says that there is no connection any more.
            DisconnectReason::Error(Broken::Protocol(russh::Error::Disconnect)) => {}
            DisconnectReason::Error(Broken::Protocol(error)) => {
                said.broke = Some(error.to_string());
            }
            DisconnectReason::Error(Broken::Stranger(error)) => {
                said.broke = Some(error.to_string());
            }
        }
        Ok(())
    }

    // A server may open nothing else; left alone, all of these would be granted.

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        reply: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Broken> {
        refuse(reply).await;
        Ok(())
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Broken> {
        refuse(reply).await;
        Ok(())
    }

    async fn server_channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Broken> {
        refuse(reply).await;
        Ok(())
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Broken> {
        refuse(reply).await;
        Ok(())
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        reply: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Broken> {
        refuse(reply).await;
        Ok(())
    }

    async fn server_channel_open_x11(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Broken> {
        refuse(reply).await;
        Ok(())
    }
}

async fn refuse(reply: ChannelOpenHandle) {
    reply
        .reject(ChannelOpenFailure::AdministrativelyProhibited)
        .await;
}
