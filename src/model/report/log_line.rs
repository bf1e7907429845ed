//! `LogLine`: one line an instance wrote, and on which stream.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogStream {
    Stdout,
    Stderr,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When the engine took it.
    pub at: jiff::Timestamp,
    pub stream: LogStream,
    /// Without its line ending.
    pub text: String,
}
