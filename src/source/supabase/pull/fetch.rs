//! What is in rows: fetched in batches, each put on the disk as it comes.

use std::{collections::HashMap, sync::Arc};

use futures_util::{StreamExt as _, stream};
use tokio::sync::Semaphore;

use crate::{
    source::supabase::{
        RestClient, Shape, SupabaseError,
        mirror::{FilePut, Incoming},
        rest::{
            object,
            query::{self, is_one_of},
        },
        table::{
            decode::{self, RowContent},
            refused::RowRefusalReason,
            row::{RowToken, WireRow},
        },
    },
    task::Scope,
};

/// Rows asked for at once. Measured: 50 at a time, 8 in parallel, beats 100 and 1000.
const MOST_ROWS: usize = 50;
/// Bytes of content asked for at once; a larger file comes alone.
const MOST_BYTES: u64 = 4 << 20;
/// Bytes of keys in one URL: proxies cut at 8 KiB.
const MOST_URL: usize = 5 << 10;
const PARALLEL: usize = 8;
/// KiB of content in memory at once, over all batches.
const MOST_MEMORY: u32 = 16 << 10;
/// Taken for a row that does not say.
const USUAL_SIZE: u64 = 32 << 10;
/// Rows that a server may fail to send before it is the server that is at fault.
const MOST_HEAVY: usize = 3;

/// A row whose content is asked for.
#[derive(Debug, Clone)]
pub struct WantedRow {
    pub key: String,
    /// Relative, as it is in the mirror.
    pub path: String,
    /// As it is in the table.
    pub raw_path: String,
    /// As it was listed.
    pub token: RowToken,
    pub size: Option<u64>,
    pub is_executable: bool,
    /// What the mirror holds at the path.
    pub held: Option<(blake3::Hash, bool)>,
}

/// What came of it all.
#[derive(Debug, Default)]
pub struct Fetched {
    pub puts: Vec<FilePut>,
    pub refused: Vec<(String, RowToken, RowRefusalReason)>,
    /// Rows that were renamed or deleted meanwhile: another listing will tell.
    pub moved: usize,
    pub bytes: u64,
    /// Why it ended early. What came before is good and need not be fetched again.
    pub failed: Option<SupabaseError>,
}

pub struct Fetcher<'a> {
    pub client: &'a RestClient,
    pub shape: &'a Shape,
    pub project: &'a str,
    pub bucket: Option<&'a str>,
    pub incoming: &'a Arc<Incoming>,
    pub scope: &'a Scope,
}

impl Fetcher<'_> {
    /// The first batch that fails for good ends all of it.
    pub async fn all(&self, wants: Vec<WantedRow>) -> Fetched {
        let memory = Semaphore::new(MOST_MEMORY as usize);
        let mut batches = stream::iter(batches(wants))
            .map(|batch| self.batch(batch, &memory))
            .buffer_unordered(PARALLEL);
        let mut all = Fetched::default();
        while let Some(one) = batches.next().await {
            match one {
                Ok(one) => all.add(one),
                Err(error) => {
                    all.failed = Some(error);
                    break;
                }
            }
        }
        let heavy = |(_, _, why): &&(String, _, RowRefusalReason)| {
            matches!(why, RowRefusalReason::TooHeavy { .. })
        };
        if all.failed.is_none() && all.refused.iter().filter(heavy).count() > MOST_HEAVY {
            let said = "it fails on row after row".to_owned();
            all.failed = Some(SupabaseError::QueryTimeout { said });
        }
        all
    }

    async fn batch(
        &self,
        batch: Vec<WantedRow>,
        memory: &Semaphore,
    ) -> Result<Fetched, SupabaseError> {
        let kib = batch.iter().map(weight).sum::<u64>() / 1024 + 1;
        let kib = u32::try_from(kib).unwrap_or(u32::MAX).min(MOST_MEMORY);
        let _held = memory
            .acquire_many(kib)
            .await
            .map_err(|_| SupabaseError::Stopped)?;
        let mut done = Fetched::default();
        let mut waiting = vec![batch];
        while let Some(batch) = waiting.pop() {
            match self.rows(&batch).await {
                Ok(rows) => {
                    let (left, came) = paired(self.shape, batch, rows);
                    // A server that gives fewer rows than asked for has more of them.
                    if came.is_empty() {
                        done.moved += left.len();
                    } else if !left.is_empty() {
                        waiting.push(left);
                    }
                    self.store_row(came, &mut done).await?;
                }
                Err(error) if error.is_too_much() => {
                    let (first, second) = halves(batch);
                    if second.is_empty() {
                        done.give_up(first, error)?;
                    } else {
                        waiting.extend([first, second]);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    async fn rows(&self, batch: &[WantedRow]) -> Result<Vec<WireRow>, SupabaseError> {
        let keys = is_one_of(batch.iter().map(|want| want.key.as_str()));
        let query = self.shape.contents(self.project);
        let query = query.with(self.shape.key_column(), &keys);
        self.client.rows(&query).await
    }

    async fn store_row(
        &self,
        came: Vec<(WantedRow, WireRow)>,
        done: &mut Fetched,
    ) -> Result<(), SupabaseError> {
        let mut contents = Vec::with_capacity(came.len());
        for (want, wire) in came {
            if wire.path.as_deref() != Some(want.raw_path.as_str()) {
                done.moved += 1;
                continue;
            }
            let token = wire.token(self.shape);
            match decode::content(wire, self.bucket) {
                Err(why) => done.refused.push((want.path, token, why)),
                Ok(RowContent::Bytes(bytes)) => contents.push((want, token, bytes)),
                Ok(RowContent::Object { bucket, name }) => {
                    match object::fetch(self, &want, token, (&bucket, &name)).await? {
                        Ok((put, len)) => {
                            done.bytes += len;
                            done.puts.push(put);
                        }
                        Err(why) => done.refused.push((want.path, token, why)),
                    }
                }
            }
        }
        let incoming = Arc::clone(self.incoming);
        let stage = move || stage(&incoming, contents);
        let staged = self.scope.spawn_blocking(stage).await;
        let staged = staged.map_err(|_| SupabaseError::Stopped)??;
        for (put, len) in staged {
            done.bytes += len;
            done.puts.push(put);
        }
        Ok(())
    }
}

fn stage(
    incoming: &Incoming,
    contents: Vec<(WantedRow, RowToken, Vec<u8>)>,
) -> Result<Vec<(FilePut, u64)>, SupabaseError> {
    let put = |(want, token, bytes): (WantedRow, RowToken, Vec<u8>)| {
        let is_held = |(hash, is_executable): (blake3::Hash, bool)| {
            is_executable == want.is_executable && hash == blake3::hash(&bytes)
        };
        let staged = if want.held.is_some_and(is_held) {
            None
        } else {
            let staged = incoming.put(&bytes, want.is_executable);
            Some(staged.map_err(|error| {
                crate::source::supabase::mirror::disk(
                    "write",
                    std::path::Path::new(&want.path),
                    &error,
                )
            })?)
        };
        let put = FilePut {
            path: want.path,
            key: want.key,
            token,
            staged,
        };
        Ok((put, bytes.len() as u64))
    };
    contents.into_iter().map(put).collect()
}

impl Fetched {
    fn add(&mut self, other: Self) {
        self.puts.extend(other.puts);
        self.refused.extend(other.refused);
        self.moved += other.moved;
        self.bytes += other.bytes;
    }

    /// One row that cannot be had even alone does not keep the others.
    fn give_up(
        &mut self,
        alone: Vec<WantedRow>,
        error: SupabaseError,
    ) -> Result<(), SupabaseError> {
        match error {
            SupabaseError::QueryTimeout { said } | SupabaseError::TooLarge { said } => {
                let why = RowRefusalReason::TooHeavy { said };
                let refused = alone
                    .into_iter()
                    .map(|one| (one.path, one.token, why.clone()));
                self.refused.extend(refused);
                Ok(())
            }
            error => Err(error),
        }
    }
}

fn weight(want: &WantedRow) -> u64 {
    want.size.unwrap_or(USUAL_SIZE)
}

/// In the order given, each within the bounds.
fn batches(wants: Vec<WantedRow>) -> Vec<Vec<WantedRow>> {
    let mut batches = Vec::new();
    let mut batch: Vec<WantedRow> = Vec::new();
    let (mut bytes, mut url) = (0, 0);
    for want in wants {
        let (more_bytes, more_url) = (weight(&want), query::cost(&want.key));
        let is_full = batch.len() >= MOST_ROWS
            || bytes + more_bytes > MOST_BYTES
            || url + more_url > MOST_URL;
        if is_full && !batch.is_empty() {
            batches.push(std::mem::take(&mut batch));
            (bytes, url) = (0, 0);
        }
        bytes += more_bytes;
        url += more_url;
        batch.push(want);
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    batches
}

/// Two halves; the second is empty where there is only one row.
fn halves(mut batch: Vec<WantedRow>) -> (Vec<WantedRow>, Vec<WantedRow>) {
    let second = batch.split_off(batch.len().div_ceil(2));
    (batch, second)
}

/// Each row with the want it answers, and the wants without one.
fn paired(
    shape: &Shape,
    batch: Vec<WantedRow>,
    rows: Vec<WireRow>,
) -> (Vec<WantedRow>, Vec<(WantedRow, WireRow)>) {
    let mut by_key: HashMap<String, WireRow> = HashMap::with_capacity(rows.len());
    for row in rows {
        if let Some(key) = row.key(shape).map(str::to_owned) {
            by_key.insert(key, row);
        }
    }
    let mut left = Vec::new();
    let mut came = Vec::with_capacity(by_key.len());
    for want in batch {
        match by_key.remove(&want.key) {
            Some(row) => came.push((want, row)),
            None => left.push(want),
        }
    }
    (left, came)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(key: &str, size: Option<u64>) -> WantedRow {
        WantedRow {
            key: key.to_owned(),
            path: key.to_owned(),
            raw_path: key.to_owned(),
            token: RowToken(0),
            size,
            is_executable: false,
            held: None,
        }
    }

    #[test]
    fn batches_are_bounded_by_rows_bytes_and_the_url() {
        let lens = |wants: Vec<WantedRow>| batches(wants).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(lens(Vec::new()), [0_usize; 0]);
        assert_eq!(lens(vec![want("k", Some(1)); 101]), [50, 50, 1]);
        assert_eq!(lens(vec![want("k", Some(2 << 20)); 5]), [2, 2, 1]);
        let large = vec![
            want("k", Some(1)),
            want("k", Some(9 << 20)),
            want("k", None),
        ];
        assert_eq!(lens(large), [1, 1, 1]);
        assert_eq!(lens(vec![want(&"é".repeat(400), None); 4]), [2, 2]);
    }

    #[test]
    fn halving_ends_with_one() {
        let lens = |n: usize| {
            let (first, second) = halves(vec![want("a", None); n]);
            (first.len(), second.len())
        };
        assert_eq!([lens(3), lens(2), lens(1)], [(2, 1), (1, 1), (1, 0)]);
    }
}
