//! Commands about this host and this program: checks, images, leftovers, completions, help.

pub(in crate::cli) mod completions;
pub(in crate::cli) mod doctor;
pub(in crate::cli) mod help;
pub(in crate::cli) mod images;
pub(in crate::cli) mod probe;
pub(in crate::cli) mod prune;
pub(in crate::cli) mod tether;
