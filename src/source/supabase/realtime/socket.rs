//! A WebSocket to a Realtime server, over the same HTTP client, and so the same proxies and
//! authorities, as every other request.

use std::path::Path;

use reqwest::{
    Client, StatusCode, Upgraded, Url,
    header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::{client::generate_key, derive_accept_key},
        protocol::{Role, WebSocketConfig},
    },
};

use super::RealtimeError;
use crate::{
    http_client,
    source::supabase::{
        ApiKey,
        rest::{client::reason, endpoint::host_of},
    },
};

pub(super) type RealtimeSocket = WebSocketStream<Upgraded>;

/// A row of 1 MiB is the largest that is sent whole, twice where it comes with what it was.
const LONGEST: usize = 8 << 20;

/// Only HTTP/1.1 has this upgrade.
pub(super) fn client(authorities: Option<&Path>) -> Result<Client, RealtimeError> {
    let http = http_client::builder(authorities)
        .and_then(|builder| http_client::build(builder.http1_only()));
    http.map_err(RealtimeError::NoClient)
}

/// `at` is `ws` or `wss`. The key goes into its query, so no message ever holds the URL.
pub(super) async fn connect(
    http: &Client,
    at: &Url,
    key: &ApiKey,
) -> Result<RealtimeSocket, RealtimeError> {
    let mut url = at.clone();
    let scheme = if at.scheme() == "wss" {
        "https"
    } else {
        "http"
    };
    url.set_scheme(scheme).ok();
    url.query_pairs_mut()
        .append_pair("apikey", key.text().reveal())
        .append_pair("vsn", "2.0.0");
    let host = host_of(at);
    let unreachable = |why: reqwest::Error| RealtimeError::Unreachable {
        host: host.clone(),
        why: reason(&why),
    };
    let nonce = generate_key();
    let response = http
        .get(url)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, &nonce)
        .send()
        .await
        .map_err(unreachable)?;
    let status = response.status();
    let proof = derive_accept_key(nonce.as_bytes());
    let proves = response
        .headers()
        .get(SEC_WEBSOCKET_ACCEPT)
        .is_some_and(|accept| accept.as_bytes() == proof.as_bytes());
    if status != StatusCode::SWITCHING_PROTOCOLS || !proves {
        return Err(refused(host, status));
    }
    let stream = response.upgrade().await.map_err(unreachable)?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(LONGEST))
        .max_frame_size(Some(LONGEST));
    Ok(WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await)
}

fn refused(host: String, status: StatusCode) -> RealtimeError {
    let said = status.to_string();
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => RealtimeError::Credential { said },
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => RealtimeError::Busy { said },
        status if status.is_server_error() => RealtimeError::Busy { said },
        status => RealtimeError::NoServer {
            host,
            status: status.as_u16(),
        },
    }
}
