//! The tunnel itself, as the account has it: found or made, its token, its end.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::{api::Api, api_error::ApiError, ingress::IngressRules};
use crate::{model::Secret, tunnel::TunnelError};

/// How often a tunnel that still has connections is deleted, and what lies between.
const DELETE_ATTEMPTS: u32 = 6;
const PAUSE: Duration = Duration::from_millis(500);

/// Tunnels of one account.
pub struct Account<'a> {
    pub api: &'a Api,
    pub id: &'a str,
}

#[derive(Debug, Deserialize)]
struct RemoteTunnel {
    id: String,
    name: String,
}

impl Account<'_> {
    /// The id of the tunnel of that name.
    pub async fn find(&self, name: &str) -> Result<Option<String>, ApiError> {
        let query = format!("name={name}&is_deleted=false");
        let found: Vec<RemoteTunnel> = self.api.list(&self.path(""), &query).await?;
        // The API takes `name` for the name; should it not, another's must not be taken for ours.
        Ok(found
            .into_iter()
            .find(|tunnel| tunnel.name == name)
            .map(|tunnel| tunnel.id))
    }

    pub async fn find_or_make(&self, name: &str) -> Result<String, TunnelError> {
        if let Some(id) = self.find(name).await? {
            return Ok(id);
        }
        let body = json!({"name": name, "config_src": "cloudflare"});
        match self.api.post::<RemoteTunnel>(&self.path(""), &body).await {
            Ok(made) => Ok(made.id),
            // Made after all by a request whose answer was lost: no one else has names like it.
            Err(error) if error.is_conflict() => self.find(name).await?.ok_or_else(|| error.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// With it `cloudflared` is the tunnel's end.
    pub async fn token(&self, tunnel: &str) -> Result<Secret, ApiError> {
        let path = self.path(&format!("/{tunnel}/token"));
        self.api.get::<Secret>(&path).await
    }

    /// Replaces all rules there were.
    pub async fn configure(&self, tunnel: &str, rules: &IngressRules) -> Result<(), ApiError> {
        let path = self.path(&format!("/{tunnel}/configurations"));
        self.api.put(&path, &rules.config()).await
    }

    /// Its program must have ended. The edge takes a while to notice, and until then it refuses.
    pub async fn delete(&self, tunnel: &str) -> Result<(), ApiError> {
        let path = self.path(&format!("/{tunnel}"));
        let mut goodbye = 1;
        loop {
            match self.api.delete(&path).await {
                Err(error) if error.is_connected() && goodbye < DELETE_ATTEMPTS => {}
                done => return done,
            }
            self.api.delete(&format!("{path}/connections")).await?;
            tokio::time::sleep(PAUSE).await;
            goodbye += 1;
        }
    }

    fn path(&self, rest: &str) -> String {
        format!("/accounts/{}/cfd_tunnel{rest}", self.id)
    }
}
