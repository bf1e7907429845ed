//! Who is at the other end of the agent's socket.

use std::{io::ErrorKind, path::Path};

use tokio::net::UnixStream;

use super::{ClientError, Result};

/// The process that listens, of the same user as this one.
pub(super) struct Peer {
    pub(super) pid: Option<i32>,
}

/// `None` if nobody listens.
pub(super) async fn look(socket: &Path) -> Result<Option<Peer>> {
    let stream = match UnixStream::connect(socket).await {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(None);
        }
        Err(error) if error.kind() == ErrorKind::InvalidInput => {
            return Err(ClientError::TooLong(socket.to_owned()));
        }
        Err(error) => return Err(ClientError::io("connect to", socket)(error)),
    };
    let credentials = stream
        .peer_cred()
        .map_err(ClientError::io("see who answers on", socket))?;
    let own = rustix::process::geteuid().as_raw();
    if credentials.uid() != own {
        return Err(ClientError::OtherUser {
            path: socket.to_owned(),
            found: credentials.uid(),
        });
    }
    Ok(Some(Peer {
        pid: credentials.pid(),
    }))
}
