//! How files get into a volume: through a container that is made for it and never started, so that
//! nothing is asked of an image but to exist.
//!
//! What made `docker cp` dangerous is a container that changes its files while the engine resolves
//! a path in them (CVE-2018-15664), or one whose libraries the engine loads to unpack
//! (CVE-2019-14271, engines before 19.03.1). Nothing runs in this one, its layer is its own, and
//! archives name only a volume's root, or files in the guest volume, which apps see read-only.

use std::collections::HashMap;

use bollard::{
    models::{ContainerCreateBody, HostConfig},
    query_parameters as query,
};
use bytes::Bytes;

use crate::{
    engine::{
        EngineError, Result,
        docker::{
            Docker,
            client::{DockerClient, HEAVY, error::Operation},
            container::{
                self,
                spec::{self, GUEST},
            },
        },
        labels,
    },
    model::ImageRef,
};

/// A container that is never started, through which an archive gets into a volume.
pub struct Helper {
    pub name: String,
}

impl Helper {
    pub fn name_for(volume: &str) -> String {
        format!("{volume}-helper")
    }

    /// The name is a lock: two helpers for one volume cannot be.
    pub async fn create(
        docker: &Docker,
        client: &DockerClient,
        image: &ImageRef,
        volume: &str,
        at: &str,
    ) -> Result<Self> {
        let helper = Self {
            name: Self::name_for(volume),
        };
        let owner = docker.inner.settings.owner.0.clone();
        let body = ContainerCreateBody {
            image: Some(image.to_string()),
            // Never run, but an image without a command of its own needs one.
            entrypoint: Some(vec![GUEST.to_owned()]),
            cmd: Some(Vec::new()),
            labels: Some(HashMap::from([
                (labels::OWNER.to_owned(), owner),
                (labels::ROLE.to_owned(), "helper".to_owned()),
            ])),
            network_disabled: Some(true),
            host_config: Some(HostConfig {
                mounts: Some(vec![spec::volume(volume, at, false)]),
                network_mode: Some("none".to_owned()),
                cap_drop: Some(vec!["ALL".to_owned()]),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        docker.create_container(client, &helper.name, &body).await?;
        Ok(helper)
    }

    pub async fn upload(&self, client: &DockerClient, archive: Vec<u8>) -> Result<()> {
        let options = query::UploadToContainerOptionsBuilder::default()
            .path("/")
            .build();
        let body = bollard::body_full(Bytes::from(archive));
        let operation = Operation {
            verb: "write into",
            what: &self.name,
        };
        client
            .within(
                operation,
                HEAVY,
                client
                    .api
                    .upload_to_container(&self.name, Some(options), body),
            )
            .await
    }

    /// What it leaves behind, the next one of its name takes away.
    pub async fn remove(&self, client: &DockerClient) {
        if let Err(error) = container::force_remove(client, &self.name).await {
            tracing::warn!(helper = self.name, %error, "a helper container stays");
        }
    }
}

/// An archive that could not be made.
pub fn in_memory(error: &std::io::Error) -> EngineError {
    EngineError::Refused {
        operation: "pack an archive".to_owned(),
        status: 0,
        reason: error.to_string(),
    }
}
