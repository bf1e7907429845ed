//! What each of the agent's messages does.

use std::{collections::btree_map, time::Duration};

use crate::{
    conn::Conn,
    cpu,
    init::Init,
    journal::Entry,
    process::{Input, Process},
    relay::Channel,
    run::Run,
    turn::push,
    upload::Upload,
    wire::{Malformed, Outcome, Program, ToAgent, ToGuest, VERSION, decode},
};

const UPLOADS: usize = 16;
const CHANNELS: usize = 1024;
/// Holdings in one frame, so that no path makes it too long.
const HOLDINGS: usize = 48;
const LONGEST_GRACE_MS: u32 = 60_000;

impl Init {
    /// Act on every whole frame a link has sent. What is wrong ends that link only.
    pub fn serve(&mut self, link: u32, conn: &mut Conn) {
        let input = std::mem::take(&mut conn.input);
        let mut used = 0;
        while !conn.dead && conn.has_room() {
            match decode::<ToGuest<'_>>(&input[used..]) {
                Ok(Some((id, message, len))) => {
                    used += len;
                    conn.dead |= self.act(link, conn, id, message).is_err();
                }
                Ok(None) => break,
                Err(Malformed) => conn.dead = true,
            }
        }
        conn.input = input;
        conn.input.drain(..used);
    }

    fn act(
        &mut self,
        link: u32,
        conn: &mut Conn,
        id: u32,
        message: ToGuest<'_>,
    ) -> Result<(), Malformed> {
        if let ToGuest::Hello { version } = message {
            return self.greet(conn, version);
        }
        if !conn.greeted {
            return Err(Malformed);
        }
        match message {
            ToGuest::Hello { .. } => {}
            ToGuest::Ping {} => conn.send(id, &ToAgent::Pong {}),
            ToGuest::Inventory {} => self.inventory(conn, id),
            ToGuest::Put { path, mode, token, content } => {
                let entry = Entry { token, mode, is_link: false };
                let done = self.workspace.put(path, entry, content);
                conn.answer(id, outcome(done));
            }
            ToGuest::Link { path, target, token } => {
                let done = self.workspace.link(path, target, token);
                conn.answer(id, outcome(done));
            }
            ToGuest::Delete { path } => {
                let done = self.workspace.delete(path);
                conn.answer(id, outcome(done));
            }
            ToGuest::Begin { .. } | ToGuest::Chunk { .. } | ToGuest::End {} | ToGuest::Abort {} => {
                return self.upload(conn, id, message);
            }
            ToGuest::Start { program, grace_ms } => {
                let grace = Duration::from_millis(u64::from(grace_ms.min(LONGEST_GRACE_MS)));
                self.app.start(program, grace, (link, id));
            }
            ToGuest::Restart { purge_bytecode } => {
                let outcome = self.app.restart(purge_bytecode, (link, id));
                if outcome != Outcome::Fine {
                    conn.answer(id, outcome);
                }
            }
            ToGuest::Usage {} => self.usage.ask((link, id)),
            ToGuest::Written {} => {
                let (lines, last) = self.app.written();
                conn.send(id, &ToAgent::Written { lines, last, cpu_ms: cpu::used_ms() });
            }
            ToGuest::Stop {} => self.app.stop(Some((link, id))),
            ToGuest::Run { program } => self.run(link, conn, id, &program),
            ToGuest::Kill {} => {
                if let Some(run) = self.run.as_ref().filter(|run| run.owner == (link, id)) {
                    run.kill();
                }
            }
            ToGuest::Dial { port } => return self.dial(conn, id, port),
            ToGuest::Credit { bytes } => {
                if let Some(run) = self.run.as_mut().filter(|run| run.owner == (link, id)) {
                    run.pay(bytes);
                } else if let Some(channel) = conn.channels.get_mut(&id) {
                    channel.pay(bytes)?;
                }
            }
            // A channel that is not there any more was reset while this was on its way.
            ToGuest::Data { content } => {
                if let Some(channel) = conn.channels.get_mut(&id) {
                    channel.accept(content)?;
                    push(conn, id);
                }
            }
            ToGuest::Eof {} => {
                if let Some(channel) = conn.channels.get_mut(&id) {
                    channel.agent_done();
                    push(conn, id);
                }
            }
            ToGuest::Reset {} => drop(conn.channels.remove(&id)),
        }
        Ok(())
    }

    fn greet(&mut self, conn: &mut Conn, version: u8) -> Result<(), Malformed> {
        self.listeners.look();
        self.listeners.hurry();
        let hello = ToAgent::Hello {
            version: VERSION,
            app_pid: self.app.is_running_as(),
            app_ended: self.app.ended(),
            ports: self.listeners.ports(),
        };
        conn.send(0, &hello);
        conn.greeted = version == VERSION;
        if conn.greeted {
            return Ok(());
        }
        // It should still learn which version we are.
        conn.flush();
        Err(Malformed)
    }

    fn inventory(&mut self, conn: &mut Conn, id: u32) {
        let mut inventory = self.workspace.inventory().peekable();
        while inventory.peek().is_some() {
            let holdings = inventory.by_ref().take(HOLDINGS).collect();
            conn.send(id, &ToAgent::Inventory { holdings });
        }
        drop(inventory);
        conn.answer(id, Outcome::Fine);
    }

    fn upload(&mut self, conn: &mut Conn, id: u32, message: ToGuest<'_>) -> Result<(), Malformed> {
        match message {
            ToGuest::Begin { path, mode, token, len } => {
                if conn.uploads.len() >= UPLOADS || conn.uploads.contains_key(&id) {
                    return Err(Malformed);
                }
                let entry = Entry { token, mode, is_link: false };
                let upload = Upload::begin(&mut self.workspace, path, entry, len);
                conn.uploads.insert(id, upload);
            }
            ToGuest::Chunk { content } => {
                if let Some(Ok(upload)) = conn.uploads.get_mut(&id) {
                    upload.chunk(content);
                }
            }
            ToGuest::End {} => {
                let done = match conn.uploads.remove(&id).ok_or(Malformed)? {
                    Ok(upload) => upload.end(&mut self.workspace),
                    Err(outcome) => Err(outcome),
                };
                conn.answer(id, outcome(done));
            }
            _ => {
                if let Ok(upload) = conn.uploads.remove(&id).ok_or(Malformed)? {
                    upload.abort(&mut self.workspace);
                }
                conn.answer(id, Outcome::Changed);
            }
        }
        Ok(())
    }

    fn run(&mut self, link: u32, conn: &mut Conn, id: u32, program: &Program) {
        if self.run.is_some() {
            return conn.answer(id, Outcome::Busy);
        }
        match Process::start(program, self.workspace.path(), Input::Ended) {
            Ok(process) => {
                self.app.spare(process.pid);
                self.run = Some(Run::new((link, id), process));
            }
            Err(ending) => conn.send(id, &ToAgent::Ended { ending }),
        }
    }

    fn dial(&mut self, conn: &mut Conn, id: u32, port: u16) -> Result<(), Malformed> {
        let count = conn.channels.len();
        let btree_map::Entry::Vacant(vacant) = conn.channels.entry(id) else {
            return Err(Malformed);
        };
        match Channel::dial(port, self.listeners.candidates(port)) {
            Ok(channel) if count < CHANNELS => {
                let open = vacant.insert(channel).is_open();
                if open {
                    conn.send(id, &ToAgent::Opened {});
                }
            }
            Ok(_) => conn.send(id, &ToAgent::Refused {}),
            Err(_) => {
                // It may be about to come back, or has gone to another port.
                self.listeners.hurry();
                conn.send(id, &ToAgent::Refused {});
            }
        }
        Ok(())
    }
}

fn outcome(done: Result<(), Outcome>) -> Outcome {
    done.err().unwrap_or(Outcome::Fine)
}
