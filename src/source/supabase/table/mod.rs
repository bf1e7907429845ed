//! A table of files: its shape, its rows, and which files they ask for.

pub(super) mod decode;
pub(super) mod desired;
pub(super) mod listing;
pub(super) mod probe;
pub(super) mod refused;
pub(super) mod row;
pub(super) mod shape;
pub(super) mod visibility;
