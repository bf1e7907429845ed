//! Where the agent's own log goes: one file of bounded size, and the one before it. A line is one JSON
//! object, which `agent logs` filters and writes for people.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Mutex,
};

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer as _, filter::filter_fn, fmt, layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// Bytes after which the file is put aside.
const LONGEST: u64 = 8 << 20;

/// Send what is traced to `path`. A filter that does not parse is the default one.
pub fn start(path: &Path, filter: Option<&str>) -> io::Result<()> {
    // Only a second agent in one process, as in tests, finds one set; it logs to the first's.
    let _ = log_to(path, filter)?.try_init();
    if let Some(Err(error)) = filter.map(str::parse::<EnvFilter>) {
        tracing::warn!(
            %error,
            "CODEMATE_PREVIEW_LOG is not a filter, so `info` and above are logged"
        );
    }
    Ok(())
}

/// What writes the log.
pub fn log_to(
    path: &Path,
    filter: Option<&str>,
) -> io::Result<impl Subscriber + Send + Sync + 'static> {
    let file = RotatingFile::open(path.to_owned(), LONGEST)?;
    let filter = filter
        .and_then(|text| text.parse::<EnvFilter>().ok())
        .unwrap_or_else(|| EnvFilter::new("info"));
    let written = fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(true)
        // On a full disk there is nowhere to complain to: standard error is this file too.
        .log_internal_errors(false)
        .with_writer(Mutex::new(file))
        .with_filter(filter)
        .with_filter(filter_fn(is_free_of_secrets));
    Ok(tracing_subscriber::registry().with(written))
}

/// Finer than this, the libraries write whole frames, headers and bodies, and there are tokens and
/// environments in them. No filter brings that back.
fn is_free_of_secrets(of: &Metadata<'_>) -> bool {
    *of.level() <= Level::INFO || of.target().starts_with(env!("CARGO_CRATE_NAME"))
}

/// A file that is renamed to `<name>.1` and begun again when it has grown too long.
struct RotatingFile {
    path: PathBuf,
    file: File,
    written: u64,
    longest: u64,
}

impl RotatingFile {
    fn open(path: PathBuf, longest: u64) -> io::Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)?;
        let written = file.metadata()?.len();
        Ok(Self {
            path,
            file,
            written,
            longest,
        })
    }

    fn rotate(&mut self) -> io::Result<()> {
        let mut aside = self.path.clone().into_os_string();
        aside.push(".1");
        fs::rename(&self.path, aside)?;
        *self = Self::open(self.path.clone(), self.longest)?;
        Ok(())
    }
}

impl Write for RotatingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.written >= self.longest {
            self.rotate()?;
        }
        let taken = self.file.write(bytes)?;
        self.written += taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_bounded_and_keeps_the_latest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.log");
        let mut log = RotatingFile::open(path.clone(), 100).unwrap();
        for n in 0..100 {
            writeln!(log, "line {n}").unwrap();
        }
        let now = fs::read_to_string(&path).unwrap();
        assert!(now.ends_with("line 99\n"));
        assert!(now.len() <= 120);
        let files = fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(files, 2);
    }
}
