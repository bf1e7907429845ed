//! Running a command inside to its end, and its output as lines.

use tokio::sync::mpsc;

use guest_api::wire::{Program, ToGuest, WINDOW};

use super::{
    Link, broken, reveal,
    shared::PendingOperation,
    types::{Exited, OutputLine, RunSpec},
};
use crate::engine::Result;

/// A longer line is told in parts.
const LINE: usize = 16 * 1024;

/// What is heard of a command.
pub enum RunOutput {
    Output {
        stderr: bool,
        bytes: Vec<u8>,
    },
    Ended(Exited),
    /// Another one runs.
    Refused,
}

impl Link {
    /// Run to its end. Output goes to the container's log and to `lines`; a slow taker of lines
    /// slows the command. Dropping this ends it.
    pub async fn run(&self, command: RunSpec, lines: mpsc::Sender<OutputLine>) -> Result<Exited> {
        let (pieces, mut receiver) = mpsc::unbounded_channel();
        let id = self.shared.wait_for(PendingOperation::Run {
            pieces,
            room: WINDOW,
        })?;
        let mut guard = self.shared.guard(id, ToGuest::Kill {});
        let program = Program {
            argv: command.argv,
            env: reveal(command.env),
            cwd: command.cwd,
        };
        self.send(id, &ToGuest::Run { program }).await?;
        let mut open = [Vec::new(), Vec::new()];
        let mut taken = 0;
        loop {
            match receiver.recv().await {
                Some(RunOutput::Output { stderr, bytes }) => {
                    for text in cut(&mut open[usize::from(stderr)], &bytes) {
                        // Nobody may want them any more; the command still runs to its end.
                        let _ = lines.send(OutputLine { stderr, text }).await;
                    }
                    taken += u32::try_from(bytes.len()).unwrap_or(0);
                    if taken >= WINDOW / 4 {
                        self.give_back(id, std::mem::take(&mut taken));
                    }
                }
                Some(RunOutput::Ended(exited)) => {
                    guard.disarm();
                    for (stderr, rest) in [false, true].into_iter().zip(open) {
                        if !rest.is_empty() {
                            let _ = lines
                                .send(OutputLine {
                                    stderr,
                                    text: text(&rest),
                                })
                                .await;
                        }
                    }
                    return Ok(exited);
                }
                Some(RunOutput::Refused) => {
                    guard.disarm();
                    return Err(broken("another command runs already"));
                }
                None => {
                    guard.disarm();
                    return Err(self.shared.lost());
                }
            }
        }
    }

    fn give_back(&self, id: u32, bytes: u32) {
        if let Some(PendingOperation::Run { room, .. }) = self.shared.state().waiting.get_mut(&id) {
            *room = room.saturating_add(bytes);
        }
        self.shared.control(id, &ToGuest::Credit { bytes });
    }
}

/// The lines that `bytes` completes; the rest stays open.
fn cut(open: &mut Vec<u8>, bytes: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
        open.extend_from_slice(piece);
        if piece.ends_with(b"\n") || open.len() >= LINE {
            lines.push(text(open));
            open.clear();
        }
    }
    lines
}

fn text(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    String::from_utf8_lossy(line).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_across_pieces() {
        let mut open = Vec::new();
        assert_eq!(cut(&mut open, b"one\r\ntw"), ["one"]);
        assert_eq!(cut(&mut open, b"o\n\nthree"), ["two", ""]);
        assert_eq!(open, b"three");
    }
}
