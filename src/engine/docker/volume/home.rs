//! Home volumes: made for an instance, given to the app's user, removed.

use std::sync::atomic::Ordering;

use bollard::{models::VolumeCreateRequest, query_parameters as query};

use super::helper::{Helper, in_memory};
use crate::{
    engine::{
        EngineError, Home, Result,
        docker::{
            Docker,
            client::{self, DockerClient, HEAVY, SIMPLE, error::Operation},
            container,
        },
        labels,
    },
    model::ContainerSpec,
};

/// The local driver's option for a quota, in bytes.
const SIZE: &str = "size";

/// The one entry that gives the home to the app's user. It names the volume's own root and nothing
/// below: an app that runs meanwhile can put no link in its way. The engine leaves out an entry for the
/// very directory it unpacks into, so the path begins at the root.
fn home_archive() -> std::io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Directory);
    header.set_mode(0o755);
    header.set_uid(1000);
    header.set_gid(1000);
    header.set_size(0);
    header.set_mtime(0);
    let path = format!("{}/", ContainerSpec::HOME.trim_start_matches('/'));
    tar.append_data(&mut header, path, std::io::empty())?;
    tar.into_inner()
}

impl Docker {
    /// See to it that the home volume is there and the app's user can write to it.
    pub(in crate::engine::docker) async fn ensure_home(
        &self,
        client: &DockerClient,
        spec: &ContainerSpec,
        image_is_ours: bool,
    ) -> Result<()> {
        let volume = &spec.home_volume;
        if self.owned_volume(client, volume).await?.is_none() {
            self.inner.homes_given.lock().await.remove(volume);
            self.create_home(client, spec).await?;
        }
        // The engine copies the owner of our images' home into an empty volume by itself.
        if image_is_ours || self.inner.homes_given.lock().await.contains(volume) {
            return Ok(());
        }
        let archive = home_archive().map_err(|error| in_memory(&error))?;
        let helper = Helper::create(self, client, &spec.image, volume, ContainerSpec::HOME).await?;
        let outcome = helper.upload(client, archive).await;
        helper.remove(client).await;
        outcome?;
        self.inner.homes_given.lock().await.insert(volume.clone());
        Ok(())
    }

    /// With a quota where there can be one: a local volume takes a size where its file system counts
    /// by project, and is refused otherwise (400, engines 20.10 and 26.1).
    async fn create_home(&self, client: &DockerClient, spec: &ContainerSpec) -> Result<()> {
        let volume = &spec.home_volume;
        let labels = labels::of_home(&self.inner.settings.owner, &spec.id);
        let quota = spec.limits.disk_bytes;
        if !self.inner.no_quota.load(Ordering::Relaxed) {
            let made = self.create_volume(client, volume, labels.clone(), Some(quota));
            match made.await {
                Err(EngineError::Refused { reason, .. }) => {
                    tracing::debug!(volume, reason, "no quota");
                }
                made => return made,
            }
        }
        self.create_volume(client, volume, labels, None).await?;
        // It was the quota that was refused. Another data root takes a restart of the engine.
        self.inner.no_quota.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// The volume, if it exists. One that is not ours is an error, for its name is.
    pub(in crate::engine::docker) async fn owned_volume(
        &self,
        client: &DockerClient,
        name: &str,
    ) -> Result<Option<Home>> {
        let what = format!("volume {name}");
        let operation = Operation {
            verb: "inspect",
            what: &what,
        };
        let inspected = client::present(
            client
                .within(operation, SIMPLE, client.api.inspect_volume(name))
                .await,
        )?;
        match inspected {
            None => Ok(None),
            Some(volume) if self.is_ours(&volume.labels) => {
                let size = volume.options.get(SIZE).and_then(|text| text.parse().ok());
                Ok(Some(Home { quota: size }))
            }
            Some(_) => Err(EngineError::Refused {
                operation: format!("use volume {name}"),
                status: 409,
                reason: "it exists and is not this program's".to_owned(),
            }),
        }
    }

    pub(super) async fn create_volume(
        &self,
        client: &DockerClient,
        name: &str,
        labels: Vec<(String, String)>,
        quota: Option<u64>,
    ) -> Result<()> {
        let what = format!("volume {name}");
        let request = VolumeCreateRequest {
            name: Some(name.to_owned()),
            labels: Some(labels.into_iter().collect()),
            driver_opts: quota.map(|bytes| [(SIZE.to_owned(), bytes.to_string())].into()),
            ..VolumeCreateRequest::default()
        };
        let operation = Operation {
            verb: "create",
            what: &what,
        };
        client
            .within(operation, HEAVY, client.api.create_volume(request))
            .await?;
        Ok(())
    }

    pub(in crate::engine::docker) async fn delete_home(&self, volume: &str) -> Result<()> {
        let client = self.client().await?;
        if self.owned_volume(&client, volume).await?.is_none() {
            return Ok(());
        }
        // Left by a crash, a helper would hold it.
        container::force_remove(&client, &Helper::name_for(volume)).await?;
        let what = format!("volume {volume}");
        let operation = Operation {
            verb: "remove",
            what: &what,
        };
        let call = client
            .api
            .remove_volume(volume, None::<query::RemoveVolumeOptions>);
        client::present(client.within(operation, HEAVY, call).await)?;
        self.inner.homes_given.lock().await.remove(volume);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_names_nothing_an_app_can_replace() {
        let archive = home_archive().unwrap();
        let mut tar = tar::Archive::new(archive.as_slice());
        let entries: Vec<_> = tar
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let path = std::path::Path::new("/").join(entry.path().unwrap());
                (path, entry.header().entry_type())
            })
            .collect();
        let home = std::path::PathBuf::from(ContainerSpec::HOME);
        assert_eq!(entries, [(home, tar::EntryType::Directory)]);
    }
}
