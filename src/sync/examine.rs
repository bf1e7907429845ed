//! Reading files to learn whether they changed, and keeping the short ones to send.

use std::{
    fs::File,
    io::{self, Read},
    sync::Arc,
    time::SystemTime,
};

use bytes::Bytes;
use rustix::io::Errno;

use super::{
    hash_cache,
    token::{self, ContentToken},
};
use crate::{
    engine::link::{Content, Reopen},
    source::{LARGEST_FILE, PathRefusalReason, RootDir, Stamp},
};

/// Up to this length a file is read once: what was hashed is what is sent.
pub const SHORT: u64 = 128 << 10;

/// One file to read.
#[derive(Debug)]
pub struct FileToRead {
    pub path: String,
    pub len: u64,
    /// What is inside under that name; content that comes to the same is dropped.
    pub held: Option<ContentToken>,
}

#[derive(Debug)]
pub struct Examined {
    pub path: String,
    pub found: ReadOutcome,
}

#[derive(Debug)]
pub enum ReadOutcome {
    Same(FileFingerprint),
    Different {
        print: FileFingerprint,
        content: Content,
        len: u64,
    },
    /// It vanished or changes right now: the watch tells of it again.
    Passing,
    Refused(PathRefusalReason),
}

/// What a file was when it was read.
#[derive(Debug, Clone, Copy)]
pub struct FileFingerprint {
    pub token: ContentToken,
    pub mode: u32,
    pub stamp: Stamp,
    /// Whether the stamp can stand for the token from now on.
    pub is_settled: bool,
}

/// Blocking.
pub fn examine(dir: &Arc<RootDir>, work: Vec<FileToRead>) -> Vec<Examined> {
    let mut buffer = Vec::new();
    work.into_iter()
        .map(|work| {
            let found = one(dir, &work, &mut buffer).unwrap_or_else(ReadOutcome::from);
            Examined {
                path: work.path,
                found,
            }
        })
        .collect()
}

fn one(dir: &Arc<RootDir>, work: &FileToRead, buffer: &mut Vec<u8>) -> Result<ReadOutcome, Errno> {
    let now = SystemTime::now();
    let (file, mode, stamp) = dir.file(&work.path)?;
    if stamp.len > LARGEST_FILE {
        return Ok(ReadOutcome::Refused(PathRefusalReason::TooLarge {
            len: stamp.len,
            limit: LARGEST_FILE,
        }));
    }
    let is_settled = hash_cache::is_settled(&stamp, now);
    let print = |token| FileFingerprint {
        token,
        mode,
        stamp,
        is_settled,
    };
    if stamp.len <= SHORT {
        let mut content = Vec::with_capacity(usize::try_from(stamp.len).unwrap_or(0) + 1);
        read(&mut (&file).take(SHORT + 1), &mut content)?;
        let len = content.len() as u64;
        if len > SHORT {
            return Ok(ReadOutcome::Passing);
        }
        let print = print(token::of_file(mode, &content));
        if work.held == Some(print.token) {
            return Ok(ReadOutcome::Same(print));
        }
        return Ok(ReadOutcome::Different {
            print,
            content: Content::Bytes(Bytes::from(content)),
            len,
        });
    }
    let Some(token) = hash(&file, mode, stamp.len, buffer)? else {
        return Ok(ReadOutcome::Passing);
    };
    let print = print(token);
    if work.held == Some(token) {
        return Ok(ReadOutcome::Same(print));
    }
    let content = Content::File {
        file: again(Arc::clone(dir), work.path.clone()),
        len: stamp.len,
    };
    Ok(ReadOutcome::Different {
        print,
        content,
        len: stamp.len,
    })
}

impl From<Errno> for ReadOutcome {
    fn from(errno: Errno) -> Self {
        if crate::source::is_gone(errno) {
            Self::Passing
        } else {
            Self::Refused(PathRefusalReason::Unreadable(errno.raw_os_error()))
        }
    }
}

/// The same file once more, by no other way than it was looked at.
fn again(dir: Arc<RootDir>, path: String) -> Reopen {
    Reopen::new(move || match dir.file(&path) {
        Ok((file, _, _)) => Ok(file),
        Err(errno) if crate::source::is_gone(errno) => Err(io::ErrorKind::NotFound.into()),
        Err(errno) => Err(errno.into()),
    })
}

fn read(from: &mut impl Read, to: &mut Vec<u8>) -> Result<usize, Errno> {
    from.read_to_end(to).map_err(|error| errno(&error))
}

/// `None` if there is more or less of it than `len`.
fn hash(
    mut file: &File,
    mode: u32,
    len: u64,
    buffer: &mut Vec<u8>,
) -> Result<Option<ContentToken>, Errno> {
    buffer.resize(256 << 10, 0);
    let mut hasher = token::start(mode);
    let mut total = 0;
    while total <= len {
        match file.read(buffer) {
            Ok(0) => break,
            Ok(count) => {
                hasher.update(&buffer[..count]);
                total += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(errno(&error)),
        }
    }
    Ok((total == len).then(|| *hasher.finalize().as_bytes()))
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}
