//! `audit.log`: who asked for what, and what it came to. One JSON object a line, bounded.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    net::IpAddr,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;
use serde::Serialize;

/// At this size the log becomes `audit.log.1`, in place of the one before, bytes.
const LARGEST: u64 = 4 << 20;
/// Of what a caller chose, so much is written, bytes.
const LONGEST: usize = 128;

/// The way a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    Socket,
    Tcp(IpAddr),
}

/// One request. Nothing in it is a secret: a caller is a token's id or a user's.
pub struct AuditEntry<'a> {
    pub via: Via,
    pub caller: &'a str,
    pub method: &'a str,
    pub route: &'a str,
    pub instance: Option<&'a str>,
    pub status: u16,
}

#[derive(Serialize)]
struct AuditLine<'a> {
    ts: Timestamp,
    via: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
    caller: &'a str,
    method: &'a str,
    route: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
    outcome: &'static str,
    status: u16,
}

pub struct Audit {
    path: PathBuf,
    file: Mutex<(File, u64)>,
    largest: u64,
}

impl Audit {
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::bounded(path, LARGEST)
    }

    fn bounded(path: &Path, largest: u64) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            file: Mutex::new(append(path)?),
            largest,
        })
    }

    /// Into the page cache: microseconds, and no crash of ours loses it.
    pub fn write(&self, entry: &AuditEntry<'_>) {
        let line = AuditLine {
            ts: Timestamp::now(),
            via: match entry.via {
                Via::Socket => "socket",
                Via::Tcp(_) => "tcp",
            },
            address: match entry.via {
                Via::Socket => None,
                Via::Tcp(address) => Some(address),
            },
            caller: truncate(entry.caller),
            method: truncate(entry.method),
            route: entry.route,
            instance: entry.instance.map(truncate),
            outcome: match entry.status {
                0..=399 => "done",
                401..=404 | 415 | 421 | 429 => "refused",
                _ => "failed",
            },
            status: entry.status,
        };
        let Ok(mut text) = serde_json::to_vec(&line) else {
            return;
        };
        text.push(b'\n');
        if let Err(error) = self.append(&text) {
            tracing::error!(%error, "the audit log cannot be written");
        }
    }

    fn append(&self, text: &[u8]) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        if file.1 > 0 && file.1.saturating_add(length) > self.largest {
            fs::rename(&self.path, self.path.with_extension("log.1"))?;
            *file = append(&self.path)?;
        }
        file.0.write_all(text)?;
        file.1 += length;
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)?;
    let length = file.metadata()?.len();
    Ok((file, length))
}

fn truncate(text: &str) -> &str {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn it_is_private_bounded_and_one_object_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.log");
        let audit = Audit::bounded(&path, 2000).unwrap();
        let long = format!("a\n\"{}é", "x".repeat(LONGEST));
        for _ in 0..50 {
            audit.write(&AuditEntry {
                via: Via::Tcp([127, 0, 0, 1].into()),
                caller: "token:1a2b3c4d",
                method: "GET",
                route: "/v1/instances/{id}",
                instance: Some(&long),
                status: 404,
            });
        }
        let old = path.with_extension("log.1");
        for path in [&path, &old] {
            let known = fs::metadata(path).unwrap();
            assert_eq!(known.permissions().mode() & 0o777, 0o600);
            assert!(known.len() <= 2000, "{}", known.len());
            for line in fs::read_to_string(path).unwrap().lines() {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                assert_eq!(line["outcome"], "refused");
                assert_eq!(line["address"], "127.0.0.1");
            }
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
