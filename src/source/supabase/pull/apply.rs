//! What a pull does with the rows it knows: fetch, look twice at what is absent, commit.

use std::collections::HashSet;

use super::{
    PullOutcome, Puller,
    fetch::{Fetched, Fetcher, WantedRow},
    steps,
};
use crate::source::supabase::{
    SupabaseError,
    mirror::{CommitOutcome, FilePut},
    table::refused::RowRefusalReason,
};

/// Rows known to be there that are asked for along with those that may be gone.
const WITNESSES: usize = 3;

impl Puller {
    pub(super) async fn apply(&mut self, refetch: bool) -> Result<PullOutcome, SupabaseError> {
        self.settled = None;
        let mirror = self.mirror.as_ref().ok_or(SupabaseError::Stopped)?;
        let mut steps = steps::steps(
            &self.rows,
            mirror.held(),
            &self.bad,
            &self.tombstoned,
            refetch,
        );
        let (puts, wants) = self.unstash(std::mem::take(&mut steps.wants));
        let fetched = self.fetch(wants).await;
        self.remember_bad(&fetched);
        let puts: Vec<FilePut> = puts.into_iter().chain(fetched.puts).collect();
        let looked = match fetched.failed {
            Some(error) => Err(error),
            None => self.revived(&steps.absent).await,
        };
        let revived = match looked {
            Ok(revived) => revived,
            Err(error) => {
                self.stash = puts
                    .into_iter()
                    .map(|put| (put.path.clone(), put))
                    .collect();
                return Err(error);
            }
        };
        let gone = steps.absent.into_iter().map(|(path, _)| path);
        let deletes = gone
            .filter(|path| !revived.contains(path))
            .chain(steps.left)
            .chain(steps.tombstoned)
            .collect();
        let done = self.commit(puts, deletes).await?;
        self.tombstoned.clear();
        let mut refused = steps.refused;
        let bad = fetched.refused.iter();
        refused.extend(bad.map(|(path, _, why)| why.refuse(path)));
        let in_the_way = |path: &String| RowRefusalReason::InTheWay.refuse(path);
        refused.extend(done.blocked.iter().map(in_the_way));
        let unsettled = fetched.moved + revived.len();
        if unsettled == 0 && done.blocked.is_empty() && !self.shape.is_blind() {
            self.settled = Some(PullOutcome {
                files: steps.files,
                refused: refused.clone(),
                ..PullOutcome::default()
            });
        }
        Ok(PullOutcome {
            files: steps.files,
            written: done.written,
            deleted: done.deleted,
            bytes: fetched.bytes,
            refused,
            unsettled,
        })
    }

    /// What an earlier call fetched and could not use, and what is still wanted.
    fn unstash(&mut self, wants: Vec<WantedRow>) -> (Vec<FilePut>, Vec<WantedRow>) {
        let mut stash = std::mem::take(&mut self.stash);
        let mut puts = Vec::new();
        let mut rest = Vec::new();
        for want in wants {
            match stash.remove(&want.path) {
                Some(put) if put.token == want.token && put.key == want.key => puts.push(put),
                other => {
                    stash.extend(other.map(|put| (want.path.clone(), put)));
                    rest.push(want);
                }
            }
        }
        if let Some(mirror) = &self.mirror {
            for staged in stash.into_values().filter_map(|put| put.staged) {
                mirror.incoming().discard(&staged);
            }
        }
        (puts, rest)
    }

    async fn fetch(&self, wants: Vec<WantedRow>) -> Fetched {
        let Some(mirror) = &self.mirror else {
            return Fetched::default();
        };
        let fetcher = Fetcher {
            client: &self.client,
            shape: &self.shape,
            project: &self.project,
            bucket: self.options.bucket.as_deref(),
            incoming: mirror.incoming(),
            scope: &self.scope,
        };
        fetcher.all(wants).await
    }

    fn remember_bad(&mut self, fetched: &Fetched) {
        for (path, token, why) in &fetched.refused {
            self.bad.insert(path.clone(), (*token, why.clone()));
        }
        for put in &fetched.puts {
            self.bad.remove(&put.path);
        }
    }

    /// Which of the files have a row after all: each is asked for by name, for a listing that was
    /// cut short looks like one that is complete.
    async fn revived(
        &self,
        absent: &[(String, Option<String>)],
    ) -> Result<HashSet<String>, SupabaseError> {
        let keys: Vec<&str> = absent
            .iter()
            .filter_map(|(_, key)| key.as_deref())
            .collect();
        let stray = absent.iter().filter(|(_, key)| key.is_none());
        let paths: Vec<&str> = stray.map(|(path, _)| path.as_str()).collect();
        // More than one, for any of them may go in the meantime.
        let known = || self.rows.iter().take(WITNESSES);
        let known_keys: Vec<&str> = known().map(|(key, _)| key.as_str()).collect();
        let known_paths: Vec<&str> = known().map(|(_, row)| row.path.as_str()).collect();
        let lister = self.lister();
        let keys = lister.present_keys(&keys, &known_keys).await?;
        let mut revived = lister.present_paths(&paths, &known_paths).await?;
        let by_key = absent
            .iter()
            .filter(|(_, key)| key.as_ref().is_some_and(|key| keys.contains(key)));
        revived.extend(by_key.map(|(path, _)| path.clone()));
        Ok(revived)
    }

    async fn commit(
        &mut self,
        puts: Vec<FilePut>,
        deletes: Vec<String>,
    ) -> Result<CommitOutcome, SupabaseError> {
        let cursor = self.cursor();
        if puts.is_empty() && deletes.is_empty() {
            return Ok(CommitOutcome::default());
        }
        self.with_mirror(move |mirror| mirror.commit(puts, deletes, cursor))
            .await
    }
}
