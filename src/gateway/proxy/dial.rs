//! `Dial`: how the gateway gets a byte stream to an app; lifecycle says how, the gateway when.

use std::io;

use async_trait::async_trait;

use crate::task::BoxedIo;

/// A way to one port of one instance. [`io::ErrorKind::ConnectionRefused`] means that nothing
/// listens there; every other error, that the instance could not be reached.
#[async_trait]
pub trait Dial: Send + Sync {
    async fn dial(&self) -> io::Result<BoxedIo>;
}
