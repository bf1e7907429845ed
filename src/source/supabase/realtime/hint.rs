//! `Hint`: what Realtime has to say to whoever follows a table. Never the data itself.

/// Hints may be lost, doubled and late: each only says when to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// Changes are told from now on. What happened before that was not: everything is compared.
    Live,
    /// Some row was inserted, updated or deleted.
    Changed,
    /// Changes are no longer told: the table is polled until [`Hint::Live`].
    Lost,
}
