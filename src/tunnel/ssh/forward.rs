//! Asking a server to listen, and learning what its address is.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use russh::{Channel, ChannelMsg, client::Msg};
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    Order, Report, Timing, TunnelError,
    said::{Said, may_improve, url_in},
    server::Server,
    session::Session,
};
use crate::{
    config::SshPreset,
    model::{InstanceId, PublicUrl},
};

const BY: &str = "the ssh server";
/// After this long without a word, a server has said what it has to say.
const QUIET: Duration = Duration::from_secs(1);

/// What a server listens on for us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listening {
    pub address: String,
    pub port: u16,
}

/// What this process had last, an instance each: asked for first, and worth waiting for.
#[derive(Default)]
pub struct Before(Mutex<HashMap<InstanceId, Listening>>);

impl Before {
    pub fn get(&self, order: &Order) -> Option<Listening> {
        let before = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        before.get(&order.id).cloned()
    }

    pub fn set(&self, order: &Order, listening: &Listening) {
        let mut before = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        before.insert(order.id.clone(), listening.clone());
    }
}

/// One server's ear, asked for one tunnel.
pub struct Asking<'a> {
    pub server: &'a Server,
    pub session: &'a Session,
    pub order: &'a Order,
    pub timing: &'a Timing,
}

impl Asking<'_> {
    /// Have the server listen, and open the channel on which it talks. As OpenSSH does, neither
    /// waits for the other: some servers answer the one only after the other.
    pub async fn open(
        &self,
        before: &Before,
    ) -> Result<(Listening, Option<Channel<Msg>>), TunnelError> {
        let both = async { tokio::join!(self.listen(before), self.listen_to()) };
        let (listening, channel) =
            timeout(self.timing.answer, both)
                .await
                .map_err(|_| TunnelError::TimedOut {
                    what: format!("the forwarding of `{}`", self.server.label()),
                    waited: self.timing.answer,
                })?;
        let listening = match (listening, &channel) {
            (Ok(listening), _) => listening,
            (Err(error), Ok(Some(_))) => {
                let mut said = Said::default();
                if let Ok(Some(mut channel)) = channel {
                    while let Ok(Some(message)) = timeout(QUIET, channel.wait()).await {
                        said.take(&message);
                    }
                    said.finish();
                }
                return Err(with_words(error, &said));
            }
            (Err(error), _) => return Err(error),
        };
        before.set(self.order, &listening);
        Ok((listening, channel?))
    }

    async fn listen(&self, before: &Before) -> Result<Listening, TunnelError> {
        let (address, port) = self.server.wants(self.order)?;
        let before = before
            .get(self.order)
            .filter(|last| last.address == address);
        if port == 0
            && let Some(last) = &before
            && let Some(port) = self.ask(&address, last.port).await?
        {
            return Ok(Listening { address, port });
        }
        if let Some(port) = self.ask(&address, port).await? {
            return Ok(Listening { address, port });
        }
        if port != 0 && before.is_some_and(|last| last.port == port) {
            return Err(TunnelError::Unreachable {
                what: format!("{address}:{port} at {}", self.server.label()),
                why: "the server still keeps it for the connection that was lost".to_owned(),
            });
        }
        Err(self.refused(&address, port).await)
    }

    /// The port that is listened on; `None` if the server will not.
    async fn ask(&self, address: &str, port: u16) -> Result<Option<u16>, TunnelError> {
        let asked = self
            .session
            .handle
            .tcpip_forward(address, u32::from(port))
            .await;
        match asked {
            // An answer to a port that was named says no port.
            Ok(0) => Ok(Some(port)),
            Ok(chosen) => Ok(Some(u16::try_from(chosen).unwrap_or(port))),
            Err(russh::Error::RequestDenied) => Ok(None),
            Err(error) => Err(self.session.lost(&error)),
        }
    }

    /// The protocol says only "no". Whether any port would do tells a taken one from a server that
    /// forwards nothing.
    async fn refused(&self, address: &str, port: u16) -> TunnelError {
        let label = self.server.label();
        let taken = match self.server.preset {
            SshPreset::Sish => true,
            SshPreset::Plain if port != 0 => match self.ask(address, 0).await {
                Ok(Some(other)) => {
                    self.cancel(address, other).await;
                    true
                }
                Ok(None) => false,
                Err(error) => return error,
            },
            _ => false,
        };
        if taken {
            return TunnelError::HostTaken {
                host: format!("{address}:{port}"),
                said: format!("`{label}` does not listen there for us"),
                hint: "choose another as `tunnels.ssh.remote_port` or `tunnels.ssh.remote_host`; \
                       without a port the server chooses one"
                    .to_owned(),
            };
        }
        TunnelError::Rejected {
            by: BY,
            said: format!("`{label}` does not listen on {address}:{port}"),
            hint: "it has to allow remote forwarding: with OpenSSH, `AllowTcpForwarding` and \
                   `PermitListen`"
                .to_owned(),
        }
    }

    pub async fn cancel(&self, address: &str, port: u16) {
        let handle = &self.session.handle;
        let _ = handle.cancel_tcpip_forward(address, u32::from(port)).await;
    }

    async fn listen_to(&self) -> Result<Option<Channel<Msg>>, TunnelError> {
        let Some(command) = self.server.session() else {
            return Ok(None);
        };
        let open = async {
            let channel = self.session.handle.channel_open_session().await?;
            if command.is_empty() {
                channel.request_shell(false).await?;
            } else {
                channel.exec(false, command).await?;
            }
            Ok(channel)
        };
        open.await
            .map(Some)
            .map_err(|error| self.session.lost(&error))
    }

    /// Report what the server says its address is, as often as it says a new one. Returns when it
    /// says no more.
    pub async fn follow(&self, mut channel: Channel<Msg>, report: &Report) -> TunnelError {
        let preset = self.server.preset;
        let mut said = Said::default();
        let mut up: Option<PublicUrl> = None;
        let mut candidate: Option<PublicUrl> = None;
        let deadline = Instant::now() + self.timing.answer;
        loop {
            let until = up.is_none().then(|| deadline.min(Instant::now() + QUIET));
            let next = next(&mut channel, until).await;
            let lines = match &next {
                Next::Message(message) => said.take(message),
                // What is there may be all.
                Next::Pause => said.finish().into_iter().collect(),
                Next::End => break,
            };
            for url in lines.iter().filter_map(|line| url_in(preset, line)) {
                if !may_improve(&url) {
                    report.up(&url);
                    up = Some(url);
                } else if up.is_none() {
                    candidate = Some(url);
                }
            }
            if up.is_some() {
                continue;
            }
            if matches!(next, Next::Pause) {
                up = candidate.take().inspect(|url| report.up(url));
            }
            if up.is_none() && Instant::now() >= deadline {
                return self.silent(&said);
            }
        }
        said.finish();
        match up {
            Some(_) => TunnelError::Lost {
                why: format!("the server ended the session: {}", said.tail()),
            },
            None => TunnelError::Rejected {
                by: BY,
                said: said.tail(),
                hint: format!("this is what `{}` said", self.server.label()),
            },
        }
    }

    fn silent(&self, said: &Said) -> TunnelError {
        let tail = said.tail();
        if tail.is_empty() {
            return TunnelError::TimedOut {
                what: format!("the URL from `{}`", self.server.label()),
                waited: self.timing.answer,
            };
        }
        TunnelError::NoUrl {
            by: self.server.label().to_owned(),
            said: tail,
        }
    }
}

enum Next {
    Message(ChannelMsg),
    /// Nothing until the time that was given.
    Pause,
    End,
}

async fn next(channel: &mut Channel<Msg>, until: Option<Instant>) -> Next {
    let message = match until {
        None => channel.wait().await,
        Some(until) => match timeout_at(until, channel.wait()).await {
            Ok(message) => message,
            Err(_) => return Next::Pause,
        },
    };
    message.map_or(Next::End, Next::Message)
}

impl Said {
    fn take(&mut self, message: &ChannelMsg) -> Vec<String> {
        match message {
            ChannelMsg::Data { data } | ChannelMsg::ExtendedData { data, .. } => self.hear(data),
            _ => Vec::new(),
        }
    }
}

/// A refusal with what the server said of it.
fn with_words(error: TunnelError, words: &Said) -> TunnelError {
    let words = words.tail();
    if words.is_empty() {
        return error;
    }
    match error {
        TunnelError::HostTaken { host, hint, .. } => TunnelError::HostTaken {
            host,
            said: words,
            hint,
        },
        TunnelError::Rejected { by, hint, .. } => TunnelError::Rejected {
            by,
            said: words,
            hint,
        },
        other => other,
    }
}
