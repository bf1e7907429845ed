//! A channel's turn: connected, written to, read from, and ended.

use std::io;

use crate::{conn::Conn, wire::ToAgent};

/// Pieces read from one channel before the others have their turn.
const PIECES: usize = 4;

pub fn turn(conn: &mut Conn, id: u32, scratch: &mut [u8]) {
    let Some(channel) = conn.channels.get_mut(&id) else { return };
    if !channel.is_open() {
        match channel.connected() {
            Ok(true) => conn.send(id, &ToAgent::Opened {}),
            Ok(false) => {}
            Err(_) => {
                conn.channels.remove(&id);
                conn.send(id, &ToAgent::Refused {});
            }
        }
        return;
    }
    push(conn, id);
    for _ in 0..PIECES {
        let room = conn.has_room();
        let Some(channel) = conn.channels.get_mut(&id).filter(|_| room) else { return };
        let read: io::Result<_> = channel.read(scratch);
        let done = channel.is_done();
        match read {
            Ok(Some(message)) => conn.send(id, &message),
            Ok(None) => return,
            Err(_) => return reset(conn, id),
        }
        if done {
            conn.channels.remove(&id);
        }
    }
}

/// Write what a channel has for the app.
pub fn push(conn: &mut Conn, id: u32) {
    let Some(channel) = conn.channels.get_mut(&id).filter(|channel| channel.is_open()) else {
        return;
    };
    let written = channel.write();
    let done = channel.is_done();
    match written {
        Ok(Some(bytes)) => conn.send(id, &ToAgent::Credit { bytes }),
        Ok(None) => {}
        Err(_) => return reset(conn, id),
    }
    if done {
        conn.channels.remove(&id);
    }
}

fn reset(conn: &mut Conn, id: u32) {
    conn.channels.remove(&id);
    conn.send(id, &ToAgent::Reset {});
}
