//! Supabase against real parts on this host.
fn main() {}
