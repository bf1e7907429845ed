//! What is not needed any more, and removing it.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PruneRequest {
    /// Remove it; otherwise it is only told.
    #[serde(default)]
    pub remove: bool,
    /// Base images that no instance uses too.
    #[serde(default)]
    pub all: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WasteView {
    /// Whether it was removed.
    pub removed: bool,
    pub items: Vec<WasteItem>,
    pub bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WasteItem {
    pub kind: WasteKind,
    pub name: String,
    pub bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WasteKind {
    /// What an instance kept that is recorded nowhere any more. It may be somebody's work.
    Home,
    Guest,
    Image,
    /// Files of a project's rows; the rows still are in their table.
    Mirror,
    Log,
}

impl WasteKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Home => "volume",
            Self::Guest => "old guest",
            Self::Image => "image",
            Self::Mirror => "mirror",
            Self::Log => "log",
        }
    }
}
