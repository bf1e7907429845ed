//! Writing files inside: in order, all under way at once, each with its own answer.

use std::io;

use bytes::Bytes;
use tokio::{
    fs::File,
    io::{AsyncRead, AsyncReadExt},
    sync::oneshot,
    task::spawn_blocking,
};

use guest_api::wire::{CHUNK, Outcome, ToGuest};

use super::{
    Link,
    shared::PendingOperation,
    types::{Content, FileOp, FileRefusal, Reopen, refusal},
};
use crate::engine::Result;

const LONGEST_PATH: usize = 4096;

enum FileAnswer {
    Awaited(oneshot::Receiver<Outcome>),
    Refused(FileRefusal),
}

/// The fields every way of writing a file has.
struct BatchTarget<'a> {
    path: &'a str,
    mode: u32,
    token: [u8; 32],
}

impl Link {
    /// In order, acknowledged one by one; results align with ops. An op that is refused does not
    /// stop the rest.
    pub async fn apply(&self, ops: Vec<FileOp>) -> Result<Vec<Result<(), FileRefusal>>> {
        let mut answers = Vec::with_capacity(ops.len());
        for op in ops {
            answers.push(self.submit_op(op).await?);
        }
        let mut results = Vec::with_capacity(answers.len());
        for answer in answers {
            results.push(match answer {
                FileAnswer::Awaited(answer) => {
                    refusal(answer.await.map_err(|_| self.shared.lost())?)
                }
                FileAnswer::Refused(refusal) => Err(refusal),
            });
        }
        Ok(results)
    }

    async fn submit_op(&self, op: FileOp) -> Result<FileAnswer> {
        let (path, other) = match &op {
            FileOp::Put { path, .. } | FileOp::Delete { path } => (path, 0),
            FileOp::Link { path, target, .. } => (path, target.len()),
        };
        if path.len().max(other) > LONGEST_PATH {
            return Ok(FileAnswer::Refused(FileRefusal::Escapes));
        }
        let answer = match op {
            FileOp::Delete { path } => self.submit(&ToGuest::Delete { path: &path }).await?,
            FileOp::Link {
                path,
                target,
                token,
            } => {
                self.submit(&ToGuest::Link {
                    path: &path,
                    target: &target,
                    token,
                })
                .await?
            }
            FileOp::Put {
                path,
                mode,
                token,
                content,
            } => {
                return self
                    .put(
                        BatchTarget {
                            path: &path,
                            mode,
                            token,
                        },
                        content,
                    )
                    .await;
            }
        };
        Ok(FileAnswer::Awaited(answer))
    }

    async fn put(&self, target: BatchTarget<'_>, content: Content) -> Result<FileAnswer> {
        match content {
            Content::Bytes(bytes) if bytes.len() <= CHUNK => self.put_small(&target, &bytes).await,
            Content::Bytes(bytes) => {
                let len = bytes.len() as u64;
                self.put_large(&target, io::Cursor::new(bytes), len).await
            }
            Content::File { file, len } => match open(file, len).await {
                Err(error) => Ok(FileAnswer::Refused(unreadable(&error))),
                Ok(ContentSource::Small(bytes)) => self.put_small(&target, &bytes).await,
                Ok(ContentSource::Changed) => Ok(FileAnswer::Refused(FileRefusal::Changed)),
                Ok(ContentSource::Large(file)) => self.put_large(&target, file, len).await,
            },
        }
    }

    async fn put_small(&self, target: &BatchTarget<'_>, content: &[u8]) -> Result<FileAnswer> {
        let &BatchTarget { path, mode, token } = target;
        let message = ToGuest::Put {
            path,
            mode,
            token,
            content,
        };
        self.submit(&message).await.map(FileAnswer::Awaited)
    }

    async fn put_large<R>(
        &self,
        target: &BatchTarget<'_>,
        mut from: R,
        len: u64,
    ) -> Result<FileAnswer>
    where
        R: AsyncRead + Unpin,
    {
        let (done, answer) = oneshot::channel();
        let id = self.shared.wait_for(PendingOperation::Done(done))?;
        let &BatchTarget { path, mode, token } = target;
        self.send(
            id,
            &ToGuest::Begin {
                path,
                mode,
                token,
                len,
            },
        )
        .await?;
        // Given up half-way, the guest forgets what it has.
        let mut guard = self.shared.guard(id, ToGuest::Abort {});
        let (mut buffer, mut remaining) = (Vec::with_capacity(CHUNK), len);
        loop {
            buffer.clear();
            let room = remaining.saturating_add(1).min(CHUNK as u64);
            match (&mut from).take(room).read_to_end(&mut buffer).await {
                Err(error) => return Ok(FileAnswer::Refused(unreadable(&error))),
                Ok(0) => break,
                Ok(_) => {}
            }
            let Some(rest) = remaining.checked_sub(buffer.len() as u64) else {
                return Ok(FileAnswer::Refused(FileRefusal::Changed));
            };
            remaining = rest;
            self.send(id, &ToGuest::Chunk { content: &buffer }).await?;
        }
        if remaining > 0 {
            return Ok(FileAnswer::Refused(FileRefusal::Changed));
        }
        self.send(id, &ToGuest::End {}).await?;
        guard.disarm();
        Ok(FileAnswer::Awaited(answer))
    }
}

enum ContentSource {
    Small(Bytes),
    Large(File),
    Changed,
}

async fn open(file: Reopen, len: u64) -> io::Result<ContentSource> {
    let opened = spawn_blocking(move || file.open()).await;
    let mut file = File::from_std(opened.map_err(io::Error::other)??);
    let Some(small) = usize::try_from(len).ok().filter(|&len| len <= CHUNK) else {
        return Ok(ContentSource::Large(file));
    };
    let mut bytes = Vec::with_capacity(small + 1);
    (&mut file).take(len + 1).read_to_end(&mut bytes).await?;
    Ok(if bytes.len() == small {
        ContentSource::Small(bytes.into())
    } else {
        ContentSource::Changed
    })
}

fn unreadable(error: &io::Error) -> FileRefusal {
    match error.raw_os_error() {
        _ if error.kind() == io::ErrorKind::NotFound => FileRefusal::Changed,
        Some(errno) => FileRefusal::Io(errno),
        None => FileRefusal::Changed,
    }
}
