//! The agent's end of the guest's multiplexed stream.
//!
//! One task writes, one reads; everything else waits for answers by the id of its operation. What
//! comes from the guest is not trusted: a frame that is malformed, unasked for or beyond its window
//! ends the link.

mod channel;
mod files;
mod out;
mod reader;
mod run;
mod shared;
mod types;
mod writer;

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use guest_api::wire::{self, Message, Outcome, Program, ToAgent, ToGuest};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::{mpsc, oneshot},
    time::timeout,
};

use self::{
    out::{FrameSender, LinkClosed},
    shared::{LinkShared, PendingOperation},
};
use super::{EngineError, Result};
use crate::{
    model::Secret,
    task::{BoxedIo, Scope},
};

pub use types::{
    AppSpec, AppState, Content, DialError, DiskUse, Exited, FileOp, FileRefusal, GuestEvent,
    GuestHello, InventoryEntry, ListeningPort, OutputLine, PortScope, Reopen, RunSpec, Written,
};

const HANDSHAKE: Duration = Duration::from_secs(5);
/// Events nobody has taken yet. A guest that has more to say is not ours.
const EVENTS: usize = 1024;

/// A stream to the guest. It ends with its last clone and its last dialled stream, or with the
/// scope it was opened in.
#[derive(Clone)]
pub struct Link {
    shared: Arc<LinkShared>,
    out: FrameSender,
    hello: Arc<GuestHello>,
}

impl Link {
    /// Handshake within 5 s. Events of the guest arrive on the receiver; it closes when the stream
    /// is gone.
    pub async fn open(
        mut io: BoxedIo,
        scope: &Scope,
    ) -> Result<(Self, mpsc::Receiver<GuestEvent>)> {
        let mut input = BytesMut::with_capacity(wire::SLICE);
        let hello = match timeout(HANDSHAKE, greet(&mut io, &mut input)).await {
            Ok(hello) => hello?,
            Err(_) => return Err(broken("it did not answer the greeting within 5 s")),
        };
        let (out, queue) = FrameSender::new();
        let (events, receiver) = mpsc::channel(EVENTS);
        let shared = Arc::new(LinkShared::new(&out));
        let (from, to) = tokio::io::split(io);
        scope.spawn(writer::run(to, queue, shared.clone(), scope.clone()));
        scope.spawn(reader::run(
            from,
            input,
            events,
            shared.clone(),
            scope.clone(),
        ));
        Ok((
            Self {
                shared,
                out,
                hello: Arc::new(hello),
            },
            receiver,
        ))
    }

    /// What the guest said of itself when the link was opened.
    /// How many starts of the app the guest has told of. The answer to a start or restart comes
    /// after it is counted.
    pub fn starts(&self) -> u64 {
        self.shared.starts()
    }

    pub fn hello(&self) -> &GuestHello {
        &self.hello
    }

    /// What sync has written before. A token of zeros is a write that never finished.
    pub async fn inventory(&self) -> Result<Vec<InventoryEntry>> {
        let (done, answer) = oneshot::channel();
        let id = self.shared.wait_for(PendingOperation::Inventory {
            entries: Vec::new(),
            done,
        })?;
        self.send(id, &ToGuest::Inventory {}).await?;
        answer.await.map_err(|_| self.shared.lost())
    }

    /// Counted anew, beside all else the guest does.
    pub async fn usage(&self) -> Result<DiskUse> {
        let (done, answer) = oneshot::channel();
        let id = self.shared.wait_for(PendingOperation::Usage(done))?;
        self.send(id, &ToGuest::Usage {}).await?;
        answer.await.map_err(|_| self.shared.lost())
    }

    /// What the app has written since it was started.
    pub async fn written(&self) -> Result<Written> {
        let (done, answer) = oneshot::channel();
        let id = self.shared.wait_for(PendingOperation::Written(done))?;
        self.send(id, &ToGuest::Written {}).await?;
        answer.await.map_err(|_| self.shared.lost())
    }

    /// Start the app, in place of one that runs.
    pub async fn start_app(&self, app: AppSpec) -> Result<()> {
        let grace_ms = u32::try_from(app.grace.as_millis()).unwrap_or(u32::MAX);
        let program = Program {
            argv: app.argv,
            env: reveal(app.env),
            cwd: app.cwd,
        };
        self.ask(&ToGuest::Start { program, grace_ms }).await
    }

    /// Stop it, drop the bytecode of what has changed if asked, and start the same again. Ordered
    /// after earlier calls of [`Link::apply`]. Returns when the new one was started.
    pub async fn restart_app(&self, purge_bytecode: bool) -> Result<()> {
        self.ask(&ToGuest::Restart { purge_bytecode }).await
    }

    /// A connection to a port inside: 127.0.0.1, then `::1`, then whatever address it is bound to.
    pub async fn dial(&self, port: u16) -> Result<BoxedIo, DialError> {
        let (done, answer) = oneshot::channel();
        let waiting = PendingOperation::Dial {
            out: self.out.clone(),
            done,
        };
        let id = self.shared.wait_for(waiting)?;
        let mut guard = self.shared.guard(id, ToGuest::Reset {});
        self.send(id, &ToGuest::Dial { port }).await?;
        let answer = answer.await.map_err(|_| self.shared.lost())?;
        guard.disarm();
        answer
            .map(|channel| Box::pin(channel) as BoxedIo)
            .ok_or(DialError::Refused { port })
    }

    /// Resolves when the stream is gone.
    pub async fn closed(&self) {
        self.shared.closed().await;
    }

    async fn ask(&self, message: &ToGuest<'_>) -> Result<()> {
        let answer = self.submit(message).await?;
        match answer.await.map_err(|_| self.shared.lost())? {
            Outcome::Fine => Ok(()),
            Outcome::NoApp => Err(broken("no app was started yet")),
            outcome => Err(broken(&format!("the guest answered {outcome:?}"))),
        }
    }

    /// Send what is answered by an outcome.
    async fn submit(&self, message: &ToGuest<'_>) -> Result<oneshot::Receiver<Outcome>> {
        let (done, answer) = oneshot::channel();
        let id = self.shared.wait_for(PendingOperation::Done(done))?;
        self.send(id, message).await?;
        Ok(answer)
    }

    async fn send(&self, id: u32, message: &ToGuest<'_>) -> Result<()> {
        let frame = frame(id, message);
        if frame.len() > 4 + wire::MAX_FRAME {
            self.shared.forget(id);
            return Err(broken("the command and its environment are too long"));
        }
        self.out
            .send(frame)
            .await
            .map_err(|LinkClosed| self.shared.lost())
    }
}

/// As they travel: over the link, and nowhere else.
fn reveal(env: Vec<(String, Secret)>) -> Vec<(String, String)> {
    env.into_iter()
        .map(|(name, value)| (name, value.reveal().to_owned()))
        .collect()
}

fn frame<'a>(id: u32, message: &impl Message<'a>) -> Bytes {
    let mut bytes = Vec::new();
    wire::encode(id, message, &mut bytes);
    Bytes::from(bytes)
}

fn broken(reason: &str) -> EngineError {
    EngineError::Link {
        id: "the instance".to_owned(),
        reason: reason.to_owned(),
    }
}

async fn greet(io: &mut BoxedIo, input: &mut BytesMut) -> Result<GuestHello> {
    let failed = |error: std::io::Error| broken(&error.to_string());
    let hello = frame(
        0,
        &ToGuest::Hello {
            version: wire::VERSION,
        },
    );
    io.write_all(&hello).await.map_err(failed)?;
    io.flush().await.map_err(failed)?;
    loop {
        let read = io.read_buf(input).await.map_err(failed)?;
        let (hello, len) = match wire::decode::<ToAgent<'_>>(input) {
            Ok(Some((
                _,
                ToAgent::Hello {
                    version,
                    app_pid,
                    app_ended,
                    ports,
                },
                len,
            ))) => {
                if version != wire::VERSION {
                    return Err(broken(&format!(
                        "its guest speaks version {version} and not {}",
                        wire::VERSION
                    )));
                }
                let app = app_pid.map(|pid| AppState::Running { pid });
                let app = app.or_else(|| app_ended.map(|end| AppState::Exited(types::exit(end))));
                (
                    GuestHello {
                        version,
                        app,
                        listeners: types::listeners(&ports),
                    },
                    len,
                )
            }
            Ok(None) if read > 0 => continue,
            Ok(None) => return Err(broken("the stream ended before the greeting")),
            Ok(Some(_)) | Err(wire::Malformed) => return Err(broken("it spoke nonsense")),
        };
        bytes::Buf::advance(input, len);
        return Ok(hello);
    }
}
