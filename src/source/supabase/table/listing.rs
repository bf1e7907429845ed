//! What a project's rows are, all of them or those that changed.

use std::collections::{HashMap, HashSet};

use super::{
    desired::relative,
    row::{Row, WireRow},
    shape::Revisions,
};
use crate::source::supabase::{
    Key, Query, RestClient, Shape, SupabaseError,
    rest::{
        pages::{self, PageOrder},
        query::{self, is_one_of},
    },
};

/// By key.
pub type RowsByKey = HashMap<String, Row>;

/// Keys asked for at once, where nothing but their presence is of interest.
const MOST_KEYS: usize = 100;
const MOST_URL: usize = 5 << 10;
/// No revision is as low.
const BEFORE_ALL: i64 = -1;

/// Up to where changes are known, in each of the two tables.
///
/// Two, for the tables are read one after the other: what is committed in between has a revision
/// that one reading saw passed and the other did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursors {
    pub rows: i64,
    pub deletions: i64,
}

#[derive(Debug)]
pub struct Changes {
    pub rows: Vec<(String, Row)>,
    /// Path and revision.
    pub deletions: Vec<(String, i64)>,
    pub cursors: Cursors,
}

pub struct Lister<'a> {
    pub client: &'a RestClient,
    pub shape: &'a Shape,
    pub project: &'a str,
}

impl Lister<'_> {
    pub async fn all(&self) -> Result<RowsByKey, SupabaseError> {
        let mut rows = RowsByKey::new();
        let query = self.shape.listing(self.project);
        let each = |wire: WireRow| rows.extend(wire.into_row(self.shape));
        pages::every(self.client, &query, self.by_key(), each).await?;
        Ok(rows)
    }

    /// Where changes begin that a listing started after this may miss. A writer holds the
    /// project's lock from its revision to its commit, so whatever is committed later is higher.
    pub async fn newest(&self, by: &Revisions) -> Result<Cursors, SupabaseError> {
        let rows = self.highest(&self.shape.table, &self.shape.project, &by.column);
        let rows = rows.await?;
        let deletions = self.highest(&by.deletions, "project_id", "rev").await?;
        Ok(Cursors { rows, deletions })
    }

    async fn highest(
        &self,
        table: &str,
        project: &str,
        column: &str,
    ) -> Result<i64, SupabaseError> {
        let query = Query::of(table)
            .with("select", &format!("rev:{column}"))
            .with(project, &format!("eq.{}", self.project))
            .with("order", &format!("{column}.desc"))
            .with("limit", "1");
        let rows = self.client.rows::<WireRow>(&query).await?;
        Ok(rows.first().and_then(|row| row.rev).unwrap_or(BEFORE_ALL))
    }

    /// Deletions first: a rename is then seen as the new path before the old one goes.
    pub async fn changes(&self, by: &Revisions, from: Cursors) -> Result<Changes, SupabaseError> {
        let mut deletions = Vec::new();
        let query = Query::of(&by.deletions)
            .with("select", "path,rev")
            .with("project_id", &format!("eq.{}", self.project));
        let each = |wire: WireRow| deletions.extend(wire.path.zip(wire.rev));
        let last = pages::every(self.client, &query, by_rev("rev", from.deletions), each).await?;
        let to_deletions = revision(last)?.unwrap_or(from.deletions);
        let mut rows = Vec::new();
        let query = self.shape.listing(self.project);
        let each = |wire: WireRow| rows.extend(wire.into_row(self.shape));
        let last = pages::every(self.client, &query, by_rev(&by.column, from.rows), each).await?;
        let to_rows = revision(last)?.unwrap_or(from.rows);
        Ok(Changes {
            rows,
            deletions,
            cursors: Cursors {
                rows: to_rows,
                deletions: to_deletions,
            },
        })
    }

    /// Which of these keys have a row after all. `known` are keys that have one: an answer without
    /// any of them is not to be believed.
    pub async fn present_keys(
        &self,
        keys: &[&str],
        known: &[&str],
    ) -> Result<HashSet<String>, SupabaseError> {
        let column = self.shape.key_column();
        let mut present = HashSet::new();
        for some in chunks(keys) {
            let list = is_one_of(some.iter().chain(known).copied());
            let query = self.shape.listing(self.project).with(column, &list);
            let mut came = HashSet::new();
            let each = |wire: WireRow| came.extend(wire.key(self.shape).map(str::to_owned));
            pages::every(self.client, &query, self.by_key(), each).await?;
            believable(&came, known, some.len())?;
            present.extend(came);
        }
        Ok(present)
    }

    /// Which of these paths have a row. `known` are paths, as they are in the table, that have one.
    pub async fn present_paths(
        &self,
        paths: &[&str],
        known: &[&str],
    ) -> Result<HashSet<String>, SupabaseError> {
        let mut present = HashSet::new();
        for some in chunks(paths) {
            let absolute = some.iter().map(|path| format!("/{path}"));
            let plain = some.iter().chain(known).map(|&path| path.to_owned());
            let spelled: Vec<String> = absolute.chain(plain).collect();
            let list = is_one_of(spelled.iter().map(String::as_str));
            let query = self.shape.listing(self.project);
            let query = query.with(&self.shape.path, &list);
            let mut came = HashSet::new();
            let each = |wire: WireRow| came.extend(wire.path);
            pages::every(self.client, &query, self.by_key(), each).await?;
            believable(&came, known, some.len())?;
            present.extend(came.iter().map(|path| relative(path).to_owned()));
        }
        Ok(present)
    }

    fn by_key(&self) -> PageOrder<'_> {
        PageOrder {
            column: self.shape.key_column(),
            of: match self.shape.key {
                Key::Id(_) => |wire| wire.key.clone(),
                Key::Path => |wire| wire.path.clone(),
            },
            after: None,
        }
    }
}

fn believable(came: &HashSet<String>, known: &[&str], rows: usize) -> Result<(), SupabaseError> {
    if known.is_empty() || known.iter().any(|&key| came.contains(key)) {
        Ok(())
    } else {
        Err(SupabaseError::Incomplete { rows })
    }
}

fn by_rev(column: &str, after: i64) -> PageOrder<'_> {
    PageOrder {
        column,
        of: |wire| wire.rev.map(|rev| rev.to_string()),
        after: Some(after.to_string()),
    }
}

fn revision(text: Option<String>) -> Result<Option<i64>, SupabaseError> {
    text.map(|text| text.parse())
        .transpose()
        .map_err(|_| SupabaseError::Damaged {
            why: "a revision is no number".to_owned(),
        })
}

fn chunks<'a>(values: &'a [&'a str]) -> Vec<Vec<&'a str>> {
    let mut chunks: Vec<Vec<&str>> = Vec::new();
    let mut url = usize::MAX;
    for &value in values {
        // Twice, for paths are asked for in two spellings.
        let more = 2 * query::cost(value);
        match chunks.last_mut() {
            Some(last) if url + more <= MOST_URL && last.len() < MOST_KEYS => {
                last.push(value);
                url += more;
            }
            _ => {
                chunks.push(vec![value]);
                url = more;
            }
        }
    }
    chunks
}
