//! The task that reads a link's frames and hands each to whoever waits for it.

use std::sync::Arc;

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    sync::mpsc,
};

use guest_api::wire::{self, Holding, Malformed, Outcome, ToAgent};

use super::{
    channel::Channel,
    run::RunOutput,
    shared::{LinkShared, LinkState, PendingOperation},
    types::{self, DiskUse, GuestEvent, InventoryEntry, Written},
};
use crate::task::Scope;

/// More paths than any project has.
const MOST_HELD: usize = 1_000_000;

/// Why a link must end.
struct Violation(&'static str);

pub async fn run<R: AsyncRead + Unpin>(
    mut from: R,
    mut input: BytesMut,
    events: mpsc::Sender<GuestEvent>,
    shared: Arc<LinkShared>,
    scope: Scope,
) {
    let reason = tokio::select! {
        reason = read(&mut from, &mut input, &events, &shared) => reason,
        () = shared.closed() => return,
        () = scope.cancelled() => "the agent is stopping".to_owned(),
    };
    shared.close(&reason);
}

/// Says why it ended.
async fn read<R: AsyncRead + Unpin>(
    from: &mut R,
    input: &mut BytesMut,
    events: &mpsc::Sender<GuestEvent>,
    shared: &Arc<LinkShared>,
) -> String {
    loop {
        loop {
            let taken = match wire::decode::<ToAgent<'_>>(input) {
                Ok(Some((id, message, len))) => take(id, message, events, shared).map(|()| len),
                Ok(None) => break,
                Err(Malformed) => Err(Violation("it spoke nonsense")),
            };
            match taken {
                Ok(len) => input.advance(len),
                Err(Violation(reason)) => return reason.to_owned(),
            }
        }
        input.reserve(wire::SLICE);
        match from.read_buf(input).await {
            Ok(0) => return "the stream ended".to_owned(),
            Ok(_) => {}
            Err(error) => return error.to_string(),
        }
    }
}

fn take(
    id: u32,
    message: ToAgent<'_>,
    events: &mpsc::Sender<GuestEvent>,
    shared: &Arc<LinkShared>,
) -> Result<(), Violation> {
    match message {
        ToAgent::Hello { .. } => Err(Violation("it greeted twice")),
        ToAgent::Pong {} => {
            shared.ponged();
            Ok(())
        }
        ToAgent::Inventory { holdings } => add_to_inventory(&mut shared.state(), id, holdings),
        ToAgent::Done { outcome } => finish(id, outcome, shared),
        ToAgent::Usage { bytes, files, free } => {
            match shared.state().waiting.remove(&id) {
                Some(PendingOperation::Usage(done)) => drop(done.send(DiskUse {
                    bytes,
                    files,
                    free_bytes: free,
                })),
                None => {}
                Some(_) => return Err(Violation("it answered something else than was asked")),
            }
            Ok(())
        }
        ToAgent::Written {
            lines,
            last,
            cpu_ms,
        } => {
            match shared.state().waiting.remove(&id) {
                Some(PendingOperation::Written(done)) => drop(done.send(Written {
                    lines,
                    last,
                    cpu_ms,
                })),
                None => {}
                Some(_) => return Err(Violation("it answered something else than was asked")),
            }
            Ok(())
        }
        ToAgent::Output { stderr, content } => match shared.state().waiting.get_mut(&id) {
            Some(PendingOperation::Run { pieces, room }) => {
                *room = u32::try_from(content.len())
                    .ok()
                    .and_then(|len| room.checked_sub(len))
                    .ok_or(Violation("it sent more output than there was room for"))?;
                let _ = pieces.send(RunOutput::Output {
                    stderr,
                    bytes: content.to_vec(),
                });
                Ok(())
            }
            _ => Ok(()),
        },
        ToAgent::Ended { ending } => {
            if let Some(PendingOperation::Run { pieces, .. }) = shared.state().waiting.remove(&id) {
                let _ = pieces.send(RunOutput::Ended(types::exit(ending)));
            }
            Ok(())
        }
        ToAgent::Listening { ports } => {
            send_event(events, GuestEvent::Listening(types::listeners(&ports)))
        }
        ToAgent::AppStarted { pid } => {
            shared.app_started();
            send_event(events, GuestEvent::AppStarted { pid })
        }
        ToAgent::AppExited { ending } => {
            let (exit, start) = (types::exit(ending), shared.starts());
            send_event(events, GuestEvent::AppExited { exit, start })
        }
        ToAgent::Opened {} => dialled(id, true, shared),
        ToAgent::Refused {} => dialled(id, false, shared),
        ToAgent::Data { .. } | ToAgent::Eof {} | ToAgent::Reset {} | ToAgent::Credit { .. } => {
            relay(id, &message, shared)
        }
    }
}

/// The end of an operation.
fn finish(id: u32, outcome: Outcome, shared: &LinkShared) -> Result<(), Violation> {
    match shared.state().waiting.remove(&id) {
        Some(PendingOperation::Done(done)) => drop(done.send(outcome)),
        Some(PendingOperation::Inventory { entries, done }) => drop(done.send(entries)),
        Some(PendingOperation::Run { pieces, .. }) => drop(pieces.send(RunOutput::Refused)),
        // The answer to an operation that was given up.
        None => {}
        Some(_) => {
            return Err(Violation("it answered something else than was asked"));
        }
    }
    Ok(())
}

fn add_to_inventory(
    state: &mut LinkState,
    id: u32,
    holdings: Vec<Holding>,
) -> Result<(), Violation> {
    let Some(PendingOperation::Inventory { entries, .. }) = state.waiting.get_mut(&id) else {
        return Ok(());
    };
    if entries.len() + holdings.len() > MOST_HELD {
        return Err(Violation("its inventory has no end"));
    }
    entries.extend(holdings.into_iter().map(
        |Holding {
             path,
             token,
             mode,
             is_link,
         }| InventoryEntry {
            path,
            token,
            mode,
            is_link,
        },
    ));
    Ok(())
}

fn send_event(events: &mpsc::Sender<GuestEvent>, event: GuestEvent) -> Result<(), Violation> {
    match events.try_send(event) {
        Err(mpsc::error::TrySendError::Full(_)) => Err(Violation("its events have no end")),
        _ => Ok(()),
    }
}

fn dialled(id: u32, opened: bool, shared: &Arc<LinkShared>) -> Result<(), Violation> {
    let (channel, done) = {
        let mut state = shared.state();
        match state.waiting.remove(&id) {
            Some(PendingOperation::Dial { out, done }) => {
                let channel = opened.then(|| Channel::new(id, shared.clone(), out));
                if let Some(channel) = &channel {
                    state.channels.insert(id, channel.state());
                }
                (channel, done)
            }
            None => return Ok(()),
            Some(_) => {
                return Err(Violation("it answered something else than was asked"));
            }
        }
    };
    // Outside the lock: a stream nobody wants any more takes it when dropped.
    drop(done.send(channel));
    Ok(())
}

fn relay(id: u32, message: &ToAgent<'_>, shared: &LinkShared) -> Result<(), Violation> {
    // One that is not there was dropped while this was on its way.
    let Some(channel) = shared.state().channels.get(&id).cloned() else {
        return Ok(());
    };
    let delivered = match message {
        ToAgent::Data { content } => channel.take(content),
        ToAgent::Credit { bytes } => channel.pay(*bytes),
        ToAgent::Eof {} => channel.end(),
        _ => {
            channel.fail();
            Ok(())
        }
    };
    delivered.map_err(|Malformed| Violation("it sent more than there was room for"))
}
