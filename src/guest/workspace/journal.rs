//! The journal: which paths of the workspace are sync's, and what it last wrote there.
//!
//! Append-only and written ahead: a path is recorded as pending before it is touched and as done
//! after. So whatever dies in between, no path of sync's is ever taken for one the app made, and no
//! half-written file for a finished one. A record is `u32 length | u32 checksum | fields`; reading
//! stops at the first that does not add up.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use guest_api::wire::{Field, Reader};

const NAME: &str = "journal";
/// Below this, compacting is not worth a rewrite.
const SMALL: usize = 1024;

#[derive(Clone, Copy, PartialEq, Eq)]
pub struct JournalEntry {
    /// All zero while pending.
    pub token: [u8; 32],
    pub mode: u32,
    pub is_link: bool,
}

impl JournalEntry {
    pub const PENDING: Self = Self {
        token: [0; 32],
        mode: 0,
        is_link: false,
    };
}

pub struct Journal {
    dir: PathBuf,
    file: File,
    /// Length of what was written whole.
    len: u64,
    records: usize,
    live: BTreeMap<String, JournalEntry>,
    /// Records not yet written: they go out with the next pending one, or before an acknowledgement.
    buffer: Vec<u8>,
}

impl Journal {
    pub fn open(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let bytes = match fs::read(dir.join(NAME)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            other => other?,
        };
        let (live, records, sound) = replay(&bytes);
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).open(dir.join(NAME))?;
        let len = u64::try_from(sound).map_err(io::Error::other)?;
        file.set_len(len)?;
        Ok(Self {
            dir: dir.to_owned(),
            file,
            len,
            records,
            live,
            buffer: Vec::new(),
        })
    }

    pub fn get(&self, path: &str) -> Option<JournalEntry> {
        self.live.get(path).copied()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, JournalEntry)> {
        self.live
            .iter()
            .map(|(path, entry)| (path.as_str(), *entry))
    }

    /// About to touch `path`. On failure nothing is recorded and nothing may be touched.
    pub fn pending(&mut self, path: &str) -> io::Result<()> {
        let length = self.buffer.len();
        self.note(path, Some(JournalEntry::PENDING));
        if let Err(error) = self.flush() {
            self.buffer.truncate(length);
            return Err(error);
        }
        self.live.insert(path.to_owned(), JournalEntry::PENDING);
        Ok(())
    }

    /// `path` is now this, or nothing of ours.
    pub fn settle(&mut self, path: &str, entry: Option<JournalEntry>) {
        self.note(path, entry);
        match entry {
            Some(entry) => self.live.insert(path.to_owned(), entry),
            None => self.live.remove(path),
        };
    }

    /// Write what is buffered. On failure it stays buffered, and the file ends where it did.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.file.write_all(&self.buffer) {
            self.file.set_len(self.len)?;
            return Err(error);
        }
        self.len += self.buffer.len() as u64;
        self.buffer.clear();
        if self.records > 2 * self.live.len() + SMALL {
            // Its failure loses nothing: the long journal stays.
            let _ = self.compact();
        }
        Ok(())
    }

    fn note(&mut self, path: &str, entry: Option<JournalEntry>) {
        self.records += 1;
        append(path, entry, &mut self.buffer);
    }

    fn compact(&mut self) -> io::Result<()> {
        let mut bytes = Vec::new();
        for (path, entry) in &self.live {
            append(path, Some(*entry), &mut bytes);
        }
        let fresh = self.dir.join("journal.new");
        let mut file = File::create(&fresh)?;
        file.write_all(&bytes)?;
        // A machine that dies must not find the new name and none of its content.
        file.sync_data()?;
        fs::rename(&fresh, self.dir.join(NAME))?;
        self.file = OpenOptions::new().append(true).open(self.dir.join(NAME))?;
        self.len = bytes.len() as u64;
        self.records = self.live.len();
        Ok(())
    }
}

fn append(path: &str, entry: Option<JournalEntry>, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; 8]);
    entry.is_some().put(out);
    let entry = entry.unwrap_or(JournalEntry::PENDING);
    path.put(out);
    entry.token.put(out);
    entry.mode.put(out);
    entry.is_link.put(out);
    let (len, sum) = (out.len() - start - 8, checksum(&out[start + 8..]));
    out[start..start + 4].copy_from_slice(&u32::try_from(len).unwrap_or(0).to_le_bytes());
    out[start + 4..start + 8].copy_from_slice(&sum.to_le_bytes());
}

/// The entries, how many records made them, and how many bytes were sound.
fn replay(bytes: &[u8]) -> (BTreeMap<String, JournalEntry>, usize, usize) {
    let (mut live, mut records, mut sound) = (BTreeMap::new(), 0, 0);
    while let Some((path, entry, len)) = record(&bytes[sound..]) {
        match entry {
            Some(entry) => live.insert(path.to_owned(), entry),
            None => live.remove(path),
        };
        records += 1;
        sound += len;
    }
    (live, records, sound)
}

fn record(bytes: &[u8]) -> Option<(&str, Option<JournalEntry>, usize)> {
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
    let body = rest.get(..len)?;
    if checksum(body) != u32::from_le_bytes(*sum) {
        return None;
    }
    let mut from = Reader::new(body);
    let there = bool::get(&mut from).ok()?;
    let path = <&str>::get(&mut from).ok()?;
    let token = Field::get(&mut from).ok()?;
    let mode = u32::get(&mut from).ok()?;
    let is_link = bool::get(&mut from).ok()?;
    Some((
        path,
        there.then_some(JournalEntry {
            token,
            mode,
            is_link,
        }),
        8 + len,
    ))
}

/// FNV-1a, against torn writes and not against forgers.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, byte| {
        (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}
