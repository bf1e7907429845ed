//! The volume every container of this owner takes the guest from.

use bollard::query_parameters as query;
use bytes::Bytes;

use super::helper::{Helper, in_memory};
use crate::{
    engine::{
        Owner, Result,
        docker::{
            Docker,
            client::{self, DockerClient, HEAVY, SIMPLE, error::Operation},
            container::spec::{self, GUEST_DIR},
        },
        guest::GUEST,
        labels,
    },
    model::ImageRef,
};

/// Written last: a volume without it was left half filled by a crash.
const COMPLETE: &str = "/.codemate/.complete";

/// What is put into the guest volume, and the name that follows from it.
#[derive(Debug, Clone)]
pub struct GuestContents {
    guest: &'static [u8],
    /// What holds packet filters, if that is another program than the guest.
    firewall_program: Option<&'static [u8]>,
    ca: Option<Bytes>,
    pub volume: String,
}

impl GuestContents {
    pub fn new(owner: &Owner, guest: &'static [u8], ca: Option<Bytes>) -> Self {
        let firewall_program = (guest != GUEST).then_some(GUEST);
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(owner.0.as_bytes())
            .update(&[0])
            .update(&blake3::hash(guest).as_bytes()[..]);
        hasher.update(ca.as_deref().unwrap_or_default());
        let volume = format!("cmp-guest-{}", &hasher.finalize().to_hex()[..16]);
        Self {
            guest,
            firewall_program,
            ca,
            volume,
        }
    }

    /// Where the program that holds packet filters is seen inside.
    pub fn firewall_program(&self) -> &'static str {
        match self.firewall_program {
            None => spec::GUEST,
            Some(_) => "/.codemate/keeper",
        }
    }

    pub fn has_ca(&self) -> bool {
        self.ca.is_some()
    }

    fn archive(&self) -> std::io::Result<Vec<u8>> {
        let mut tar = tar::Builder::new(Vec::new());
        add_file(&mut tar, ".codemate/guest", 0o555, self.guest)?;
        if let Some(firewall_program) = self.firewall_program {
            add_file(&mut tar, ".codemate/keeper", 0o555, firewall_program)?;
        }
        if let Some(ca) = &self.ca {
            add_file(&mut tar, ".codemate/ca.crt", 0o444, ca)?;
        }
        add_file(&mut tar, ".codemate/.complete", 0o444, b"")?;
        tar.into_inner()
    }
}

fn add_file(
    tar: &mut tar::Builder<Vec<u8>>,
    path: &str,
    mode: u32,
    data: &[u8],
) -> std::io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(mode);
    header.set_size(data.len() as u64);
    header.set_mtime(0);
    tar.append_data(&mut header, path, data)
}

impl Docker {
    /// See to it that the guest volume is there and filled.
    pub(in crate::engine::docker) async fn ensure_guest(
        &self,
        client: &DockerClient,
        image: &ImageRef,
    ) -> Result<()> {
        // Held for the whole of it: one filler at a time in this process. Another process of the
        // same owner meets the helper's name.
        let mut filled = self.inner.guest_filled.lock().await;
        let contents = &self.inner.contents;
        if self.owned_volume(client, &contents.volume).await?.is_some() {
            if *filled {
                return Ok(());
            }
        } else {
            *filled = false;
            self.create_labelled_volume(
                client,
                &contents.volume,
                vec![(labels::ROLE, "guest".to_owned())],
            )
            .await?;
        }
        let helper = Helper::create(self, client, image, &contents.volume, GUEST_DIR).await?;
        let outcome = fill(client, &helper, contents).await;
        helper.remove(client).await;
        outcome?;
        *filled = true;
        self.remove_older_guests(client).await;
        Ok(())
    }

    async fn create_labelled_volume(
        &self,
        client: &DockerClient,
        name: &str,
        more: Vec<(&str, String)>,
    ) -> Result<()> {
        let owner = (
            labels::OWNER.to_owned(),
            self.inner.settings.owner.0.clone(),
        );
        let more = more.into_iter().map(|(key, value)| (key.to_owned(), value));
        self.create_volume(client, name, more.chain([owner]).collect(), None)
            .await
    }

    /// Guests of earlier versions of this program. One in use stays, and is tried again next time.
    async fn remove_older_guests(&self, client: &DockerClient) {
        let filters = self.filters(&[(labels::ROLE, "guest")]);
        let options = query::ListVolumesOptionsBuilder::default()
            .filters(&filters)
            .build();
        let operation = Operation {
            verb: "list",
            what: "guest volumes",
        };
        let listed = client
            .within(operation, SIMPLE, client.api.list_volumes(Some(options)))
            .await;
        let volumes = listed
            .ok()
            .and_then(|answer| answer.volumes)
            .unwrap_or_default();
        for volume in volumes
            .iter()
            .filter(|volume| volume.name != self.inner.contents.volume)
        {
            let call = client
                .api
                .remove_volume(&volume.name, None::<query::RemoveVolumeOptions>);
            if let Err(error) = client.within(operation, SIMPLE, call).await {
                tracing::debug!(volume = volume.name, %error, "an older guest volume stays");
            }
        }
    }
}

async fn fill(client: &DockerClient, helper: &Helper, contents: &GuestContents) -> Result<()> {
    let what = format!("volume {}", contents.volume);
    let options = query::ContainerArchiveInfoOptionsBuilder::default()
        .path(COMPLETE)
        .build();
    let look = client
        .api
        .get_container_archive_info(&helper.name, Some(options));
    let marker = client
        .within(
            Operation {
                verb: "look into",
                what: &what,
            },
            HEAVY,
            look,
        )
        .await;
    if client::present(marker)?.is_some() {
        return Ok(());
    }
    let contents = contents.clone();
    helper
        .upload(
            client,
            contents.archive().map_err(|error| in_memory(&error))?,
        )
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_follows_from_owner_guest_and_authorities() {
        let owner = Owner("a".to_owned());
        let ca = Some(Bytes::from_static(b"ca"));
        let plain = GuestContents::new(&owner, b"guest", ca.clone());
        assert_eq!(
            plain.volume,
            GuestContents::new(&owner, b"guest", ca.clone()).volume
        );
        assert_ne!(
            plain.volume,
            GuestContents::new(&owner, b"guest2", ca.clone()).volume
        );
        assert_ne!(
            plain.volume,
            GuestContents::new(&owner, b"guest", None).volume
        );
        assert_ne!(
            plain.volume,
            GuestContents::new(&Owner("b".to_owned()), b"guest", ca).volume
        );
    }

    #[test]
    fn the_marker_is_the_last_entry() {
        let contents = GuestContents::new(&Owner("a".to_owned()), b"guest", None);
        let archive = contents.archive().unwrap();
        let mut tar = tar::Archive::new(archive.as_slice());
        let paths: Vec<_> = tar
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().into_owned())
            .collect();
        assert_eq!(paths.last().unwrap().as_os_str(), ".codemate/.complete");
    }
}
