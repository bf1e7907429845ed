//! What is ours and nothing uses: volumes of this owner without a container, images of ours without
//! a name.

use std::{collections::HashMap, sync::Arc};

use bollard::query_parameters as query;
use serde::Deserialize;

use super::{
    Docker,
    client::{self, HEAVY, error::Operation, http},
};
use crate::engine::{Leftover, LeftoverKind, Result, labels};

/// Of `/system/df`, as engines up to 28 answer; bollard knows the newer form alone.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DiskUsage {
    #[serde(default)]
    images: Option<Vec<DiskUsageImage>>,
    #[serde(default)]
    volumes: Option<Vec<DiskUsageVolume>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DiskUsageImage {
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
struct DiskUsageVolume {
    name: String,
    #[serde(default)]
    labels: Option<HashMap<String, String>>,
    #[serde(default)]
    usage_data: Option<VolumeUsage>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct VolumeUsage {
    size: i64,
    ref_count: i64,
}

impl Docker {
    pub(super) async fn list_leftovers(&self) -> Result<Vec<Leftover>> {
        let usage = self.disk_usage().await?;
        let mut leftovers = Vec::new();
        let none = HashMap::new();
        for volume in usage.volumes.iter().flatten() {
            let labels = volume.labels.as_ref().unwrap_or(&none);
            let used = volume
                .usage_data
                .as_ref()
                .is_none_or(|it| it.ref_count != 0);
            if used || !self.is_ours(labels) {
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
            let bytes = volume.usage_data.as_ref().map_or(0, |it| it.size);
            leftovers.push(leftover(kind, volume.name.clone(), bytes));
        }
        for image in usage.images.iter().flatten() {
            let labels = image.labels.as_ref().unwrap_or(&none);
            let mut tags = image.repo_tags.iter().flatten();
            let named = tags.any(|tag| tag != "<none>:<none>");
            if labels.contains_key(labels::STACK) && !named && image.containers <= 0 {
                let bytes = image.size - image.shared_size.max(0);
                leftovers.push(leftover(LeftoverKind::Image, image.id.clone(), bytes));
            }
        }
        Ok(leftovers)
    }

    /// The one place that asks for it.
    async fn disk_usage(&self) -> Result<Arc<DiskUsage>> {
        let client = self.client().await?;
        let path = format!("/v{}/system/df", client.version);
        let ask = || http::get(&client.endpoint, &path, HEAVY);
        self.inner.disk_usage.answer(ask).await
    }

    /// Looked at again before: what has come into use meanwhile the engine keeps.
    pub(super) async fn drop_leftover(&self, leftover: &Leftover) -> Result<()> {
        let client = self.client().await?;
        let operation = Operation {
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
                client::present(client.within(operation, HEAVY, call).await).map(drop)
            }
            LeftoverKind::Image => {
                let call = client.api.remove_image(
                    &leftover.name,
                    None::<query::RemoveImageOptions>,
                    None,
                );
                client::present(client.within(operation, HEAVY, call).await).map(drop)
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
