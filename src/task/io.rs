//! `BoxedIo`: a byte stream into an instance, whatever carries it.

use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};

pub trait Io: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Io for T {}
pub type BoxedIo = Pin<Box<dyn Io>>;
