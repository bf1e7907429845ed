//! What a table looks like, asked of the table itself.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Map, Value};

use super::shape::{self, TableFindings};
use crate::source::supabase::{Options, Query, RestClient, SupabaseError};

/// Questions at once.
const PARALLEL: usize = 8;

/// The columns of the table, and whether there are tombstones.
pub async fn check_visibility(
    client: &RestClient,
    options: &Options,
) -> Result<TableFindings, SupabaseError> {
    let columns = match one_row(client, &options.table).await? {
        Some(row) => row.into_iter().map(|(name, _)| name).collect(),
        None => by_name(client, options).await?,
    };
    Ok(TableFindings {
        columns,
        deletions: has_deletions(client, options).await?,
    })
}

/// The description at the server's root would tell more, and hosted projects close it.
async fn one_row(
    client: &RestClient,
    table: &str,
) -> Result<Option<Map<String, Value>>, SupabaseError> {
    let query = Query::of(table).with("select", "*").with("limit", "1");
    match client.rows(&query).await {
        Ok(rows) => Ok(rows.into_iter().next()),
        // The table may be granted column by column.
        Err(SupabaseError::Denied { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Of a table without a row that can be seen: column by column.
async fn by_name(
    client: &RestClient,
    options: &Options,
) -> Result<BTreeSet<String>, SupabaseError> {
    let mut denied = None;
    let asked = stream::iter(shape::candidates(&options.columns))
        .map(|name| async move {
            let there = has_columns(client, &options.table, &name).await;
            there.map(|there| (name, there))
        })
        .buffer_unordered(PARALLEL)
        .try_collect::<Vec<_>>()
        .await?;
    let mut columns = BTreeSet::new();
    for (name, there) in asked {
        match there {
            TableState::Yes => {
                columns.insert(name);
            }
            TableState::No => {}
            TableState::Denied(error) => denied = Some(error),
        }
    }
    match denied {
        Some(error) if columns.is_empty() => Err(error),
        _ => Ok(columns),
    }
}

enum TableState {
    Yes,
    No,
    Denied(SupabaseError),
}

async fn has_columns(
    client: &RestClient,
    table: &str,
    names: &str,
) -> Result<TableState, SupabaseError> {
    let query = Query::of(table).with("select", names).with("limit", "0");
    match client.rows::<Value>(&query).await {
        Ok(_) => Ok(TableState::Yes),
        Err(SupabaseError::NoColumn { .. }) => Ok(TableState::No),
        Err(error @ SupabaseError::Denied { .. }) => Ok(TableState::Denied(error)),
        Err(error) => Err(error),
    }
}

async fn has_deletions(client: &RestClient, options: &Options) -> Result<bool, SupabaseError> {
    let Some(table) = &options.deletions_table else {
        return Ok(false);
    };
    match has_columns(client, table, "project_id,path,rev").await {
        Ok(TableState::Yes) => Ok(true),
        Ok(TableState::No | TableState::Denied(_)) | Err(SupabaseError::NoTable { .. }) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}
