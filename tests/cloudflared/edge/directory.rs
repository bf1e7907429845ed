//! What the edge knows of tunnels: those of the quick service, which is here too, and those of the
//! fake API.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{Json, Router, extract::State, routing::post};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use codemate_preview::task::Scope;
use serde_json::{Value, json};

use crate::cloudflare_api::{ACCOUNT, FakeApi, secret_of};

pub trait Directory: Send + Sync {
    /// The tunnel that a public host leads to.
    fn tunnel_of(&self, host: &str) -> Option<String>;
    /// The account and the secret with which a tunnel is served.
    fn credentials(&self, tunnel: &str) -> Option<(String, Vec<u8>)>;
    /// The rules of a tunnel whose configuration is kept at the provider.
    fn ingress(&self, tunnel: &str) -> Option<Vec<Value>>;
    /// How many connections a tunnel has now.
    fn connected(&self, tunnel: &str, count: u32);
}

/// The service that gives out quick tunnels: `POST /tunnel`.
#[derive(Clone)]
pub struct QuickService {
    pub base: String,
    /// By their hosts.
    tunnels: Arc<Mutex<BTreeMap<String, String>>>,
}

impl QuickService {
    pub async fn start(scope: &Scope) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let service = Self {
            base: format!("http://{}", listener.local_addr().unwrap()),
            tunnels: Arc::default(),
        };
        let router = Router::new()
            .route("/tunnel", post(answer))
            .with_state(service.clone());
        let token = scope.token();
        scope.spawn(async move {
            axum::serve(listener, router)
                .with_graceful_shutdown(token.cancelled_owned())
                .await
        });
        service
    }

    /// A fresh tunnel, as the service tells of it.
    pub fn give(&self) -> Value {
        let mut tunnels = self.tunnels.lock().unwrap();
        let number = tunnels.len() + 1;
        let tunnel = format!("c0ffee00-0000-4000-8000-{number:012x}");
        let host = format!("quick-{number}.trycloudflare.com");
        tunnels.insert(host.clone(), tunnel.clone());
        json!({
            "id": tunnel, "name": "quick", "hostname": host, "account_tag": ACCOUNT,
            "secret": BASE64.encode(secret_of(&tunnel)),
        })
    }
}

async fn answer(State(service): State<QuickService>) -> Json<Value> {
    let result = service.give();
    Json(json!({"success": true, "result": result, "errors": [], "messages": []}))
}

impl Directory for QuickService {
    fn tunnel_of(&self, host: &str) -> Option<String> {
        self.tunnels.lock().unwrap().get(host).cloned()
    }

    fn credentials(&self, tunnel: &str) -> Option<(String, Vec<u8>)> {
        let tunnels = self.tunnels.lock().unwrap();
        let is_one = tunnels.values().any(|it| it == tunnel);
        is_one.then(|| (ACCOUNT.to_owned(), secret_of(tunnel)))
    }

    fn ingress(&self, _: &str) -> Option<Vec<Value>> {
        None
    }

    fn connected(&self, _: &str, _: u32) {}
}

impl Directory for FakeApi {
    fn tunnel_of(&self, host: &str) -> Option<String> {
        let records = self.records();
        let record = records.values().find(|it| it["name"] == host)?;
        let tunnel = record["content"]
            .as_str()?
            .strip_suffix(".cfargotunnel.com")?;
        Some(tunnel.to_owned())
    }

    fn credentials(&self, tunnel: &str) -> Option<(String, Vec<u8>)> {
        let is_one = self.tunnels().contains_key(tunnel);
        is_one.then(|| (ACCOUNT.to_owned(), secret_of(tunnel)))
    }

    fn ingress(&self, tunnel: &str) -> Option<Vec<Value>> {
        let mut tunnels = self.tunnels();
        tunnels.remove(tunnel).map(|tunnel| tunnel.ingress)
    }

    fn connected(&self, tunnel: &str, count: u32) {
        self.connect(tunnel, count);
    }
}
