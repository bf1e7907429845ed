//! `[share]` of the user's settings: who may visit previews from outside. Never in a project's.

use serde::{Deserialize, Serialize};

use crate::model::{Lifetime, PublicUrl};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ShareSettings {
    /// Everyone who knows a preview's URL may visit it, unless `up --private` says otherwise.
    pub public: bool,
    /// How long links are good for that say nothing else; 24 hours when not given.
    pub expires: Option<Lifetime>,
    /// Sites whose pages may show a preview in a frame, such as an IDE's: `https://ide.example.com`.
    pub frame_ancestors: Vec<PublicUrl>,
}
