//! What a [`Manager`] is asked about the files of projects, be they a directory's or rows of a table.

use std::sync::Arc;

use crate::{
    config::SupabaseEnv,
    lifecycle::{LifecycleError, Manager, instance::prepare::open_source},
    model::{InstanceId, Name},
    source::{
        LeftOut, LocalSource,
        supabase::{FollowStatus, SupabaseSessions},
    },
    store::{Record, Source, SupabaseCredentials},
};

impl Manager {
    /// Who we are at Supabase.
    pub fn supabase(&self) -> &Arc<SupabaseSessions> {
        &self.context.supabase
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
        let directory = self.context.store.rows_dir(&id).join("files");
        Source::Supabase {
            project,
            directory: directory.to_string_lossy().into_owned(),
        }
    }

    /// How far the files of an instance are: behind their table, or what of their directory does not
    /// get in.
    pub async fn files(&self, asked: &str) -> Result<FilesStatus, LifecycleError> {
        let (_, handle) = self.lookup(asked)?;
        let record = handle.view.borrow().clone();
        let status = handle.rows.borrow().clone();
        match (status, &record.source) {
            (Some(status), _) => Ok(FilesStatus::Rows(Box::new(status.borrow().clone()))),
            (None, Source::Local { .. }) => {
                let look = move || directory_status(&record);
                tokio::task::spawn_blocking(look)
                    .await
                    .unwrap_or(Err(LifecycleError::ShuttingDown))
            }
            (None, Source::Supabase { .. }) => Err(LifecycleError::not_running(&record)),
        }
    }

    /// Lay what a command's environment has over what is known, and keep it for the next agent.
    pub async fn add_supabase_credentials(&self, env: SupabaseEnv) -> Result<(), LifecycleError> {
        if !self.context.supabase.learn(env) {
            return Ok(());
        }
        let (store, known) = (
            self.context.store.clone(),
            self.context.supabase.credentials(),
        );
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

/// Where the files of an instance are.
#[derive(Debug, Clone)]
pub enum FilesStatus {
    Rows(Box<FollowStatus>),
    Directory {
        /// How many get in.
        files: usize,
        /// What does not, by path, [`MOST_LEFT_OUT`] at most.
        left_out: Vec<LeftOut>,
        has_more: bool,
    },
}

/// Paths that are told of one directory.
pub const MOST_LEFT_OUT: usize = 500;

fn directory_status(record: &Record) -> Result<FilesStatus, LifecycleError> {
    let source = match &record.plan {
        Some(plan) => open_source(record, plan)?,
        None => LocalSource::open(record.source.directory().into(), &[])?,
    };
    let files = source.scan()?.entries.len();
    let (left_out, has_more) = source.all_left_out(MOST_LEFT_OUT)?;
    Ok(FilesStatus::Directory {
        files,
        left_out,
        has_more,
    })
}
