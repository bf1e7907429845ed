//! What each of the agent's messages does.

use std::{collections::btree_map, time::Duration};

use guest_api::wire::{Malformed, Outcome, Program, ToAgent, ToGuest, VERSION, decode};

use super::{
    Init,
    command::RunningCommand,
    connection::LinkConnection,
    cpu,
    process::{Input, Process},
};
use crate::{
    ports::{channel_io::write_channel, relay::RelayChannel},
    workspace::{journal::JournalEntry, upload::Upload},
};

const UPLOADS: usize = 16;
const CHANNELS: usize = 1024;
/// Holdings in one frame, so that no path makes it too long.
const HOLDINGS: usize = 48;
const LONGEST_GRACE_MS: u32 = 60_000;

impl Init {
    /// Act on every whole frame a link has sent. What is wrong ends that link only.
    pub fn handle_messages(&mut self, link: u32, connection: &mut LinkConnection) {
        let input = std::mem::take(&mut connection.input);
        let mut used = 0;
        while !connection.dead && connection.has_room() {
            match decode::<ToGuest<'_>>(&input[used..]) {
                Ok(Some((id, message, len))) => {
                    used += len;
                    connection.dead |= self.handle_message(link, connection, id, message).is_err();
                }
                Ok(None) => break,
                Err(Malformed) => connection.dead = true,
            }
        }
        connection.input = input;
        connection.input.drain(..used);
    }

    fn handle_message(
        &mut self,
        link: u32,
        connection: &mut LinkConnection,
        id: u32,
        message: ToGuest<'_>,
    ) -> Result<(), Malformed> {
        if let ToGuest::Hello { version } = message {
            return self.greet(connection, version);
        }
        if !connection.greeted {
            return Err(Malformed);
        }
        match message {
            ToGuest::Hello { .. } => {}
            ToGuest::Ping {} => connection.send(id, &ToAgent::Pong {}),
            ToGuest::Inventory {} => self.inventory(connection, id),
            ToGuest::Put { .. } | ToGuest::Link { .. } | ToGuest::Delete { .. } => {
                self.change_file(connection, id, &message);
            }
            ToGuest::Begin { .. } | ToGuest::Chunk { .. } | ToGuest::End {} | ToGuest::Abort {} => {
                return self.upload(connection, id, &message);
            }
            ToGuest::Start { program, grace_ms } => {
                let grace = Duration::from_millis(u64::from(grace_ms.min(LONGEST_GRACE_MS)));
                self.app.start(program, grace, (link, id));
            }
            ToGuest::Restart { purge_bytecode } => {
                let outcome = self.app.restart(purge_bytecode, (link, id));
                if outcome != Outcome::Fine {
                    connection.answer(id, outcome);
                }
            }
            ToGuest::Usage {} => self.usage.ask((link, id)),
            ToGuest::Written {} => {
                let (lines, last) = self.app.written();
                connection.send(
                    id,
                    &ToAgent::Written {
                        lines,
                        last,
                        cpu_ms: cpu::used_ms(),
                    },
                );
            }
            ToGuest::Run { program } => self.run(link, connection, id, &program),
            ToGuest::Kill {} => {
                if let Some(run) = self.run.as_ref().filter(|run| run.owner == (link, id)) {
                    run.kill();
                }
            }
            ToGuest::Dial { port } => return self.dial(connection, id, port),
            ToGuest::Credit { bytes } => {
                if let Some(run) = self.run.as_mut().filter(|run| run.owner == (link, id)) {
                    run.add_credit(bytes);
                } else if let Some(channel) = connection.channels.get_mut(&id) {
                    channel.add_credit(bytes)?;
                }
            }
            // A channel that is not there any more was reset while this was on its way.
            ToGuest::Data { content } => {
                if let Some(channel) = connection.channels.get_mut(&id) {
                    channel.accept(content)?;
                    write_channel(connection, id);
                }
            }
            ToGuest::Eof {} => {
                if let Some(channel) = connection.channels.get_mut(&id) {
                    channel.agent_done();
                    write_channel(connection, id);
                }
            }
            ToGuest::Reset {} => drop(connection.channels.remove(&id)),
        }
        Ok(())
    }

    fn greet(&mut self, connection: &mut LinkConnection, version: u8) -> Result<(), Malformed> {
        self.port_watcher.refresh();
        self.port_watcher.poll_soon();
        let hello = ToAgent::Hello {
            version: VERSION,
            app_pid: self.app.is_running_as(),
            app_ended: self.app.ended(),
            ports: self.port_watcher.ports(),
        };
        connection.send(0, &hello);
        connection.greeted = version == VERSION;
        if connection.greeted {
            return Ok(());
        }
        // It should still learn which version we are.
        connection.flush();
        Err(Malformed)
    }

    fn inventory(&mut self, connection: &mut LinkConnection, id: u32) {
        let mut inventory = self.workspace.inventory().peekable();
        while inventory.peek().is_some() {
            let holdings = inventory.by_ref().take(HOLDINGS).collect();
            connection.send(id, &ToAgent::Inventory { holdings });
        }
        drop(inventory);
        connection.answer(id, Outcome::Fine);
    }

    /// One file in one frame.
    fn change_file(&mut self, connection: &mut LinkConnection, id: u32, message: &ToGuest<'_>) {
        let done = match *message {
            ToGuest::Put {
                path,
                mode,
                token,
                content,
            } => {
                let entry = JournalEntry {
                    token,
                    mode,
                    is_link: false,
                };
                self.workspace.put(path, entry, content)
            }
            ToGuest::Link {
                path,
                target,
                token,
            } => self.workspace.link(path, target, token),
            ToGuest::Delete { path } => self.workspace.delete(path),
            _ => return,
        };
        connection.answer(id, outcome(done));
    }

    fn upload(
        &mut self,
        connection: &mut LinkConnection,
        id: u32,
        message: &ToGuest<'_>,
    ) -> Result<(), Malformed> {
        match *message {
            ToGuest::Begin {
                path,
                mode,
                token,
                len,
            } => {
                if connection.uploads.len() >= UPLOADS || connection.uploads.contains_key(&id) {
                    return Err(Malformed);
                }
                let entry = JournalEntry {
                    token,
                    mode,
                    is_link: false,
                };
                let upload = Upload::begin(&mut self.workspace, path, entry, len);
                connection.uploads.insert(id, upload);
            }
            ToGuest::Chunk { content } => {
                if let Some(Ok(upload)) = connection.uploads.get_mut(&id) {
                    upload.chunk(content);
                }
            }
            ToGuest::End {} => {
                let done = match connection.uploads.remove(&id).ok_or(Malformed)? {
                    Ok(upload) => upload.end(&mut self.workspace),
                    Err(outcome) => Err(outcome),
                };
                connection.answer(id, outcome(done));
            }
            _ => {
                if let Ok(upload) = connection.uploads.remove(&id).ok_or(Malformed)? {
                    upload.abort(&mut self.workspace);
                }
                connection.answer(id, Outcome::Changed);
            }
        }
        Ok(())
    }

    fn run(&mut self, link: u32, connection: &mut LinkConnection, id: u32, program: &Program) {
        if self.run.is_some() {
            return connection.answer(id, Outcome::Busy);
        }
        match Process::start(program, self.workspace.path(), Input::Ended) {
            Ok(process) => {
                self.app.exempt(process.pid);
                self.run = Some(RunningCommand::new((link, id), process));
            }
            Err(ending) => connection.send(id, &ToAgent::Ended { ending }),
        }
    }

    fn dial(
        &mut self,
        connection: &mut LinkConnection,
        id: u32,
        port: u16,
    ) -> Result<(), Malformed> {
        let count = connection.channels.len();
        let btree_map::Entry::Vacant(vacant) = connection.channels.entry(id) else {
            return Err(Malformed);
        };
        match RelayChannel::dial(port, self.port_watcher.candidates(port)) {
            Ok(channel) if count < CHANNELS => {
                let open = vacant.insert(channel).is_open();
                if open {
                    connection.send(id, &ToAgent::Opened {});
                }
            }
            Ok(_) => connection.send(id, &ToAgent::Refused {}),
            Err(_) => {
                // It may be about to come back, or has gone to another port.
                self.port_watcher.poll_soon();
                connection.send(id, &ToAgent::Refused {});
            }
        }
        Ok(())
    }
}

fn outcome(done: Result<(), Outcome>) -> Outcome {
    done.err().unwrap_or(Outcome::Fine)
}
