//! `Client`: one method a route of the agent's API, over its Unix socket.

mod error;
mod exec;
mod launch;
mod peer;
mod stream;
mod transport;

pub use error::ClientError;
pub use exec::{ExecReader, ExecWriter};
pub use launch::{find, find_or_start, stop};
pub use stream::{ResponseLine, ResponseLines};

use std::fmt::Write;

use transport::Transport;

pub use transport::RemoteEndpoint;

use crate::api::{
    API_VERSION, BuildImagesRequest, CheckTunnelsRequest, ClosedTunnelView, DetectRequest,
    DownRequest, DownView, EventsQuery, ExecRequest, FindingsView, Hello, ImagesView,
    InstanceQuery, InstanceView, InstancesView, LogsQuery, NewLinkRequest, NewLinkView,
    NewTokenRequest, NewTokenView, OpenTunnelRequest, OwnLinkView, ProbeView, PruneRequest,
    PruneView, RevokeRequest, RevokeTokenRequest, RevokedTokenView, RevokedView, SchemaView,
    SecretsRequest, SecretsView, SharesView, SignInRequest, SignedInView, SignedOutView,
    SupabaseRequest, SyncView, TokensView, TunnelChecksView, TunnelsView, UpRequest, WaitQuery,
    WasteView, path,
};
use crate::model::DetectReport;

type Result<T> = std::result::Result<T, ClientError>;

/// Dropping an answer before its end tells the agent that nobody waits for it any more.
#[derive(Debug, Clone)]
pub struct Client {
    transport: Transport,
    hello: Hello,
}

/// An agent on another host. It is never started, stopped or replaced from here.
pub async fn elsewhere(there: &RemoteEndpoint<'_>) -> Result<Client> {
    let transport = Transport::to(there)?;
    let hello: Hello = transport.get(path::HELLO, &()).await?;
    if hello.api != API_VERSION {
        return Err(ClientError::OtherApi { api: hello.api });
    }
    Ok(Client { transport, hello })
}

impl Client {
    /// What the agent said of itself when it was found.
    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// The same as of now, and what engine answers it, which takes a while when one hangs.
    pub async fn status(&self) -> Result<Hello> {
        self.transport
            .get(path::HELLO, &serde_json::json!({ "engine": true }))
            .await
    }

    pub async fn start(&self, request: &UpRequest) -> Result<ResponseLines> {
        self.transport.post_stream(path::START, request).await
    }

    pub async fn stop(&self, request: &DownRequest) -> Result<DownView> {
        self.transport.post(path::STOP, request).await
    }

    pub async fn instances(&self) -> Result<InstancesView> {
        self.transport.get(path::INSTANCES, &()).await
    }

    pub async fn instance(&self, id: &str, query: &InstanceQuery) -> Result<InstanceView> {
        self.transport.get(&of(path::INSTANCE, id), query).await
    }

    pub async fn logs(&self, id: &str, query: &LogsQuery) -> Result<ResponseLines> {
        self.transport.get_stream(&of(path::LOGS, id), query).await
    }

    pub async fn events(&self, id: &str, query: &EventsQuery) -> Result<ResponseLines> {
        self.transport
            .get_stream(&of(path::EVENTS, id), query)
            .await
    }

    pub async fn all_events(&self, query: &EventsQuery) -> Result<ResponseLines> {
        self.transport.get_stream(path::ALL_EVENTS, query).await
    }

    pub async fn exec(&self, id: &str, request: &ExecRequest) -> Result<(ExecReader, ExecWriter)> {
        let io = self.transport.upgrade(&of(path::EXEC, id), request).await?;
        Ok(exec::split(io))
    }

    /// Answered by events that end in `result`, as the start is.
    pub async fn restart(&self, id: &str) -> Result<ResponseLines> {
        self.transport
            .post_stream(&of(path::RESTART, id), &serde_json::json!({}))
            .await
    }

    pub async fn wait(&self, id: &str, query: &WaitQuery) -> Result<InstanceView> {
        self.transport.get(&of(path::WAIT, id), query).await
    }

    pub async fn tunnels(&self) -> Result<TunnelsView> {
        self.transport.get(path::TUNNELS, &()).await
    }

    /// Answered by events that end in `result`.
    pub async fn open_tunnel(
        &self,
        id: &str,
        request: &OpenTunnelRequest,
    ) -> Result<ResponseLines> {
        self.transport
            .post_stream(&of(path::TUNNEL_OPEN, id), request)
            .await
    }

    pub async fn close_tunnel(&self, id: &str) -> Result<ClosedTunnelView> {
        self.transport
            .post(&of(path::TUNNEL_CLOSE, id), &serde_json::json!({}))
            .await
    }

    pub async fn check_tunnels(&self, request: &CheckTunnelsRequest) -> Result<TunnelChecksView> {
        self.transport.post(path::TUNNELS_CHECK, request).await
    }

    /// Who may visit every instance from outside.
    pub async fn shares(&self) -> Result<SharesView> {
        self.transport.get(path::SHARES, &()).await
    }

    pub async fn share(&self, id: &str) -> Result<SharesView> {
        self.transport.get(&of(path::SHARE, id), &()).await
    }

    pub async fn new_link(&self, id: &str, request: &NewLinkRequest) -> Result<NewLinkView> {
        self.transport.post(&of(path::SHARE_NEW, id), request).await
    }

    /// What opens the public URL, for the user of this host.
    pub async fn own_link(&self, id: &str) -> Result<OwnLinkView> {
        self.transport
            .post(&of(path::SHARE_OWN, id), &serde_json::json!({}))
            .await
    }

    pub async fn revoke_links(&self, id: &str, request: &RevokeRequest) -> Result<RevokedView> {
        self.transport
            .post(&of(path::SHARE_REVOKE, id), request)
            .await
    }

    pub async fn secrets(&self, id: &str) -> Result<SecretsView> {
        self.transport.get(&of(path::SECRETS, id), &()).await
    }

    pub async fn change_secrets(&self, id: &str, request: &SecretsRequest) -> Result<SecretsView> {
        self.transport.post(&of(path::SECRETS, id), request).await
    }

    /// How far the files of an instance are behind its table.
    pub async fn sync_status(&self, id: &str) -> Result<SyncView> {
        self.transport.get(&of(path::SYNC, id), &()).await
    }

    pub async fn supabase_login(&self, request: &SignInRequest) -> Result<SignedInView> {
        self.transport.post(path::SUPABASE_LOGIN, request).await
    }

    pub async fn supabase_logout(&self, request: &SupabaseRequest) -> Result<SignedOutView> {
        self.transport.post(path::SUPABASE_LOGOUT, request).await
    }

    pub async fn check_supabase(&self, request: &SupabaseRequest) -> Result<FindingsView> {
        self.transport.post(path::SUPABASE_CHECK, request).await
    }

    pub async fn supabase_schema(&self) -> Result<SchemaView> {
        self.transport.get(path::SUPABASE_SCHEMA, &()).await
    }

    /// Takes up to 30 s.
    pub async fn probe(&self) -> Result<ProbeView> {
        self.transport
            .post(path::PROBE, &serde_json::json!({}))
            .await
    }

    pub async fn detect(&self, request: &DetectRequest) -> Result<DetectReport> {
        self.transport.post(path::DETECT, request).await
    }

    pub async fn prune(&self, request: &PruneRequest) -> Result<WasteView> {
        self.transport.post(path::PRUNE, request).await
    }

    pub async fn images(&self) -> Result<ImagesView> {
        self.transport.get(path::IMAGES, &()).await
    }

    pub async fn build_images(&self, request: &BuildImagesRequest) -> Result<ResponseLines> {
        self.transport
            .post_stream(path::IMAGES_BUILD, request)
            .await
    }

    pub async fn tokens(&self) -> Result<TokensView> {
        self.transport.get(path::TOKENS, &()).await
    }

    pub async fn new_token(&self, request: &NewTokenRequest) -> Result<NewTokenView> {
        self.transport.post(path::TOKENS_NEW, request).await
    }

    pub async fn revoke_token(&self, request: &RevokeTokenRequest) -> Result<RevokedTokenView> {
        self.transport.post(path::TOKENS_REVOKE, request).await
    }

    pub async fn prune_images(&self) -> Result<PruneView> {
        self.transport
            .post(path::IMAGES_PRUNE, &serde_json::json!({}))
            .await
    }
}

/// Fill the `{id}` of a route. Whatever cannot be part of a path is escaped.
fn of(route: &str, id: &str) -> String {
    let mut escaped = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    route.replace("{id}", &escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_cannot_leave_its_place_in_the_path() {
        assert_eq!(of(path::LOGS, "shop"), "/v1/instances/shop/logs");
        assert_eq!(
            of(path::LOGS, "../x?y"),
            "/v1/instances/%2E%2E%2Fx%3Fy/logs"
        );
    }
}
