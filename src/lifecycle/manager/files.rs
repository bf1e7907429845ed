//! What a [`Manager`] is asked about the files of projects and about the credentials that lead to them.

use std::{path::PathBuf, sync::Arc};

use crate::{
    lifecycle::{LifecycleError, Manager, instance::prepare::open_source, off_thread::off_thread},
    model::{Credentials, Name, Secret},
    source::{FollowStatus, LeftOut, LocalSource, Source, SourceProject, Sources},
    store::{Record, SourceRecord},
    task::Scope,
};

impl Manager {
    /// What an instance of a project that is elsewhere is recorded as.
    pub fn mirrored_source(
        &self,
        project: String,
        label: Option<&Name>,
        owner: Option<&str>,
    ) -> SourceRecord {
        self.context.store.mirrored_source(project, label, owner)
    }

    /// A user of the API came with this token: their projects are read with it.
    pub fn set_user_token(&self, user: &str, token: &Secret) {
        self.context.sources.set_user_token(user, token);
    }

    /// Where the files of an instance come from.
    pub(in crate::lifecycle) fn source_of(
        &self,
        record: &Record,
        scope: &Scope,
    ) -> Arc<dyn Source> {
        let here = || Sources::directory(PathBuf::from(record.source.directory()));
        let Some((kind, project)) = record.source.mirrored() else {
            return here();
        };
        let project = SourceProject {
            project: project.to_owned(),
            dir: self.context.store.mirror_dir(&record.id),
            owner: record.owner.clone(),
        };
        let source = self.context.sources.open(kind, project, scope);
        source.unwrap_or_else(|| {
            tracing::error!(kind, preview = %record.name, "nothing here fetches such files, so those last seen stay");
            here()
        })
    }

    /// How far the files of an instance are: behind their table, or what of their directory does not
    /// get in.
    pub async fn files(&self, asked: &str) -> Result<FilesStatus, LifecycleError> {
        let (_, handle) = self.lookup(asked)?;
        let record = handle.view.borrow().clone();
        match (handle.source.status(), handle.source.fetched_from()) {
            (Some(status), _) => Ok(FilesStatus::Mirror(Box::new(status))),
            (None, None) => off_thread(move || directory_status(&record)).await,
            (None, Some(_)) => Err(LifecycleError::not_running(&record)),
        }
    }

    /// Lay a command's credentials over those that are known, and keep them for the next agent.
    pub async fn add_credentials(&self, newer: &Credentials) -> Result<(), LifecycleError> {
        let known = &self.context.credentials;
        if !known.merge(newer) {
            return Ok(());
        }
        let kept = known.kept();
        let saved = self
            .context
            .store
            .run(move |store| store.save_credentials(&kept));
        Ok(saved.await?)
    }
}

/// Where the files of an instance are.
#[derive(Debug, Clone)]
pub enum FilesStatus {
    Mirror(Box<FollowStatus>),
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
