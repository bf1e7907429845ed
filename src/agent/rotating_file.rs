//! `RotatingFile`: a private file of bounded size, and the one before it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
};

use parking_lot::Mutex;

/// A file that is renamed to `<name>.1`, in place of the one before, when the next text would make it
/// too long. Several threads may write: each text is written whole.
pub struct RotatingFile {
    path: PathBuf,
    /// Bytes.
    longest: u64,
    open: Mutex<OpenFile>,
}

struct OpenFile {
    file: File,
    length: u64,
}

impl RotatingFile {
    /// Go on with the file that is there, which only its user can read.
    pub fn open(path: PathBuf, longest: u64) -> io::Result<Self> {
        let open = Mutex::new(OpenFile::append_to(&path)?);
        Ok(Self {
            path,
            longest,
            open,
        })
    }

    /// Into the page cache: microseconds, and no crash of ours loses it.
    pub fn append(&self, text: &[u8]) -> io::Result<()> {
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        let mut open = self.open.lock();
        if open.length > 0 && open.length.saturating_add(length) > self.longest {
            let mut aside = self.path.clone().into_os_string();
            aside.push(".1");
            fs::rename(&self.path, aside)?;
            *open = OpenFile::append_to(&self.path)?;
        }
        open.file.write_all(text)?;
        open.length += length;
        Ok(())
    }
}

impl OpenFile {
    fn append_to(path: &PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)?;
        let length = file.metadata()?.len();
        Ok(Self { file, length })
    }
}

/// For writers that know of no other trait.
impl Write for &RotatingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn it_is_private_and_bounded_and_keeps_the_latest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.log");
        let file = RotatingFile::open(path.clone(), 100).unwrap();
        for n in 0..100 {
            file.append(format!("line {n}\n").as_bytes()).unwrap();
        }
        let now = fs::read_to_string(&path).unwrap();
        assert!(now.ends_with("line 99\n"));
        let before = dir.path().join("agent.log.1");
        for path in [&path, &before] {
            let known = fs::metadata(path).unwrap();
            assert!(known.len() <= 100, "{}", known.len());
            assert_eq!(known.permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_later_agent_goes_on_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.log");
        for text in ["first\n", "second\n", "third\n"] {
            let file = RotatingFile::open(path.clone(), 13).unwrap();
            file.append(text.as_bytes()).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "third\n");
        let before = fs::read_to_string(dir.path().join("agent.log.1")).unwrap();
        assert_eq!(before, "first\nsecond\n");
    }

    #[test]
    fn a_text_longer_than_the_bound_stands_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.log");
        let file = RotatingFile::open(path.clone(), 4).unwrap();
        file.append(b"a long line\n").unwrap();
        file.append(b"b\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "b\n");
    }
}
