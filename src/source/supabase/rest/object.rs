//! The content of a row that is kept in Storage.

use std::path::Path;

use super::client::next_chunk;
use crate::source::{
    LARGEST_FILE,
    supabase::{
        SupabaseError,
        mirror::{FilePut, Staged, disk},
        pull::fetch::{Fetcher, WantedRow},
        table::{refused::RowRefusalReason, row::RowToken},
    },
};

/// The object on the disk, or why this one cannot be had.
pub async fn fetch(
    from: &Fetcher<'_>,
    want: &WantedRow,
    token: RowToken,
    object: (&str, &str),
) -> Result<Result<(FilePut, u64), RowRefusalReason>, SupabaseError> {
    let mut attempt = 1;
    let staged = loop {
        match once(from, want, object).await {
            Ok(staged) => break staged,
            Err(error) if error.is_transient() && attempt < from.client.attempts() => {
                from.client.wait(attempt, &error).await;
                attempt += 1;
            }
            // Storage says 404 of what a policy hides as well.
            Err(
                SupabaseError::Unexpected { said, .. }
                | SupabaseError::Denied { said }
                | SupabaseError::TooLarge { said },
            ) => return Ok(Err(RowRefusalReason::NoObject { said })),
            Err(error) => return Err(error),
        }
    };
    let len = staged.len;
    let is_same = want.held == Some((staged.hash, staged.is_executable));
    if is_same {
        from.incoming.discard(&staged);
    }
    let put = FilePut {
        path: want.path.clone(),
        key: want.key.clone(),
        token,
        staged: (!is_same).then_some(staged),
    };
    Ok(Ok((put, len)))
}

async fn once(
    from: &Fetcher<'_>,
    want: &WantedRow,
    (bucket, name): (&str, &str),
) -> Result<Staged, SupabaseError> {
    let failed = |error: std::io::Error| disk("write", Path::new(&want.path), &error);
    let mut response = from.client.object(bucket, name).await?;
    let mut staging = from.incoming.begin(want.is_executable).map_err(failed)?;
    loop {
        let chunk = match next_chunk(&mut response).await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => return Ok(staging.finish()),
            Err(error) => {
                from.incoming.abandon(&staging);
                return Err(error);
            }
        };
        if staging.len() + chunk.len() as u64 > LARGEST_FILE {
            from.incoming.abandon(&staging);
            return Err(SupabaseError::TooLarge {
                said: format!("it is more than {LARGEST_FILE} bytes"),
            });
        }
        // A chunk is some tens of KiB, and the page cache takes it.
        staging.write(&chunk).map_err(failed)?;
    }
}
