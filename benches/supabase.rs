//! How long the first pull takes.
fn main() {}
