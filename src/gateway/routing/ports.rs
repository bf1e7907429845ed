//! `Ports`: the way to every port of one instance, for visitors who ask for one by its number.

use std::io;

use async_trait::async_trait;

use crate::{model::OpenPort, task::BoxedIo};

#[async_trait]
pub trait Ports: Send + Sync {
    /// What something listens on now, ascending. A port that nobody has asked yet has no kind.
    fn open(&self) -> Vec<OpenPort>;

    /// A connection to a port that speaks HTTP; TLS is spoken for the caller where the port wants
    /// it. Finds out first what answers there, for a second or two, where that is not known.
    ///
    /// [`io::ErrorKind::PermissionDenied`] means that a debugger answers there, to which nobody is
    /// let; [`io::ErrorKind::InvalidData`], that what answers speaks no HTTP;
    /// [`io::ErrorKind::ConnectionRefused`], that nothing listens.
    async fn dial(&self, port: u16) -> io::Result<BoxedIo>;
}

/// Of an instance that nothing runs of.
#[derive(Debug, Clone, Copy)]
pub struct NoPorts;

#[async_trait]
impl Ports for NoPorts {
    fn open(&self) -> Vec<OpenPort> {
        Vec::new()
    }

    async fn dial(&self, _port: u16) -> io::Result<BoxedIo> {
        Err(io::ErrorKind::ConnectionRefused.into())
    }
}
