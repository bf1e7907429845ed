//! What a project was found to take besides what its files say.

use serde::{Deserialize, Serialize};

/// Found when a start failed without it, and kept so that the next one begins with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remedies {
    /// Why its image has compilers and headers; `None` if it needs none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<OtherVersion>,
    /// Its lock file is left aside, for this reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without_lock: Option<String>,
    /// What its code asks for and its manifest does not name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<ReasonedNames>,
    /// Folders of its own where Python looks for modules; an empty name is the project's directory.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub folders: Vec<ReasonedNames>,
    /// Packages that its manifest names, that cannot be made and that nothing of it imports.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<ReasonedNames>,
    /// Packages whose release that is asked for cannot be made here: another one is taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub any_release: Vec<ReasonedNames>,
    /// Directories that it takes for granted and does not have, relative to the project.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub directories: Vec<ReasonedNames>,
    /// Why the client of its Prisma schema is generated after each installation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generated: Option<String>,
    /// The day whose releases are installed, since packages that are not pinned have moved on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<ReasonedNames>,
    /// Variables that make an old program run on what is here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<ReasonedVariable>,
    /// What it needs of memory, where nobody said how much it may use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<MoreMemory>,
}

/// More memory than a preview has that nobody asked it for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoreMemory {
    pub bytes: u64,
    pub because: String,
}

/// Names that were found to be needed, or not to be, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonedNames {
    pub names: Vec<String>,
    pub because: String,
}

/// A variable of the environment, and why it is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonedVariable {
    pub name: String,
    pub value: String,
    pub because: String,
}

/// A version of the stack that suits a project which names none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherVersion {
    pub version: String,
    pub because: String,
}

impl Remedies {
    pub fn are_none(&self) -> bool {
        *self == Self::default()
    }
}
