//! What a preview may reach that names the hosts it needs.

use super::Around;

/// What is added to the table of a namespace.
#[derive(Debug, Default)]
pub struct Rules {
    /// Whole sets and chains, written as in [`super::text`].
    pub parts: Vec<String>,
    /// Before the deny sets refuse and after what is established is let through.
    pub output: Vec<String>,
}

/// Nothing leaves unless the filter of `guest net` sent it.
pub fn rules(_around: &Around) -> Rules {
    Rules::default()
}
