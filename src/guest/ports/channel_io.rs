//! A channel's turn: connected, written to, read from, and ended.

use std::io;

use guest_api::wire::ToAgent;

use crate::init::connection::LinkConnection;

/// Pieces read from one channel before the others have their turn.
const PIECES: usize = 4;

pub fn advance_channel(connection: &mut LinkConnection, id: u32, scratch: &mut [u8]) {
    let Some(channel) = connection.channels.get_mut(&id) else {
        return;
    };
    if !channel.is_open() {
        match channel.connected() {
            Ok(true) => connection.send(id, &ToAgent::Opened {}),
            Ok(false) => {}
            Err(_) => {
                connection.channels.remove(&id);
                connection.send(id, &ToAgent::Refused {});
            }
        }
        return;
    }
    write_channel(connection, id);
    for _ in 0..PIECES {
        let room = connection.has_room();
        let Some(channel) = connection.channels.get_mut(&id).filter(|_| room) else {
            return;
        };
        let read: io::Result<_> = channel.read(scratch);
        let done = channel.is_done();
        match read {
            Ok(Some(message)) => connection.send(id, &message),
            Ok(None) => return,
            Err(_) => return reset(connection, id),
        }
        if done {
            connection.channels.remove(&id);
        }
    }
}

/// Write what a channel has for the app.
pub fn write_channel(connection: &mut LinkConnection, id: u32) {
    let Some(channel) = connection
        .channels
        .get_mut(&id)
        .filter(|channel| channel.is_open())
    else {
        return;
    };
    let written = channel.write();
    let done = channel.is_done();
    match written {
        Ok(Some(bytes)) => connection.send(id, &ToAgent::Credit { bytes }),
        Ok(None) => {}
        Err(_) => return reset(connection, id),
    }
    if done {
        connection.channels.remove(&id);
    }
}

fn reset(connection: &mut LinkConnection, id: u32) {
    connection.channels.remove(&id);
    connection.send(id, &ToAgent::Reset {});
}
