//! The only way out of a namespace whose preview may reach some hosts by name and nothing else.

use std::{env, io};

/// What has to be taken while the process may still administer the network.
pub struct Prepared;

/// Check what the environment asks for.
pub fn prepare() -> io::Result<Prepared> {
    match env::var_os("CODEMATE_NET_ALLOW") {
        None => Ok(Prepared),
        Some(_) => Err(io::Error::other("this guest has no filter by name")),
    }
}

impl Prepared {
    /// Listen and begin to serve, without any privilege.
    pub fn start(self) -> io::Result<()> {
        Ok(())
    }
}
