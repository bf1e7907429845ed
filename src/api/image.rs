//! Base images: which there are, and building and removing them.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageView {
    /// Such as `codemate/python:3.11`.
    pub tag: String,
    pub stack: String,
    pub version: String,
    /// Whether it is what projects of its stack get that name no version.
    #[serde(default)]
    pub default: bool,
    /// Whether it can be made here. Some versions come from a registry of images alone.
    #[serde(default = "yes")]
    pub available: bool,
    /// Whether those who make what is in it still repair it.
    #[serde(default = "yes")]
    pub supported: bool,
    /// What is known of it if it has been built.
    pub built: Option<BuiltView>,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuiltView {
    pub id: String,
    pub size_bytes: u64,
    /// Seconds since the Unix epoch.
    pub created: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImagesView {
    pub images: Vec<ImageView>,
}

/// Answered by a stream of `step` events that ends in `result`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildImagesRequest {
    /// Tags or stack names; empty builds the default of each stack.
    #[serde(default)]
    pub images: Vec<String>,
    /// Build again what is there already.
    #[serde(default)]
    pub rebuild: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PruneView {
    pub removed: Vec<String>,
    pub freed_bytes: u64,
}
