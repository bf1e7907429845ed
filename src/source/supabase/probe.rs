//! What a table looks like, asked of the table itself.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Map, Value};

use super::{Client, Options, Query, SupabaseError, shape, shape::Found};

/// Questions at once.
const PARALLEL: usize = 8;

/// The columns of the table, and whether there are tombstones.
pub async fn look(client: &Client, options: &Options) -> Result<Found, SupabaseError> {
    let columns = match one_row(client, &options.table).await? {
        Some(row) => row.into_iter().map(|(name, _)| name).collect(),
        None => by_name(client, options).await?,
    };
    Ok(Found {
        columns,
        deletions: has_deletions(client, options).await?,
    })
}

/// The description at the server's root would tell more, and hosted projects close it.
async fn one_row(
    client: &Client,
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
async fn by_name(client: &Client, options: &Options) -> Result<BTreeSet<String>, SupabaseError> {
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
            There::Yes => {
                columns.insert(name);
            }
            There::No => {}
            There::Denied(error) => denied = Some(error),
        }
    }
    match denied {
        Some(error) if columns.is_empty() => Err(error),
        _ => Ok(columns),
    }
}

enum There {
    Yes,
    No,
    Denied(SupabaseError),
}

async fn has_columns(client: &Client, table: &str, names: &str) -> Result<There, SupabaseError> {
    let query = Query::of(table).with("select", names).with("limit", "0");
    match client.rows::<Value>(&query).await {
        Ok(_) => Ok(There::Yes),
        Err(SupabaseError::NoColumn { .. }) => Ok(There::No),
        Err(error @ SupabaseError::Denied { .. }) => Ok(There::Denied(error)),
        Err(error) => Err(error),
    }
}

async fn has_deletions(client: &Client, options: &Options) -> Result<bool, SupabaseError> {
    let Some(table) = &options.deletions_table else {
        return Ok(false);
    };
    match has_columns(client, table, "project_id,path,rev").await {
        Ok(There::Yes) => Ok(true),
        Ok(There::No | There::Denied(_)) | Err(SupabaseError::NoTable { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
