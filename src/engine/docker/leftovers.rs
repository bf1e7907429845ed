//! What is ours and nothing uses: volumes of this owner without a container, images of ours without
//! a name.

use std::collections::HashMap;

use bollard::query_parameters as query;
use serde::Deserialize;

use super::{
    Docker,
    client::{self, HEAVY},
    error::Act,
    wire,
};
use crate::engine::{Leftover, LeftoverKind, Result, labels};

/// Of `/system/df`, as engines up to 28 answer; bollard knows the newer form alone.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DiskUsage {
    #[serde(default)]
    images: Option<Vec<Image>>,
    #[serde(default)]
    volumes: Option<Vec<Volume>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    id: String,
    #[serde(default)]
    labels: Option<HashMap<String, String>>,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    containers: i64,
    #[serde(default)]
    size: i64,
    #[serde(default)]
    shared_size: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Volume {
    name: String,
    #[serde(default)]
    labels: Option<HashMap<String, String>>,
    #[serde(default)]
    usage_data: Option<Usage>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Usage {
    size: i64,
    ref_count: i64,
}

impl Docker {
    pub(super) async fn list_leftovers(&self) -> Result<Vec<Leftover>> {
        let client = self.client().await?;
        let path = format!("/v{}/system/df", client.version);
        let told: DiskUsage = wire::get(&client.endpoint, &path, HEAVY).await?;
        let mut found = Vec::new();
        for volume in told.volumes.unwrap_or_default() {
            let labels = volume.labels.unwrap_or_default();
            let used = volume
                .usage_data
                .as_ref()
                .is_none_or(|it| it.ref_count != 0);
            if used || !self.is_ours(&labels) {
                continue;
            }
            let kind = match labels.get(labels::ROLE).map(String::as_str) {
                Some("home") => match labels.get(labels::ID).and_then(|id| id.parse().ok()) {
                    Some(id) => LeftoverKind::Home { id },
                    None => continue,
                },
                Some("guest") if volume.name != self.inner.contents.volume => LeftoverKind::Guest,
                _ => continue,
            };
            let bytes = volume.usage_data.map_or(0, |it| it.size);
            found.push(leftover(kind, volume.name, bytes));
        }
        for image in told.images.unwrap_or_default() {
            let labels = image.labels.unwrap_or_default();
            let tags = image.repo_tags.unwrap_or_default();
            let named = tags.iter().any(|tag| tag != "<none>:<none>");
            if labels.contains_key(labels::STACK) && !named && image.containers <= 0 {
                let bytes = image.size - image.shared_size.max(0);
                found.push(leftover(LeftoverKind::Image, image.id, bytes));
            }
        }
        Ok(found)
    }

    /// Looked at again before: what has come into use meanwhile the engine keeps.
    pub(super) async fn drop_leftover(&self, leftover: &Leftover) -> Result<()> {
        let client = self.client().await?;
        let act = Act {
            verb: "remove",
            what: &leftover.name,
        };
        match leftover.kind {
            LeftoverKind::Home { .. } => self.delete_home(&leftover.name).await,
            LeftoverKind::Guest => {
                if self.owned_volume(&client, &leftover.name).await?.is_none() {
                    return Ok(());
                }
                let call = client
                    .api
                    .remove_volume(&leftover.name, None::<query::RemoveVolumeOptions>);
                client::present(client.within(act, HEAVY, call).await).map(drop)
            }
            LeftoverKind::Image => {
                let call = client.api.remove_image(
                    &leftover.name,
                    None::<query::RemoveImageOptions>,
                    None,
                );
                client::present(client.within(act, HEAVY, call).await).map(drop)
            }
        }
    }
}

fn leftover(kind: LeftoverKind, name: String, bytes: i64) -> Leftover {
    Leftover {
        kind,
        name,
        bytes: u64::try_from(bytes).unwrap_or(0),
    }
}
