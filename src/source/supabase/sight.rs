//! Whether a project can be seen at all: no rows may mean a wrong id, a policy, or no files.

use serde_json::Value;

use super::{Client, Options, Query, SupabaseError};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
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

pub async fn look(
    client: &Client,
    options: &Options,
    project: &str,
) -> Result<Sight, SupabaseError> {
    let Some(table) = &options.projects_table else {
        return Ok(Sight::Unknown);
    };
    let query = Query::of(table)
        .with("select", "id")
        .with("id", &format!("eq.{project}"))
        .with("limit", "1");
    match client.rows::<Value>(&query).await {
        Ok(rows) if rows.is_empty() => Ok(Sight::Hidden {
            is_certain: client.is_service().await,
        }),
        Ok(_) => Ok(Sight::Seen),
        Err(
            SupabaseError::NoTable { .. }
            | SupabaseError::NoColumn { .. }
            | SupabaseError::Denied { .. },
        ) => Ok(Sight::Unknown),
        Err(error) => Err(error),
    }
}

impl Sight {
    /// The error that no rows are, if they are one.
    pub fn of_nothing(self, project: &str) -> Result<(), SupabaseError> {
        match self {
            Self::Seen | Self::Unknown => Ok(()),
            Self::Hidden { is_certain } => Err(SupabaseError::NoProject {
                project: project.to_owned(),
                is_certain,
            }),
        }
    }
}
