//! `Visibility`: whether a project can be seen at all. No rows may mean a wrong id, a row-level
//! policy, or a project without files.

use serde_json::Value;

use crate::source::supabase::{Options, Query, RestClient, SupabaseError};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// The project is there, and we may see it.
    Seen,
    /// There is a table of projects, and this one is not in what we see of it.
    Hidden {
        /// Nothing is hidden from who asks: there is no such project.
        is_certain: bool,
    },
    /// There is no table of projects that could tell.
    Unknown,
}

pub async fn check_visibility(
    client: &RestClient,
    options: &Options,
    project: &str,
) -> Result<Visibility, SupabaseError> {
    let Some(table) = &options.projects_table else {
        return Ok(Visibility::Unknown);
    };
    let query = Query::of(table)
        .with("select", "id")
        .with("id", &format!("eq.{project}"))
        .with("limit", "1");
    match client.rows::<Value>(&query).await {
        Ok(rows) if rows.is_empty() => Ok(Visibility::Hidden {
            is_certain: client.is_service().await,
        }),
        Ok(_) => Ok(Visibility::Seen),
        Err(
            SupabaseError::NoTable { .. }
            | SupabaseError::NoColumn { .. }
            | SupabaseError::Denied { .. },
        ) => Ok(Visibility::Unknown),
        Err(error) => Err(error),
    }
}

impl Visibility {
    /// Turn an empty result into an error where the project is known to be hidden or missing.
    pub fn empty_result(self, project: &str) -> Result<(), SupabaseError> {
        match self {
            Self::Seen | Self::Unknown => Ok(()),
            Self::Hidden { is_certain } => Err(SupabaseError::NoProject {
                project: project.to_owned(),
                is_certain,
            }),
        }
    }
}
