//! The other end: an agent that does over HTTP/2 what `cloudflared` does, as far as the edge can
//! tell.

use std::{cell::RefCell, net::SocketAddr, rc::Rc, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use capnp_rpc::{RpcSystem, rpc_twoparty_capnp::Side};
use h2::{RecvStream, server::SendResponse};
use http::{Request, Response};
use serde_json::{Value, json};
use tokio::{
    io::{duplex, split},
    net::TcpStream,
    sync::watch,
    task::spawn_local,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};
use tokio_util::sync::CancellationToken;

use super::{Failure, NAME, UPGRADE, control, origin, pipe, registration_capnp as wire};
use wire::{registration_server as server, response};

pub const VERSION: &str = "0.0.0-stand-in";
/// Before it dials again.
const PAUSE: Duration = Duration::from_millis(50);

/// What it serves, where, and with what right.
#[derive(Debug, Clone)]
pub struct Agent {
    pub edge: SocketAddr,
    /// The edge's authority, as PEM.
    pub ca: String,
    pub account: String,
    /// A UUID.
    pub tunnel: String,
    pub secret: Vec<u8>,
    /// Where requests go. Those of a tunnel without one go by the rules that the edge sends.
    pub origin: Option<SocketAddr>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Unconnected,
    Registered,
    Refused(String),
}

/// What the edge last sent.
#[derive(Default)]
struct Configuration {
    version: i64,
    rules: Vec<Value>,
}

/// An agent while it runs.
struct Running {
    agent: Agent,
    configuration: RefCell<Configuration>,
    say: watch::Sender<State>,
    stop: CancellationToken,
}

impl Agent {
    /// Of a tunnel as the quick service tells of it.
    pub fn of_quick(given: &Value, edge: SocketAddr, ca: String, origin: SocketAddr) -> Self {
        let of = |key: &str| given[key].as_str().unwrap();
        Self {
            edge,
            ca,
            account: of("account_tag").to_owned(),
            tunnel: of("id").to_owned(),
            secret: BASE64.decode(of("secret")).unwrap(),
            origin: Some(origin),
        }
    }

    /// Of a tunnel by its token.
    pub fn of_token(token: &str, edge: SocketAddr, ca: String) -> Self {
        let token: Value = serde_json::from_slice(&BASE64.decode(token).unwrap()).unwrap();
        let of = |key: &str| token[key].as_str().unwrap();
        Self {
            edge,
            ca,
            account: of("a").to_owned(),
            tunnel: of("t").to_owned(),
            secret: BASE64.decode(of("s")).unwrap(),
            origin: None,
        }
    }

    /// Be connected until stopped; then say goodbye. Runs on one thread: see `on_this_thread`.
    pub async fn run(self, say: watch::Sender<State>, stop: CancellationToken) {
        let running = Rc::new(Running {
            agent: self,
            configuration: RefCell::default(),
            say,
            stop,
        });
        while !running.stop.is_cancelled() {
            let ended = running.connect().await;
            let refused = |state: &State| matches!(state, State::Refused(_));
            if ended.is_ok() || !refused(&running.say.borrow()) {
                running.say.send_replace(State::Unconnected);
            }
            let pause = tokio::time::sleep(PAUSE);
            running.stop.run_until_cancelled(pause).await;
        }
    }
}

impl Running {
    /// One connection, to its end.
    async fn connect(self: &Rc<Self>) -> Result<(), Failure> {
        let mut connection = h2::server::handshake(self.dial().await?).await?;
        let mut control = None;
        loop {
            let registration = async {
                match &mut control {
                    Some(task) => task.await,
                    None => std::future::pending().await,
                }
            };
            let (request, respond) = tokio::select! {
                ended = registration => return ended?,
                accepted = connection.accept() => match accepted {
                    Some(accepted) => accepted?,
                    None => return Ok(()),
                },
            };
            let kind = request.headers().get(UPGRADE).cloned();
            let this = Rc::clone(self);
            match kind.as_ref().map(http::HeaderValue::as_bytes) {
                Some(b"control-stream") => {
                    let serving = this.register(request.into_body(), respond);
                    control = Some(spawn_local(serving));
                }
                Some(b"update-configuration") => {
                    spawn_local(this.configure(request.into_body(), respond));
                }
                kind => {
                    let is_socket = kind == Some(b"websocket");
                    spawn_local(this.serve(request, respond, is_socket));
                }
            }
        }
    }

    async fn dial(&self) -> Result<TlsStream<TcpStream>, Failure> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.agent.ca.as_bytes())?)?;
        let config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let socket = TcpStream::connect(self.agent.edge).await?;
        let name = ServerName::try_from(NAME)?;
        let connector = TlsConnector::from(Arc::new(config));
        Ok(connector.connect(name, socket).await?)
    }

    /// Until stopped, once it is registered.
    async fn register(
        self: Rc<Self>,
        receive: RecvStream,
        mut respond: SendResponse<Bytes>,
    ) -> Result<(), Failure> {
        let send = respond.send_response(Response::new(()), false)?;
        let (near, far) = duplex(1 << 16);
        let (read, write) = split(far);
        let mut system = RpcSystem::new(Box::new(control::network(near, Side::Client)), None);
        let edge: server::Client = system.bootstrap(Side::Server);
        let carrying = async {
            let receiving = async { Ok::<_, Failure>(pipe::inward(receive, write).await?) };
            let sending = async { Ok(pipe::outward(read, send).await?) };
            let calling = async { Ok(system.await?) };
            tokio::try_join!(receiving, sending, calling)
        };
        tokio::select! {
            ended = carrying => ended.map(drop),
            ended = self.call(edge) => ended,
        }
    }

    async fn call(&self, edge: server::Client) -> Result<(), Failure> {
        let mut call = edge.register_connection_request();
        let mut asked = call.get();
        let mut auth = asked.reborrow().init_auth();
        auth.set_account_tag(&self.agent.account);
        auth.set_tunnel_secret(&self.agent.secret);
        asked.set_tunnel_id(&bytes_of(&self.agent.tunnel));
        asked.set_conn_index(0);
        let mut client = asked.init_options().init_client();
        client.set_client_id(&[1; 16]);
        client.set_version(VERSION);
        let answer = call.send().promise.await?;
        match answer.get()?.get_result()?.get_result().which()? {
            response::result::Error(refusal) => {
                let cause = refusal?.get_cause()?.to_string()?;
                self.say.send_replace(State::Refused(cause.clone()));
                return Err(cause.into());
            }
            response::result::ConnectionDetails(details) => {
                let is_remote = details?.get_tunnel_is_remotely_managed();
                if is_remote == self.agent.origin.is_some() {
                    return Err("the edge takes the tunnel for another kind".into());
                }
            }
        }
        self.say.send_replace(State::Registered);
        self.stop.cancelled().await;
        let goodbye = edge.unregister_connection_request().send();
        goodbye.promise.await?;
        Ok(())
    }

    /// Go by these rules, unless they are older than those it has.
    async fn configure(
        self: Rc<Self>,
        receive: RecvStream,
        mut respond: SendResponse<Bytes>,
    ) -> Result<(), Failure> {
        let told: Value = serde_json::from_slice(&pipe::all(receive).await?)?;
        let version = told["version"].as_i64().ok_or("no version")?;
        let rules = told["config"]["ingress"].as_array().ok_or("no rules")?;
        let answer = {
            let mut configuration = self.configuration.borrow_mut();
            if version > configuration.version {
                let rules = rules.clone();
                *configuration = Configuration { version, rules };
            }
            json!({"lastAppliedVersion": configuration.version, "err": null})
        };
        let mut send = respond.send_response(Response::new(()), false)?;
        Ok(send.send_data(answer.to_string().into(), true)?)
    }

    async fn serve(
        self: Rc<Self>,
        request: Request<RecvStream>,
        respond: SendResponse<Bytes>,
        is_socket: bool,
    ) -> Result<(), Failure> {
        let host = request.uri().host().unwrap_or_default();
        match self.agent.origin.or_else(|| self.origin_by_rules(host)) {
            Some(origin) => origin::ask(origin, request, respond, is_socket).await,
            None => origin::refuse(respond, 404),
        }
    }

    fn origin_by_rules(&self, host: &str) -> Option<SocketAddr> {
        let configuration = self.configuration.borrow();
        let rule = configuration
            .rules
            .iter()
            .find(|rule| rule["hostname"] == host)?;
        let service = rule["service"].as_str()?.strip_prefix("http://")?;
        service.parse().ok()
    }
}

/// Of a UUID as people write it.
fn bytes_of(uuid: &str) -> Vec<u8> {
    let digits = uuid.replace('-', "");
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}
