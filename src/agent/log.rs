//! Where the agent's own log goes: a file a day, of which a week is kept.

use std::path::Path;

use tracing_appender::rolling::{InitError, RollingFileAppender, Rotation};
use tracing_subscriber::EnvFilter;

/// Days kept.
const KEPT: usize = 7;

/// Send what is traced to files in `dir`. A filter that does not parse is the default one.
pub fn start(dir: &Path, filter: Option<&str>) -> Result<(), InitError> {
    let file = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("agent")
        .filename_suffix("log")
        .max_log_files(KEPT)
        .build(dir)?;
    let filter = filter
        .and_then(|text| text.parse::<EnvFilter>().ok())
        .unwrap_or_else(|| EnvFilter::new("info"));
    // Only a second agent in one process, as in tests, finds one set; it logs to the first's.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(std::sync::Mutex::new(file))
        .try_init();
    Ok(())
}
