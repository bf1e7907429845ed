//! `audit.log`: who asked for what, and what it came to. One JSON object a line, bounded.

use std::{io, net::IpAddr, path::Path};

use jiff::Timestamp;
use serde::Serialize;

use super::rotating_file::RotatingFile;

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

pub struct Audit(RotatingFile);

impl Audit {
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(RotatingFile::open(path.to_owned(), LARGEST)?))
    }

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
        if let Err(error) = self.0.append(&text) {
            tracing::error!(%error, "the audit log cannot be written");
        }
    }
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
    use std::fs;

    use super::*;

    #[test]
    fn an_entry_is_one_bounded_object_on_one_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.log");
        let audit = Audit::open(&path).unwrap();
        let long = format!("a\n\"{}é", "x".repeat(LONGEST));
        for _ in 0..3 {
            audit.write(&AuditEntry {
                via: Via::Tcp([127, 0, 0, 1].into()),
                caller: "token:1a2b3c4d",
                method: "GET",
                route: "/v1/instances/{id}",
                instance: Some(&long),
                status: 404,
            });
        }
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 3);
        for line in text.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["outcome"], "refused");
            assert_eq!(line["address"], "127.0.0.1");
            assert_eq!(line["instance"].as_str().unwrap().len(), LONGEST);
        }
    }
}
