//! Images the engine has, and getting and removing them.

pub(super) mod build;

use std::time::Duration;

use bollard::{models::ImageInspect, query_parameters as query};
use futures_util::{StreamExt, TryStreamExt};
use tokio::sync::mpsc;

use super::{
    Docker,
    client::{
        self, DockerClient, HEAVY, SILENCE, SIMPLE,
        error::{self, Operation},
    },
};
use crate::{
    engine::{EngineError, Result, labels},
    model::{BuildProgress, ImageInfo, ImageRef},
};

/// An image, and the stack it was built from if it is one of ours.
#[derive(Debug, Clone)]
pub struct InspectedImage {
    pub info: ImageInfo,
    stack: Option<String>,
}

impl InspectedImage {
    pub fn is_ours(&self) -> bool {
        self.stack.is_some()
    }
}

pub async fn inspect(client: &DockerClient, image: &ImageRef) -> Result<Option<InspectedImage>> {
    let what = format!("image {image}");
    let call = client.api.inspect_image(image.as_str());
    let answer = client
        .within(
            Operation {
                verb: "inspect",
                what: &what,
            },
            SIMPLE,
            call,
        )
        .await;
    Ok(client::present(answer)?.map(translate))
}

fn translate(image: ImageInspect) -> InspectedImage {
    let config = image.config.unwrap_or_default();
    let tags = image.repo_tags.unwrap_or_default();
    let created = image
        .created
        .and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let mut image_labels = config.labels.unwrap_or_default();
    let info = ImageInfo {
        id: image.id.unwrap_or_default(),
        tags: tags
            .into_iter()
            .filter_map(|tag| tag.parse().ok())
            .collect(),
        size_bytes: image
            .size
            .and_then(|size| u64::try_from(size).ok())
            .unwrap_or_default(),
        created: created.map(jiff::Timestamp::as_second).unwrap_or_default(),
        env: config.env.unwrap_or_default(),
        recipe: image_labels.remove(labels::RECIPE),
    };
    let stack = image_labels.remove(labels::STACK);
    InspectedImage { info, stack }
}

impl Docker {
    pub(super) async fn stack_images(&self) -> Result<Vec<ImageInfo>> {
        let client = self.client().await?;
        let filters = [("label", vec![labels::STACK])].into();
        let options = query::ListImagesOptionsBuilder::default()
            .filters(&filters)
            .build();
        let operation = Operation {
            verb: "list",
            what: "images",
        };
        let listed = client
            .within(operation, SIMPLE, client.api.list_images(Some(options)))
            .await?;
        let mut images = Vec::new();
        for summary in listed {
            let Ok(id) = summary.id.parse();
            // One that went in between is not an error.
            images.extend(inspect(&client, &id).await?.map(|image| image.info));
        }
        images.sort_by(|a, b| a.tags.cmp(&b.tags));
        Ok(images)
    }

    /// What the engine says of an image that every registry by default has. Whatever keeps it from
    /// an answer, a pull would meet too.
    pub(super) async fn asks_registry(&self) -> Result<bool> {
        const TIMEOUT: Duration = Duration::from_secs(2);
        let client = self.client().await?;
        let asked = client
            .api
            .inspect_registry_image("debian:stable-slim", None);
        let answer = tokio::time::timeout(TIMEOUT, asked).await;
        Ok(matches!(answer, Ok(Ok(_))))
    }

    pub(super) async fn pull(
        &self,
        image: &ImageRef,
        progress: &mpsc::Sender<BuildProgress>,
    ) -> Result<ImageInfo> {
        let client = self.client().await?;
        let (name, tag) = split(image.as_str());
        let mut options = query::CreateImageOptionsBuilder::default().from_image(name);
        if let Some(tag) = tag {
            options = options.tag(tag);
        }
        let what = format!("image {image}");
        let operation = Operation {
            verb: "pull",
            what: &what,
        };
        let mut lines = client
            .api
            .create_image(Some(options.build()), None, None)
            .boxed();
        loop {
            let next = tokio::time::timeout(SILENCE, lines.try_next()).await;
            let line = match next.map_err(|_| error::hanging(&client.endpoint, SILENCE))? {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(failed) => return Err(pull_error(client.error(failed, operation), image)),
            };
            // A line about part of a layer comes many times a second; only whole events are told.
            if line
                .progress_detail
                .is_some_and(|detail| detail.total.is_some())
            {
                continue;
            }
            if let Some(status) = line.status {
                let text = line
                    .id
                    .map_or(status.clone(), |layer| format!("{layer}: {status}"));
                let _no_one_listens = progress.send(BuildProgress::Line { text }).await;
            }
        }
        let pulled = inspect(&client, image).await?.map(|image| image.info);
        pulled.ok_or_else(|| EngineError::NoImage {
            image: image.to_string(),
            reason: "the registry gave something else".to_owned(),
        })
    }

    /// Only images of ours, and none that a container uses.
    pub(super) async fn delete_image(&self, image: &ImageRef) -> Result<()> {
        let client = self.client().await?;
        let what = format!("image {image}");
        let operation = Operation {
            verb: "remove",
            what: &what,
        };
        let Some(inspected) = inspect(&client, image).await? else {
            return Err(EngineError::Missing { what });
        };
        if !inspected.is_ours() {
            return Err(EngineError::Refused {
                operation: operation.to_string(),
                status: 409,
                reason: "it is not one this program built".to_owned(),
            });
        }
        // The engine lets a tag go while a stopped container has the image; we do not.
        let filters = [("ancestor", vec![inspected.info.id.as_str()])].into();
        let options = query::ListContainersOptionsBuilder::default()
            .all(true)
            .filters(&filters)
            .build();
        let users = client
            .within(operation, SIMPLE, client.api.list_containers(Some(options)))
            .await?;
        if !users.is_empty() {
            return Err(EngineError::Refused {
                operation: operation.to_string(),
                status: 409,
                reason: format!("{} containers use it", users.len()),
            });
        }
        let call = client
            .api
            .remove_image(image.as_str(), None::<query::RemoveImageOptions>, None);
        client.within(operation, HEAVY, call).await?;
        Ok(())
    }
}

/// Whatever the registry's reason, what counts is that the image is not to be had. An engine that
/// is away or full is another matter.
fn pull_error(error: EngineError, image: &ImageRef) -> EngineError {
    let reason = match error {
        EngineError::Refused { reason, .. } => reason,
        EngineError::Missing { .. } => "the registry does not have it".to_owned(),
        other => return other,
    };
    EngineError::NoImage {
        image: image.to_string(),
        reason,
    }
}

/// Name and tag. Without a tag the engine would pull all of them, so it is `latest`; a digest
/// stays part of the name.
fn split(reference: &str) -> (&str, Option<&str>) {
    if reference.contains('@') {
        return (reference, None);
    }
    match reference.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (reference, Some("latest")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_split_at_the_tag() {
        assert_eq!(split("debian:bookworm"), ("debian", Some("bookworm")));
        assert_eq!(split("debian"), ("debian", Some("latest")));
        assert_eq!(split("host:5000/a/b"), ("host:5000/a/b", Some("latest")));
        assert_eq!(split("host:5000/a/b:1"), ("host:5000/a/b", Some("1")));
        assert_eq!(split("a@sha256:00"), ("a@sha256:00", None));
    }
}
