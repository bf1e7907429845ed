//! Images: what one is called, what is known of one that exists, and how a build goes.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// `repository:tag`, such as `codemate/python:3.11`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ImageRef(String);

impl ImageRef {
    /// `codemate/<stack>:<version>`, the tag of an image built from `images/<stack>`.
    pub fn ours(stack: &str, version: &str) -> Self {
        Self(format!("codemate/{stack}:{version}"))
    }

    /// The stack and what stands for its version, if the tag is one of ours.
    pub fn stack_and_version(&self) -> Option<(&str, &str)> {
        self.0.strip_prefix("codemate/")?.split_once(':')
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Never fails: whether a reference is well formed is the engine's to say.
impl FromStr for ImageRef {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An image the engine has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageInfo {
    /// The engine's content id, which changes whenever the image does.
    pub id: String,
    pub tags: Vec<ImageRef>,
    pub size_bytes: u64,
    /// Seconds since the Unix epoch.
    pub created: i64,
    /// Directories its own configuration puts on `PATH`, and the rest of its environment.
    pub env: Vec<String>,
    /// The fingerprint of what it was made from, where it is one of ours and says so.
    pub recipe: Option<String>,
}

/// One thing that happened in a build or a pull.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum BuildProgress {
    /// Step `current` of `total` began.
    Step {
        current: u32,
        total: u32,
        text: String,
    },
    /// A line a step printed.
    Line { text: String },
}
