//! `Phase`: where an instance is in its life; each carries exactly the data it has.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Problem, Urls};

/// The life of an instance. One that was taken down is `Asleep`; a purge removes its record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// The image, the volume and the container are being made.
    Creating { since: Timestamp },
    /// Dependencies are being installed inside.
    Installing { since: Timestamp },
    /// The app was started and has not answered yet.
    Starting { since: Timestamp },
    /// It answers.
    Ready {
        since: Timestamp,
        port: u16,
        urls: Urls,
    },
    /// Frozen in memory; a request thaws it.
    Paused {
        since: Timestamp,
        port: u16,
        urls: Urls,
    },
    /// No container; the files and what was installed are kept.
    Asleep { since: Timestamp },
    /// It could not be brought up, and nothing is left running; or its app ended once it had been
    /// up, and the next edit of its files starts it again.
    Failed { since: Timestamp, cause: Problem },
}

/// A phase without its data, to print and compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseKind {
    Creating,
    Installing,
    Starting,
    Ready,
    Paused,
    Asleep,
    Failed,
}

impl Phase {
    pub fn kind(&self) -> PhaseKind {
        match self {
            Self::Creating { .. } => PhaseKind::Creating,
            Self::Installing { .. } => PhaseKind::Installing,
            Self::Starting { .. } => PhaseKind::Starting,
            Self::Ready { .. } => PhaseKind::Ready,
            Self::Paused { .. } => PhaseKind::Paused,
            Self::Asleep { .. } => PhaseKind::Asleep,
            Self::Failed { .. } => PhaseKind::Failed,
        }
    }

    pub fn since(&self) -> Timestamp {
        match self {
            Self::Creating { since }
            | Self::Installing { since }
            | Self::Starting { since }
            | Self::Ready { since, .. }
            | Self::Paused { since, .. }
            | Self::Asleep { since }
            | Self::Failed { since, .. } => *since,
        }
    }

    /// Say no more where the world can reach it.
    pub fn hide_public(&mut self) {
        if let Some(urls) = self.urls_mut() {
            urls.public = None;
        }
    }

    pub fn urls_mut(&mut self) -> Option<&mut Urls> {
        match self {
            Self::Ready { urls, .. } | Self::Paused { urls, .. } => Some(urls),
            _ => None,
        }
    }

    /// Where it can be reached, in the phases in which it can.
    pub fn urls(&self) -> Option<&Urls> {
        match self {
            Self::Ready { urls, .. } | Self::Paused { urls, .. } => Some(urls),
            _ => None,
        }
    }
}

impl std::fmt::Display for PhaseKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PhaseKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Installing => "installing",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Paused => "paused",
            Self::Asleep => "asleep",
            Self::Failed => "failed",
        }
    }
}
