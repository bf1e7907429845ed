//! Where the agent's own log goes: one file of bounded size, and the one before it. A line is one JSON
//! object, which `agent logs` filters and writes for people.

use std::{io, path::Path, sync::Arc};

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer as _, filter::filter_fn, fmt, layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use super::rotating_file::RotatingFile;

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
        .with_writer(Arc::new(file))
        .with_filter(filter)
        .with_filter(filter_fn(is_free_of_secrets));
    Ok(tracing_subscriber::registry().with(written))
}

/// Finer than this, the libraries write whole frames, headers and bodies, and there are tokens and
/// environments in them. No filter brings that back.
fn is_free_of_secrets(of: &Metadata<'_>) -> bool {
    *of.level() <= Level::INFO || of.target().starts_with(env!("CARGO_CRATE_NAME"))
}
