//! The names that a repository's index holds: what git tracks, though its ignore files name it.

use std::io::Read as _;

use crate::source::RootDir;

const INDEX: &str = ".git/index";
/// An index that is longer is not read: 100 bytes a file, and there may be 200 000.
const LONGEST: u64 = 64 << 20;
/// Before the name: times, ids, mode, size, a SHA-1 and the flags.
const FIXED: usize = 62;
const EXTENDED: u16 = 0x4000;
const LENGTH: u16 = 0x0fff;
/// In the mode: a repository within, of which only the name is here.
const GITLINK: u32 = 0o160_000;

/// Paths from the root, `/` between names.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct GitTracked(Vec<String>);

impl GitTracked {
    /// Of the repository whose root this is; nothing where there is none, or one that cannot be read.
    pub fn read(root: &RootDir) -> Self {
        let Ok((file, _, stamp)) = root.file(INDEX) else {
            return Self::default();
        };
        if stamp.len > LONGEST {
            return Self::default();
        }
        let mut bytes = Vec::new();
        if file.take(LONGEST).read_to_end(&mut bytes).is_err() {
            return Self::default();
        }
        Self::parse(&bytes).unwrap_or_default()
    }

    /// `None` for what is no index of version 2 to 4 with SHA-1.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let word = |at: usize| {
            let four = bytes.get(at..at + 4)?;
            Some(u32::from_be_bytes(four.try_into().ok()?))
        };
        let version = word(4)?;
        if !bytes.starts_with(b"DIRC") || !(2..=4).contains(&version) {
            return None;
        }
        let count = usize::try_from(word(8)?).ok()?;
        // What is said to be there and is not would be room for nothing.
        let mut names = Vec::with_capacity(count.min(bytes.len() / FIXED));
        let mut at = 12;
        let mut name: Vec<u8> = Vec::new();
        for _ in 0..count {
            let begin = at;
            let mode = word(at + 24)?;
            let flags = bytes.get(at + FIXED - 2..at + FIXED)?;
            let flags = u16::from_be_bytes(flags.try_into().ok()?);
            at += FIXED;
            if flags & EXTENDED != 0 {
                at += 2;
            }
            if version == 4 {
                let (cut, used) = varint(bytes.get(at..)?)?;
                at += used;
                name.truncate(name.len().checked_sub(cut)?);
            } else {
                name.clear();
            }
            let rest = bytes.get(at..)?;
            let length = match usize::from(flags & LENGTH) {
                known if version < 4 && known < usize::from(LENGTH) => known,
                _ => rest.iter().position(|byte| *byte == 0)?,
            };
            name.extend_from_slice(rest.get(..length)?);
            at += length + 1;
            if version < 4 {
                // Entries begin at multiples of eight.
                at = begin + (at - begin).next_multiple_of(8);
            }
            if mode & GITLINK != GITLINK
                && let Ok(name) = std::str::from_utf8(&name)
            {
                names.push(name.to_owned());
            }
        }
        names.sort_unstable();
        names.dedup();
        Some(Self(names))
    }

    pub fn holds(&self, path: &str) -> bool {
        self.0
            .binary_search_by(|name| name.as_str().cmp(path))
            .is_ok()
    }

    /// Whether something below the directory is tracked.
    pub fn holds_below(&self, dir: &str) -> bool {
        let below = format!("{dir}/");
        let first = self.0.partition_point(|name| *name < below);
        self.0
            .get(first)
            .is_some_and(|name| name.starts_with(&below))
    }
}

/// Git's own: seven bits a byte, each but the last one more than it says.
fn varint(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0_usize;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        value = (value << 7) | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
        value += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(version: u32, before: &str, name: &str, mode: u32) -> Vec<u8> {
        let mut out = vec![0; FIXED];
        out[24..28].copy_from_slice(&mode.to_be_bytes());
        let length = u16::try_from(name.len()).unwrap().min(LENGTH);
        out[60..62].copy_from_slice(&length.to_be_bytes());
        if version == 4 {
            let same = before
                .bytes()
                .zip(name.bytes())
                .take_while(|(a, b)| a == b)
                .count();
            out.push(u8::try_from(before.len() - same).unwrap());
            out.extend_from_slice(&name.as_bytes()[same..]);
            out.push(0);
        } else {
            out.extend_from_slice(name.as_bytes());
            let padded = (out.len() + 1).next_multiple_of(8);
            out.resize(padded, 0);
        }
        out
    }

    fn index(version: u32, names: &[(&str, u32)]) -> Vec<u8> {
        let mut out = b"DIRC".to_vec();
        out.extend(version.to_be_bytes());
        out.extend(u32::try_from(names.len()).unwrap().to_be_bytes());
        let mut before = "";
        for (name, mode) in names {
            out.extend(entry(version, before, name, *mode));
            before = name;
        }
        out.extend([0; 20]);
        out
    }

    const FILE: u32 = 0o100_644;

    #[test]
    fn every_version_is_read() {
        let long = "d/".repeat(2100) + "x";
        let names = [
            ("app.py", FILE),
            ("lib/a.py", FILE),
            ("lib/ab/c.py", FILE),
            ("lib/ab/d.py", FILE),
            ("sub", GITLINK),
        ];
        for version in [2, 3, 4] {
            let tracked = GitTracked::parse(&index(version, &names)).unwrap();
            for (path, held, below) in [
                ("app.py", true, false),
                ("lib", false, true),
                ("lib/a.py", true, false),
                ("lib/ab", false, true),
                ("lib/ab/d.py", true, false),
                ("li", false, false),
                ("sub", false, false),
            ] {
                assert_eq!(tracked.holds(path), held, "{version} {path}");
                assert_eq!(tracked.holds_below(path), below, "{version} {path}");
            }
        }
        let tracked = GitTracked::parse(&index(2, &[(&long, FILE), ("z", FILE)])).unwrap();
        assert!(tracked.holds(&long) && tracked.holds("z"));
    }

    #[test]
    fn what_is_none_is_told_from_one() {
        let whole = index(2, &[("app.py", FILE)]);
        assert!(GitTracked::parse(&whole).is_some());
        assert_eq!(GitTracked::parse(&whole[..40]), None);
        assert_eq!(GitTracked::parse(b"DIRC"), None);
        assert_eq!(GitTracked::parse(&index(5, &[])), None);
        let mut many = index(2, &[]);
        many[8..12].copy_from_slice(&u32::MAX.to_be_bytes());
        assert_eq!(GitTracked::parse(&many), None);
    }
}
