//! The control stream of one agent: it registers there, and is told its configuration.

use std::{convert::Infallible, rc::Rc, sync::Arc, time::Duration};

use bytes::Bytes;
use capnp_rpc::{RpcSystem, rpc_twoparty_capnp::Side, twoparty::VatNetwork};
use h2::client::SendRequest;
use http::Request;
use serde_json::json;
use tokio::{
    io::{DuplexStream, duplex, split},
    sync::watch,
};
use tokio_util::compat::{TokioAsyncReadCompatExt as _, TokioAsyncWriteCompatExt as _};

use super::{Connected, Failure, Seen, Shared, UPGRADE, pipe};
use crate::registration_capnp as wire;
use wire::registration_server as server;

/// Between looks for another configuration.
const LOOKING: Duration = Duration::from_millis(20);
/// Nanoseconds after which one that was refused may come again.
const AGAIN: i64 = 100_000_000;

/// Until the agent is done with it.
pub async fn serve(
    shared: &Arc<Shared>,
    number: u64,
    client: SendRequest<Bytes>,
) -> Result<(), Failure> {
    let mut ready = client.clone().ready().await?;
    // The agent answers with its first bytes, so nothing waits for the answer.
    let (response, send) = ready.send_request(request("control-stream"), false)?;
    let (near, far) = duplex(1 << 16);
    let (read, write) = split(far);
    let (tell, tunnel) = watch::channel(None);
    let registrar = Registrar {
        shared: Arc::clone(shared),
        number,
        client: client.clone(),
        tell,
    };
    let receiving =
        async { Ok::<_, Failure>(pipe::inward(response.await?.into_body(), write).await?) };
    let sending = async { Ok(pipe::outward(read, send).await?) };
    let registering = async {
        let served: server::Client = capnp_rpc::new_client(registrar);
        Ok(RpcSystem::new(Box::new(network(near)), Some(served.client)).await?)
    };
    tokio::select! {
        done = async { tokio::try_join!(receiving, sending, registering) } => done.map(drop),
        failed = configure(shared, &client, tunnel) => failed.map(|never| match never {}),
    }
}

/// The edge's side of the RPC over this stream.
fn network(stream: DuplexStream) -> VatNetwork<impl futures_util::AsyncRead + Unpin> {
    let (read, write) = split(stream);
    VatNetwork::new(
        read.compat(),
        write.compat_write(),
        Side::Server,
        capnp::message::ReaderOptions::default(),
    )
}

fn request(what: &str) -> Request<()> {
    Request::post("https://edge/")
        .header(UPGRADE, what)
        .body(())
        .unwrap()
}

/// Tell the agent its tunnel's configuration, and every other that it gets.
async fn configure(
    shared: &Shared,
    client: &SendRequest<Bytes>,
    mut tunnel: watch::Receiver<Option<String>>,
) -> Result<Infallible, Failure> {
    let Ok(Some(tunnel)) = tunnel.wait_for(Option::is_some).await.map(|it| it.clone()) else {
        return std::future::pending().await;
    };
    let mut told = 0;
    loop {
        if let Some((version, ingress)) = shared.configuration(&tunnel)
            && version > told
        {
            let body = json!({"version": version, "config": {"ingress": ingress}}).to_string();
            let mut ready = client.clone().ready().await?;
            let (response, mut send) =
                ready.send_request(request("update-configuration"), false)?;
            send.send_data(body.into(), true)?;
            let answer = pipe::all(response.await?.into_body()).await?;
            shared.note(Seen::Configured(serde_json::from_slice(&answer)?));
            told = version;
        }
        tokio::time::sleep(LOOKING).await;
    }
}

/// Takes registrations of one connection.
struct Registrar {
    shared: Arc<Shared>,
    number: u64,
    client: SendRequest<Bytes>,
    tell: watch::Sender<Option<String>>,
}

impl Registrar {
    /// Whether this tunnel may be served with this account and secret.
    fn judge(&self, tunnel: &str, account: &str, secret: &[u8]) -> Result<(), String> {
        match self.shared.directory.credentials(tunnel) {
            None => Err("Unauthorized: Failed to get tunnel".to_owned()),
            Some((of, right)) if of != account || right != secret => {
                Err("Unauthorized: Invalid tunnel secret".to_owned())
            }
            Some(_) => Ok(()),
        }
    }
}

impl server::Server for Registrar {
    async fn register_connection(
        self: Rc<Self>,
        asked: server::RegisterConnectionParams,
        mut answer: server::RegisterConnectionResults,
    ) -> Result<(), capnp::Error> {
        let asked = asked.get()?;
        let auth = asked.get_auth()?;
        let tunnel = hyphenated(asked.get_tunnel_id()?);
        let version = asked
            .get_options()?
            .get_client()?
            .get_version()?
            .to_string()?;
        let account = auth.get_account_tag()?.to_str()?;
        let judged = self.judge(&tunnel, account, auth.get_tunnel_secret()?);
        let result = answer.get().init_result().init_result();
        if let Err(cause) = judged {
            let mut refusal = result.init_error();
            refusal.set_cause(&cause);
            refusal.set_retry_after(AGAIN);
            refusal.set_should_retry(true);
            self.shared.note(Seen::Refused(cause));
            return Ok(());
        }
        let mut details = result.init_connection_details();
        let mut uuid = [0; 16];
        uuid[8..].copy_from_slice(&self.number.to_be_bytes());
        details.set_uuid(&uuid);
        details.set_location_name("LOOP1");
        details.set_tunnel_is_remotely_managed(self.shared.directory.ingress(&tunnel).is_some());
        let connected = Connected {
            tunnel: tunnel.clone(),
            client: self.client.clone(),
        };
        self.shared.keep(self.number, connected);
        self.tell.send_replace(Some(tunnel.clone()));
        self.shared.note(Seen::Registered { tunnel, version });
        Ok(())
    }

    async fn unregister_connection(
        self: Rc<Self>,
        _: server::UnregisterConnectionParams,
        _: server::UnregisterConnectionResults,
    ) -> Result<(), capnp::Error> {
        self.shared.note(Seen::Unregistered);
        self.shared.forget(self.number);
        Ok(())
    }

    async fn update_local_configuration(
        self: Rc<Self>,
        _: server::UpdateLocalConfigurationParams,
        _: server::UpdateLocalConfigurationResults,
    ) -> Result<(), capnp::Error> {
        Ok(())
    }
}

/// A UUID as people write it.
fn hyphenated(bytes: &[u8]) -> String {
    let digits = |(n, byte): (usize, &u8)| match n {
        4 | 6 | 8 | 10 => format!("-{byte:02x}"),
        _ => format!("{byte:02x}"),
    };
    bytes.iter().enumerate().map(digits).collect()
}
