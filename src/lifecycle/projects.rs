//! What a [`Manager`] is asked about projects whose files are rows of a table.

use std::sync::Arc;

use super::{LifecycleError, Manager};
use crate::{
    config::SupabaseEnv,
    model::{InstanceId, Name},
    source::supabase::{Desk, FollowStatus},
    store::{Source, SupabaseCredentials},
};

impl Manager {
    /// Who we are at Supabase.
    pub fn supabase(&self) -> &Arc<Desk> {
        &self.house.supabase
    }

    /// Where the files of a project come from and go to.
    pub fn rows_source(
        &self,
        project: String,
        label: Option<&Name>,
        owner: Option<&str>,
    ) -> Source {
        let id = InstanceId::of_project(&project, label);
        let id = owner.map_or(id.clone(), |owner| id.of_owner(owner));
        // The mirror keeps its own files beside these.
        let directory = self.house.store.rows_dir(&id).join("files");
        Source::Supabase {
            project,
            directory: directory.to_string_lossy().into_owned(),
        }
    }

    /// How far the files of an instance are behind its table.
    pub fn rows(&self, asked: &str) -> Result<FollowStatus, LifecycleError> {
        let (_, handle) = self.find(asked)?;
        let record = handle.view.borrow().clone();
        let status = handle.rows.borrow().clone();
        match (status, &record.source) {
            (Some(status), _) => Ok(status.borrow().clone()),
            (None, Source::Local { .. }) => Err(LifecycleError::NotRows {
                name: record.name.to_string(),
            }),
            (None, Source::Supabase { .. }) => Err(LifecycleError::not_running(&record)),
        }
    }

    /// Lay what a command's environment has over what is known, and keep it for the next agent.
    pub async fn learn_supabase(&self, env: SupabaseEnv) -> Result<(), LifecycleError> {
        if !self.house.supabase.learn(env) {
            return Ok(());
        }
        let (store, known) = (self.house.store.clone(), self.house.supabase.given());
        tokio::task::spawn_blocking(move || {
            store.save_supabase_credentials(&SupabaseCredentials {
                url: known.url,
                key: known.key,
                service_key: known.service_key,
                token: known.token,
            })
        })
        .await
        .map_err(|_| LifecycleError::ShuttingDown)??;
        Ok(())
    }
}
