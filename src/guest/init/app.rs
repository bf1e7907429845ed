//! The app: started, restarted, stopped, and what became of it.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use guest_api::wire::{Ending, Outcome, Program, ToAgent};

use super::{
    background::{self, Background},
    output::Log,
    process::{Input, Process},
};
use crate::{sys, workspace::files::Workspace};

/// How often the rest of a session is looked at while it should end.
const TICK: Duration = Duration::from_millis(10);

/// A link's operation that waits for an answer.
pub type Waiter = (u32, u32);

struct Stopping {
    deadline: Instant,
    then_start: bool,
    purge: bool,
    waiters: Vec<Waiter>,
}

#[derive(Default)]
pub struct App {
    program: Option<(Program, Duration)>,
    process: Option<Process>,
    /// What it left running when its first process ended well: then that is the app.
    background: Option<Background>,
    /// Our children from before it was started.
    earlier_children: Vec<u32>,
    stopping: Option<Stopping>,
    /// How it last ended of its own accord.
    ended: Option<Ending>,
}

/// What to tell the links.
#[derive(Default)]
pub struct AppChanges {
    pub events: Vec<ToAgent<'static>>,
    pub answers: Vec<(Waiter, Outcome)>,
    pub started: bool,
}

impl App {
    pub fn pid(&self) -> Option<u32> {
        self.process
            .as_ref()
            .filter(|process| process.status.is_none())
            .map(|process| process.pid)
    }

    /// The same, also while only what it left in the background runs.
    pub fn is_running_as(&self) -> Option<u32> {
        let process = self.process.as_ref()?;
        (process.status.is_none() || self.background.is_some()).then_some(process.pid)
    }

    pub fn ended(&self) -> Option<Ending> {
        self.ended.clone()
    }

    pub fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    /// See [`super::tail_buffer::TailBuffer::snapshot`].
    pub fn written(&self) -> (u64, Vec<String>) {
        self.process
            .as_ref()
            .map(|process| process.lines.snapshot())
            .unwrap_or_default()
    }

    /// A command was started beside it.
    pub fn exempt(&mut self, pid: u32) {
        if let Some(background) = &mut self.background {
            background.exempt(pid);
        }
    }

    /// Some process of the container did.
    pub fn on_child_exit(&mut self) {
        if let Some(background) = &mut self.background {
            background.on_child_exit();
        }
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.is_some()
    }

    pub fn start(&mut self, program: Program, grace: Duration, waiter: Waiter) {
        self.program = Some((program, grace));
        self.stop_then(true, true, Some(waiter));
    }

    pub fn restart(&mut self, purge: bool, waiter: Waiter) -> Outcome {
        if self.program.is_none() {
            return Outcome::NoApp;
        }
        self.stop_then(true, purge, Some(waiter));
        Outcome::Fine
    }

    pub fn stop(&mut self) {
        self.stop_then(false, false, None);
    }

    /// Begin to end what runs. Called while that is under way, it only changes what follows.
    fn stop_then(&mut self, start: bool, purge: bool, waiter: Option<Waiter>) {
        let grace = self
            .program
            .as_ref()
            .map_or(Duration::ZERO, |(_, grace)| *grace);
        let (process, background) = (&self.process, &self.background);
        let stopping = self.stopping.get_or_insert_with(|| {
            if let Some(process) = process {
                process.signal(sys::SIGTERM);
            }
            if let Some(background) = background {
                background.signal(sys::SIGTERM);
            }
            Stopping {
                deadline: Instant::now() + grace,
                then_start: false,
                purge: false,
                waiters: Vec::new(),
            }
        });
        stopping.then_start = start;
        stopping.purge |= purge;
        stopping.waiters.extend(waiter);
    }

    /// When [`App::advance`] wants to be called, if nothing else happens.
    pub fn timer(&self) -> Option<Instant> {
        match &self.stopping {
            Some(stopping) => Some(stopping.deadline.min(Instant::now() + TICK)),
            None => self.background.as_ref()?.timer(),
        }
    }

    pub fn read(&mut self, stderr: bool, log: &mut Log) -> bool {
        let Some(process) = &mut self.process else {
            return false;
        };
        process.read(stderr, usize::MAX, log).is_some()
    }

    /// Its first process ended. Says so unless that was asked for.
    /// `beside` is a command that runs now.
    pub fn exited(
        &mut self,
        status: std::process::ExitStatus,
        beside: Option<u32>,
        (log, changes): (&mut Log, &mut AppChanges),
    ) {
        let Some(process) = &mut self.process else {
            return;
        };
        process.status = Some(status);
        // What it wrote last is still in the pipes, at most one pipe's worth each.
        for stderr in [false, true] {
            let mut left = 1 << 20;
            while let Some(piece) = process.read(stderr, left, log) {
                left = left.saturating_sub(piece.len());
                if left == 0 {
                    break;
                }
            }
        }
        log.flush_soon();
        if self.stopping.is_none() {
            let mut earlier_children = std::mem::take(&mut self.earlier_children);
            earlier_children.extend(beside);
            self.background = Background::of(earlier_children).filter(|_| status.success());
            if self.background.is_none() {
                self.end(changes);
            }
        }
    }

    /// All of it has ended, of its own accord.
    fn end(&mut self, changes: &mut AppChanges) {
        let Some(process) = &mut self.process else {
            return;
        };
        let ending = process.ending();
        self.ended = Some(ending.clone());
        changes.events.push(ToAgent::AppExited { ending });
    }

    /// Go on with a stop or restart as far as it can. `listening` says whether anything is.
    pub fn advance(
        &mut self,
        workspace: &mut Workspace,
        listening: bool,
        changes: &mut AppChanges,
    ) {
        let Some(stopping) = &mut self.stopping else {
            if let Some(background) = &mut self.background
                && !background.is_running(listening)
            {
                background.signal(sys::SIGKILL);
                self.background = None;
                self.end(changes);
            }
            return;
        };
        let background = self.background.as_ref().is_some_and(|it| !it.is_gone());
        if let Some(process) = &self.process
            && (background || !process.is_gone())
        {
            if Instant::now() >= stopping.deadline {
                process.signal(sys::SIGKILL);
                if let Some(background) = &self.background {
                    background.signal(sys::SIGKILL);
                }
                stopping.deadline = Instant::now() + TICK;
            }
            return;
        }
        let Some(stopping) = self.stopping.take() else {
            return;
        };
        self.process = None;
        self.background = None;
        self.ended = None;
        if stopping.purge {
            workspace.purge_bytecode();
        }
        if stopping.then_start {
            self.launch(workspace.path(), changes);
        }
        changes.answers.extend(
            stopping
                .waiters
                .into_iter()
                .map(|waiter| (waiter, Outcome::Fine)),
        );
    }

    fn launch(&mut self, workspace: &Path, changes: &mut AppChanges) {
        let Some((program, _)) = &self.program else {
            return;
        };
        self.earlier_children = background::children(&[]);
        match Process::start(program, workspace, Input::Open) {
            Ok(process) => {
                changes
                    .events
                    .push(ToAgent::AppStarted { pid: process.pid });
                changes.started = true;
                self.process = Some(process);
            }
            Err(ending) => {
                self.ended = Some(ending.clone());
                changes.events.push(ToAgent::AppExited { ending });
            }
        }
    }
}
