//! A command that runs to its end beside the app, such as a step of an installation.

use std::process::ExitStatus;

use guest_api::wire::{SLICE, ToAgent, WINDOW};

use super::{app::Waiter, output::Log, process::Process};
use crate::sys;

/// Belongs to the link that began it, and ends with it.
pub struct RunningCommand {
    pub owner: Waiter,
    pub process: Process,
    /// Output the agent has room for.
    credit: u32,
}

impl RunningCommand {
    pub fn new(owner: Waiter, process: Process) -> Self {
        Self {
            owner,
            process,
            credit: WINDOW,
        }
    }

    pub fn add_credit(&mut self, bytes: u32) {
        self.credit = self.credit.saturating_add(bytes).min(WINDOW);
    }

    pub fn has_credit(&self) -> bool {
        self.credit > 0
    }

    pub fn kill(&self) {
        self.process.signal(sys::SIGKILL);
    }

    pub fn exited(&mut self, status: ExitStatus) {
        self.process.status = Some(status);
        // What it left in the background has no one to answer to.
        self.kill();
    }

    /// Pass on one piece of output. Says whether there was one.
    pub fn read<F>(&mut self, stderr: bool, log: &mut Log, send: &mut F) -> bool
    where
        F: FnMut(u32, &ToAgent<'_>),
    {
        let room = usize::try_from(self.credit).unwrap_or(0).min(SLICE);
        if room == 0 || log.is_full(stderr) {
            return false;
        }
        let Some(piece) = self.process.read(stderr, room, log) else {
            return false;
        };
        self.credit = self
            .credit
            .saturating_sub(u32::try_from(piece.len()).unwrap_or(u32::MAX));
        send(
            self.owner.1,
            &ToAgent::Output {
                stderr,
                content: &piece,
            },
        );
        true
    }
}
