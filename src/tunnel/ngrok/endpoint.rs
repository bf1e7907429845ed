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
    line::{Line, Link},
    why::Why,
};
use crate::{
    model::PublicUrl,
    task::Scope,
    tunnel::{Order, Report, Stop},
};

/// A stop waits for it, and the supervisor for the stop.
const BINDING: Duration = Duration::from_secs(10);
const CLOSING: Duration = Duration::from_secs(3);
/// How long the session may take to say why it ended after its endpoints have.
const LAST_WORD: Duration = Duration::from_secs(2);

pub struct Endpoint<'a> {
    pub order: &'a Order,
    pub domain: Option<&'a str>,
    pub line: &'a Line,
    pub report: &'a Report,
    pub stop: &'a Stop,
}

impl Endpoint<'_> {
    /// Until stopped; `bound` is called once it has a URL.
    pub async fn hold(&self, bound: impl FnOnce()) -> Result<(), Why> {
        let mut states = self.line.states.clone();
        let session = tokio::select! {
            () = self.stop.asked() => return Ok(()),
            session = open(&mut states) => session?,
        };
        // Not cut short by a stop: who asked does not know the id to close until it is answered.
        let mut tunnel = self.bind(&session).await?;
        if states.has_changed().unwrap_or(true) {
            // Whether it was bound before or after the loss, nobody binds it again.
            self.line.leave(tunnel.id());
            return Err(Why::Lost("the session was lost meanwhile".to_owned()));
        }
        let outcome = match tunnel.url().parse::<PublicUrl>() {
            Ok(url) => {
                bound();
                self.report.up(&url);
                self.attend(&mut tunnel, &mut states, &url).await
            }
            Err(_) => Err(Why::NoUrl(tunnel.url().to_owned())),
        };
        let closed = tokio::time::timeout(CLOSING, tunnel.close()).await;
        if !matches!(closed, Ok(Ok(()))) {
            self.line.leave(tunnel.id());
        }
        outcome
    }

    async fn bind(&self, session: &Session) -> Result<HttpTunnel, Why> {
        let mut wanted: HttpTunnelBuilder = session.http_endpoint();
        wanted
            .metadata(self.order.name.as_str())
            .forwards_to(format!("http://{}", self.order.target));
        if let Some(domain) = self.domain {
            wanted.domain(domain);
        }
        match tokio::time::timeout(BINDING, wanted.listen()).await {
            Ok(bound) => bound.map_err(|error| Why::of_rpc(&error, &self.line.token)),
            Err(_) => Err(Why::TimedOut {
                what: "opening an ngrok endpoint",
                waited: BINDING,
            }),
        }
    }

    /// Let visitors in for as long as it lasts. When it ends, the last of them is gone.
    async fn attend(
        &self,
        tunnel: &mut HttpTunnel,
        states: &mut watch::Receiver<Link>,
        url: &PublicUrl,
    ) -> Result<(), Why> {
        let visits = Scope::new();
        let _gone = visits.token().drop_guard();
        let outcome = loop {
            tokio::select! {
                () = self.stop.asked() => break Ok(()),
                visitor = tunnel.next() => match visitor {
                    Some(Ok(visitor)) => {
                        visits.spawn(lead(visitor, self.order.target, visits.token()));
                    }
                    Some(Err(error)) => break Err(self.last_word(states, Some(&error)).await),
                    None => break Err(self.last_word(states, None).await),
                },
                changed = states.changed() => {
                    let now = states.borrow_and_update().clone();
                    match now {
                        Link::Open(_) => self.report.up(url),
                        Link::Lost(why) => self.report.down(why),
                        Link::Ended(why) => break Err(why),
                        Link::Opening => {}
                    }
                    if changed.is_err() {
                        break Err(Why::Lost("the session ended".to_owned()));
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
        states: &mut watch::Receiver<Link>,
        error: Option<&AcceptError>,
    ) -> Why {
        if let Some(error @ AcceptError::ListenerClosed { .. }) = error {
            return Why::of_accept(error, &self.line.token);
        }
        let ended = states.wait_for(|link| matches!(link, Link::Ended(_)));
        if let Ok(Ok(link)) = tokio::time::timeout(LAST_WORD, ended).await
            && let Link::Ended(why) = &*link
        {
            return why.clone();
        }
        match error {
            Some(error) => Why::of_accept(error, &self.line.token),
            None => Why::Lost("ngrok closed the endpoint".to_owned()),
        }
    }
}

/// The session once it is open.
pub async fn open(states: &mut watch::Receiver<Link>) -> Result<Session, Why> {
    loop {
        match &*states.borrow_and_update() {
            Link::Open(session) => return Ok(session.clone()),
            Link::Ended(why) => return Err(why.clone()),
            Link::Opening | Link::Lost(_) => {}
        }
        if states.changed().await.is_err() {
            return Err(Why::Lost("the session ended".to_owned()));
        }
    }
}

/// Join one visitor and the gateway.
async fn lead(mut visitor: EndpointConn, target: SocketAddr, stop: CancellationToken) {
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
