//! Commands about a project: what it is recognised as, its variables, and where its files come from.

pub(in crate::cli) mod detect;
pub(in crate::cli) mod secret;
pub(in crate::cli) mod supabase;
pub(in crate::cli) mod sync;
