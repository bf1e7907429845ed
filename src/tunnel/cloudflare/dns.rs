//! The CNAME of a preview: made, pointed elsewhere, deleted, and never one of someone else's.

use serde::Deserialize;
use serde_json::json;

use super::{api::Api, api_error::ApiError};
use crate::{model::InstanceId, tunnel::TunnelError};

/// Records of one zone, made by one host's agent.
pub struct Zone<'a> {
    pub api: &'a Api,
    pub id: &'a str,
    pub owner: &'a str,
}

#[derive(Debug, Clone, Deserialize)]
struct DnsRecord {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    content: String,
    #[serde(default)]
    proxied: bool,
    #[serde(default)]
    comment: Option<String>,
}

impl Zone<'_> {
    /// Have `host` lead to the tunnel, and give the record's id. `known` are the instances whose
    /// names are not for the taking.
    pub async fn point(
        &self,
        host: &str,
        tunnel: &str,
        instance: &InstanceId,
        known: &[InstanceId],
    ) -> Result<String, TunnelError> {
        let content = format!("{tunnel}.cfargotunnel.com");
        let comment = self.comment(instance);
        let body = json!({
            "type": "CNAME",
            "name": host,
            "content": content,
            "ttl": 1,
            "proxied": true,
            "comment": comment,
        });
        let mut made_meanwhile = false;
        loop {
            if let Some(there) = self.ours(host, instance, known).await? {
                let right = there.content == content && there.proxied;
                if right && there.comment.as_deref() == Some(&comment) {
                    return Ok(there.id);
                }
                let path = self.path(&format!("/{}", there.id));
                return Ok(self.api.patch::<DnsRecord>(&path, &body).await?.id);
            }
            match self.api.post::<DnsRecord>(&self.path(""), &body).await {
                Ok(made) => return Ok(made.id),
                // By a request whose answer was lost, or by someone else: look.
                Err(error) if error.record_exists() && !made_meanwhile => made_meanwhile = true,
                Err(error) if error.record_exists() => return Err(taken(host, error.to_string())),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Delete what was made for this instance. Others' records stay.
    pub async fn clear(&self, host: &str, instance: &InstanceId) -> Result<(), ApiError> {
        let comment = self.comment(instance);
        for there in self.at(host).await? {
            if there.comment.as_deref() == Some(&comment) {
                self.api
                    .delete(&self.path(&format!("/{}", there.id)))
                    .await?;
            }
        }
        Ok(())
    }

    /// The same by the record's id.
    pub async fn delete(&self, record: &str, instance: &InstanceId) -> Result<(), ApiError> {
        let path = self.path(&format!("/{record}"));
        match self.api.get::<DnsRecord>(&path).await {
            Ok(there) if there.comment.as_deref() == Some(&self.comment(instance)) => {
                self.api.delete(&path).await
            }
            // The zone's owner has made it theirs.
            Ok(_) => Ok(()),
            Err(error) if error.is_absent() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The record of ours at that host. One of someone else's is an error.
    async fn ours(
        &self,
        host: &str,
        instance: &InstanceId,
        known: &[InstanceId],
    ) -> Result<Option<DnsRecord>, TunnelError> {
        let mut ours = None;
        for there in self.at(host).await? {
            let by = self.instance_of(&there);
            match by {
                Some(id) if id == instance.as_str() => ours = Some(there),
                Some(id) if known.iter().any(|known| known.as_str() == id) => {
                    return Err(taken(host, format!("it leads to the instance {id}")));
                }
                // Left by an instance that nobody knows any more.
                Some(_) => ours = Some(there),
                None => {
                    let said = format!(
                        "it has a {} record that this host's agent did not make",
                        there.kind
                    );
                    return Err(taken(host, said));
                }
            }
        }
        Ok(ours)
    }

    /// Every record that a CNAME cannot be beside.
    async fn at(&self, host: &str) -> Result<Vec<DnsRecord>, ApiError> {
        let query = format!("name={host}");
        let mut found: Vec<DnsRecord> = self.api.list(&self.path(""), &query).await?;
        found.retain(|entry| {
            let excludes = matches!(entry.kind.as_str(), "A" | "AAAA" | "CNAME" | "NS");
            excludes && entry.name.eq_ignore_ascii_case(host)
        });
        Ok(found)
    }

    fn instance_of<'e>(&self, entry: &'e DnsRecord) -> Option<&'e str> {
        let comment = entry.comment.as_deref()?;
        let rest = comment.strip_prefix("codemate-preview ")?;
        let id = rest.strip_prefix(self.owner)?.strip_prefix(' ')?;
        (entry.kind == "CNAME").then_some(id)
    }

    /// Says whose a record is. Free plans allow 100 characters; these are 46.
    fn comment(&self, instance: &InstanceId) -> String {
        format!("codemate-preview {} {instance}", self.owner)
    }

    fn path(&self, rest: &str) -> String {
        format!("/zones/{}/dns_records{rest}", self.id)
    }
}

fn taken(host: &str, said: String) -> TunnelError {
    TunnelError::HostTaken {
        host: host.to_owned(),
        said,
        hint: "give the preview another name with `--name`, or delete that record at Cloudflare"
            .to_owned(),
    }
}
