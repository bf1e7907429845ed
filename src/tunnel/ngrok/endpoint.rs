//! `Endpoint`: one public URL on a session, and the visitors who come by it.

use std::{net::SocketAddr, time::Duration};

use futures_util::StreamExt as _;
use ngrok::{
    EndpointConn, Session,
    config::{HttpTunnelBuilder, TunnelBuilder as _},
    tunnel::{AcceptError, EndpointInfo as _, HttpTunnel, TunnelCloser as _, TunnelInfo as _},
};
use tokio::{net::TcpStream, sync::watch};
use tokio_util::sync::CancellationToken;

use super::{
    end_reason::EndReason,
    session::{SessionState, SharedSession},
};
use crate::{
    model::PublicUrl,
    task::Scope,
    tunnel::{Report, Stop, TunnelSpec},
};

/// A stop waits for it, and the supervisor for the stop.
const BINDING: Duration = Duration::from_secs(10);
const CLOSING: Duration = Duration::from_secs(3);
/// How long the session may take to say why it ended after its endpoints have.
const LAST_WORD: Duration = Duration::from_secs(2);

pub struct Endpoint<'a> {
    pub spec: &'a TunnelSpec,
    pub domain: Option<&'a str>,
    pub session_handle: &'a SharedSession,
    pub report: &'a Report,
    pub stop: &'a Stop,
}

impl Endpoint<'_> {
    /// Until stopped; `bound` is called once it has a URL.
    pub async fn hold(&self, bound: impl FnOnce()) -> Result<(), EndReason> {
        let mut states = self.session_handle.states.clone();
        let session = tokio::select! {
            () = self.stop.asked() => return Ok(()),
            session = open(&mut states) => session?,
        };
        // Not cut short by a stop: who asked does not know the id to close until it is answered.
        let mut tunnel = self.bind(&session).await?;
        if states.has_changed().unwrap_or(true) {
            // Whether it was bound before or after the loss, nobody binds it again.
            self.session_handle.leave(tunnel.id());
            return Err(EndReason::Lost("the session was lost meanwhile".to_owned()));
        }
        let outcome = match tunnel.url().parse::<PublicUrl>() {
            Ok(url) => {
                bound();
                self.report.up(&url);
                self.serve(&mut tunnel, &mut states, &url).await
            }
            Err(_) => Err(EndReason::NoUrl(tunnel.url().to_owned())),
        };
        let closed = tokio::time::timeout(CLOSING, tunnel.close()).await;
        if !matches!(closed, Ok(Ok(()))) {
            self.session_handle.leave(tunnel.id());
        }
        outcome
    }

    async fn bind(&self, session: &Session) -> Result<HttpTunnel, EndReason> {
        let mut wanted: HttpTunnelBuilder = session.http_endpoint();
        wanted
            .metadata(self.spec.name.as_str())
            .forwards_to(format!("http://{}", self.spec.target));
        if let Some(domain) = self.domain {
            wanted.domain(domain);
        }
        match tokio::time::timeout(BINDING, wanted.listen()).await {
            Ok(bound) => {
                bound.map_err(|error| EndReason::of_rpc(&error, &self.session_handle.token))
            }
            Err(_) => Err(EndReason::TimedOut {
                what: "opening an ngrok endpoint",
                waited: BINDING,
            }),
        }
    }

    /// Let visitors in for as long as it lasts. When it ends, the last of them is gone.
    async fn serve(
        &self,
        tunnel: &mut HttpTunnel,
        states: &mut watch::Receiver<SessionState>,
        url: &PublicUrl,
    ) -> Result<(), EndReason> {
        let visits = Scope::new();
        let _gone = visits.token().drop_guard();
        let outcome = loop {
            tokio::select! {
                () = self.stop.asked() => break Ok(()),
                visitor = tunnel.next() => match visitor {
                    Some(Ok(visitor)) => {
                        visits.spawn(pipe(visitor, self.spec.target, visits.token()));
                    }
                    Some(Err(error)) => break Err(self.last_word(states, Some(&error)).await),
                    None => break Err(self.last_word(states, None).await),
                },
                changed = states.changed() => {
                    let now = states.borrow_and_update().clone();
                    match now {
                        SessionState::Open(_) => self.report.up(url),
                        SessionState::Lost(why) => self.report.down(why),
                        SessionState::Ended(why) => break Err(why),
                        SessionState::Opening => {}
                    }
                    if changed.is_err() {
                        break Err(EndReason::Lost("the session ended".to_owned()));
                    }
                }
            }
        };
        visits.close(CLOSING).await;
        outcome
    }

    /// What ended the endpoint: the session's own word, if it has ended too.
    async fn last_word(
        &self,
        states: &mut watch::Receiver<SessionState>,
        error: Option<&AcceptError>,
    ) -> EndReason {
        if let Some(error @ AcceptError::ListenerClosed { .. }) = error {
            return EndReason::of_accept(error, &self.session_handle.token);
        }
        let ended = states.wait_for(|link| matches!(link, SessionState::Ended(_)));
        if let Ok(Ok(link)) = tokio::time::timeout(LAST_WORD, ended).await
            && let SessionState::Ended(why) = &*link
        {
            return why.clone();
        }
        match error {
            Some(error) => EndReason::of_accept(error, &self.session_handle.token),
            None => EndReason::Lost("ngrok closed the endpoint".to_owned()),
        }
    }
}

/// The session once it is open.
pub async fn open(states: &mut watch::Receiver<SessionState>) -> Result<Session, EndReason> {
    loop {
        match &*states.borrow_and_update() {
            SessionState::Open(session) => return Ok(session.clone()),
            SessionState::Ended(why) => return Err(why.clone()),
            SessionState::Opening | SessionState::Lost(_) => {}
        }
        if states.changed().await.is_err() {
            return Err(EndReason::Lost("the session ended".to_owned()));
        }
    }
}

/// Join one visitor and the gateway.
async fn pipe(mut visitor: EndpointConn, target: SocketAddr, stop: CancellationToken) {
    let joined = async {
        let mut gateway = TcpStream::connect(target).await?;
        tokio::io::copy_bidirectional(&mut visitor, &mut gateway).await
    };
    tokio::select! {
        () = stop.cancelled() => {}
        joined = joined => if let Err(error) = joined {
            tracing::debug!(%target, %error, "a visitor by ngrok was cut off");
        }
    }
}
