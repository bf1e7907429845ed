//! The first process: one loop over everything that can happen, which never waits for any of it.

pub(super) mod agent_messages;
pub(super) mod app;
pub(super) mod background;
pub(super) mod command;
pub(super) mod connection;
pub(super) mod cpu;
pub(super) mod memory;
pub(super) mod output;
pub(super) mod output_rate;
pub(super) mod process;
pub(super) mod tail_buffer;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    os::{
        fd::AsFd,
        unix::{fs::PermissionsExt, net::UnixListener},
    },
    path::Path,
    time::{Duration, Instant},
};

use guest_api::wire::ToAgent;

use crate::{
    ports::{channel_io::advance_channel, watcher::PortWatcher},
    sys::{self, PollFd},
    workspace::{
        files::Workspace,
        usage::{HomeUsage, UsageCount},
    },
};
use app::{App, AppChanges};
use command::RunningCommand;
use connection::{IDLE, LinkConnection, PIECE};
use output::Log;

const LINKS: usize = 16;
/// A turn that took so much longer than asked means that we were frozen with all the rest.
const FROZEN: Duration = Duration::from_secs(2);

/// What a watched descriptor is.
#[derive(Clone, Copy)]
enum PollSource {
    Signals,
    Socket,
    PortWatcher,
    Log { stderr: bool },
    App { stderr: bool },
    Run { stderr: bool },
    Link(u32),
    Channel(u32, u32),
}

pub struct Init {
    pub workspace: Workspace,
    pub app: App,
    pub run: Option<RunningCommand>,
    pub port_watcher: PortWatcher,
    pub usage: HomeUsage,
    log: Log,
    signals: File,
    socket: UnixListener,
    connections: BTreeMap<u32, LinkConnection>,
    next_link: u32,
    ending: bool,
    /// When the loop last came round.
    last_iteration: Instant,
}

impl Init {
    pub fn new(home: &Path, socket: &Path) -> io::Result<Self> {
        sys::keep_descriptors();
        sys::clear_umask();
        sys::adopt_orphans();
        let signals = sys::signals(&[sys::SIGCHLD, sys::SIGTERM, sys::SIGINT])?;
        // One that a killed guest left.
        let _ = fs::remove_file(socket);
        let listener = UnixListener::bind(socket)?;
        fs::set_permissions(socket, fs::Permissions::from_mode(0o600))?;
        sys::set_nonblocking(&listener)?;
        Ok(Self {
            workspace: Workspace::open(home)?,
            app: App::default(),
            run: None,
            port_watcher: PortWatcher::watch()?,
            usage: HomeUsage::of(home.to_owned()),
            log: Log::new(),
            signals,
            socket: listener,
            connections: BTreeMap::new(),
            next_link: 0,
            ending: false,
            last_iteration: Instant::now(),
        })
    }

    /// Runs until it was asked to end and everything it started is gone.
    pub fn run_loop(&mut self) -> io::Result<()> {
        let mut scratch = vec![0; PIECE];
        while !self.ending || self.app.is_stopping() || self.run.is_some() {
            let (sources, mut fds) = self.poll_set();
            let asked = self.timeout();
            let wait = asked.map_or(-1, |asked| {
                i32::try_from(asked.as_micros().div_ceil(1000)).unwrap_or(i32::MAX)
            });
            sys::wait(&mut fds, wait)?;
            let ready = sources.iter().zip(&fds).filter(|(_, fd)| fd.revents != 0);
            for source in ready.map(|(source, _)| *source) {
                self.on_ready(source, &mut scratch);
            }
            // What the agent sent meanwhile may still be on its way through `guest link`.
            if asked.is_none_or(|asked| self.last_iteration.elapsed() > asked + FROZEN) {
                for connection in self.connections.values_mut() {
                    connection.last_received = Instant::now();
                }
            }
            self.last_iteration = Instant::now();
            self.advance();
        }
        self.log.finish();
        Ok(())
    }

    fn poll_set(&self) -> (Vec<PollSource>, Vec<PollFd>) {
        let (mut sources, mut fds) = (Vec::new(), Vec::new());
        // One without interest is left out: the kernel would report its hang-up for ever.
        let mut add = |source, fd, events| {
            if events != 0 {
                sources.push(source);
                fds.push(sys::watch(fd, events));
            }
        };
        add(PollSource::Signals, self.signals.as_fd(), sys::POLLIN);
        add(PollSource::Socket, self.socket.as_fd(), sys::POLLIN);
        add(PollSource::PortWatcher, self.port_watcher.fd(), sys::POLLIN);
        for stderr in [false, true] {
            if let Some(fd) = self.log.waits(stderr) {
                add(PollSource::Log { stderr }, fd, sys::POLLOUT);
            }
            if self.log.is_full(stderr) {
                continue;
            }
            if let Some(fd) = self
                .app
                .process()
                .and_then(|process| process.stream(stderr))
            {
                add(PollSource::App { stderr }, fd, sys::POLLIN);
            }
            if let Some(run) = self.run.as_ref().filter(|run| run.has_credit())
                && let Some(fd) = run.process.stream(stderr)
            {
                add(PollSource::Run { stderr }, fd, sys::POLLIN);
            }
        }
        for (&link, connection) in &self.connections {
            add(
                PollSource::Link(link),
                connection.stream.as_fd(),
                connection.interest(),
            );
            for (&id, channel) in &connection.channels {
                add(
                    PollSource::Channel(link, id),
                    channel.fd(),
                    channel.interest(connection.has_room()),
                );
            }
        }
        (sources, fds)
    }

    fn timeout(&self) -> Option<Duration> {
        if self.usage.is_counting() {
            return Some(Duration::ZERO);
        }
        let idle = self
            .connections
            .values()
            .map(|connection| connection.last_received + IDLE);
        // So often at least, for a long turn to tell of a freeze.
        let pulse = (!self.connections.is_empty()).then(|| self.last_iteration + FROZEN / 2);
        let next = idle
            .chain(pulse)
            .chain(self.app.timer())
            .chain(self.log.timer())
            .min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    fn on_ready(&mut self, source: PollSource, scratch: &mut [u8]) {
        match source {
            PollSource::Signals => self.on_signal(),
            PollSource::Socket => self.accept(),
            PollSource::PortWatcher => {
                if self.port_watcher.has_changed() {
                    self.broadcast(&ToAgent::Listening {
                        ports: self.port_watcher.ports(),
                    });
                }
            }
            PollSource::Log { stderr } => self.log.flush(stderr),
            PollSource::App { stderr } => drop(self.app.read(stderr, &mut self.log)),
            PollSource::Run { stderr } => drop(self.read_run(stderr)),
            PollSource::Link(link) => {
                if let Some(mut connection) = self.connections.remove(&link) {
                    if connection.has_room() {
                        connection.fill(scratch);
                    }
                    self.handle_messages(link, &mut connection);
                    self.connections.insert(link, connection);
                }
            }
            PollSource::Channel(link, id) => {
                if let Some(connection) = self.connections.get_mut(&link) {
                    advance_channel(connection, id, scratch);
                }
            }
        }
    }

    fn read_run(&mut self, stderr: bool) -> bool {
        let Some(run) = &mut self.run else {
            return false;
        };
        let link = run.owner.0;
        let mut connection = self.connections.get_mut(&link);
        run.read(stderr, &mut self.log, &mut |id, message| {
            if let Some(connection) = &mut connection {
                connection.send(id, message);
            }
        })
    }

    fn on_signal(&mut self) {
        let mut info = [0; 128];
        while let Ok(128) = self.signals.read(&mut info) {
            let signal = i32::from_ne_bytes([info[0], info[1], info[2], info[3]]);
            if signal == sys::SIGTERM || signal == sys::SIGINT {
                self.ending = true;
                self.app.stop();
                if let Some(run) = &self.run {
                    run.kill();
                }
            }
        }
        let mut changes = AppChanges::default();
        while let Some((pid, status)) = sys::reap() {
            self.app.on_child_exit();
            if self.app.pid() == Some(pid) {
                let beside = self.run.as_ref().map(|run| run.process.pid);
                self.app
                    .exited(status, beside, (&mut self.log, &mut changes));
            } else if let Some(run) = self.run.as_mut().filter(|run| run.process.pid == pid) {
                run.exited(status);
            }
        }
        self.report(changes);
    }

    fn accept(&mut self) {
        while let Ok((stream, _)) = self.socket.accept() {
            if self.connections.len() < LINKS
                && let Ok(connection) = LinkConnection::new(stream)
            {
                self.next_link = self.next_link.wrapping_add(1);
                self.connections.insert(self.next_link, connection);
            }
        }
    }

    /// What follows from all that happened, and what it is time for.
    fn advance(&mut self) {
        self.log.advance();
        let mut changes = AppChanges::default();
        let listening = !self.port_watcher.ports().is_empty();
        self.app
            .advance(&mut self.workspace, listening, &mut changes);
        if changes.started {
            self.port_watcher.poll_soon();
        }
        self.report(changes);
        self.finish_run();
        self.port_watcher.set_watched(!self.connections.is_empty());
        if let Some(found) = self.usage.advance() {
            let UsageCount {
                bytes, files, free, ..
            } = found;
            for (link, id) in found.waiters {
                if let Some(connection) = self.connections.get_mut(&link) {
                    connection.send(id, &ToAgent::Usage { bytes, files, free });
                }
            }
        }
        // Nothing is acknowledged that a crash could make the journal forget.
        let _ = self.workspace.journal.flush();
        self.service_links(Instant::now());
    }

    /// The command's end is told once all it wrote is.
    fn finish_run(&mut self) {
        if self
            .run
            .as_ref()
            .is_none_or(|run| run.process.status.is_none())
        {
            return;
        }
        for stderr in [false, true] {
            while self.read_run(stderr) {}
        }
        let Some(run) = &mut self.run else { return };
        let waits = [false, true]
            .into_iter()
            .any(|stderr| run.process.stream(stderr).is_some());
        if waits && (!run.has_credit() || self.log.is_full(false) || self.log.is_full(true)) {
            return;
        }
        self.log.flush_soon();
        let (owner, ending) = (run.owner, run.process.ending());
        self.run = None;
        if let Some(connection) = self.connections.get_mut(&owner.0) {
            connection.send(owner.1, &ToAgent::Ended { ending });
        }
    }

    fn service_links(&mut self, now: Instant) {
        let links: Vec<u32> = self.connections.keys().copied().collect();
        for link in links {
            let Some(mut connection) = self.connections.remove(&link) else {
                continue;
            };
            connection.flush();
            // Frames that waited for room to answer.
            let mut before = usize::MAX;
            while connection.has_room()
                && !connection.dead
                && (1..before).contains(&connection.input.len())
            {
                before = connection.input.len();
                self.handle_messages(link, &mut connection);
                let _ = self.workspace.journal.flush();
                connection.flush();
            }
            if connection.dead || now.saturating_duration_since(connection.last_received) > IDLE {
                self.forget(link, connection);
            } else {
                self.connections.insert(link, connection);
            }
        }
    }

    fn forget(&mut self, link: u32, connection: LinkConnection) {
        for upload in connection.uploads.into_values().flatten() {
            upload.abort(&mut self.workspace);
        }
        if let Some(run) = self.run.as_mut().filter(|run| run.owner.0 == link) {
            run.add_credit(u32::MAX);
            run.kill();
        }
    }

    fn report(&mut self, changes: AppChanges) {
        for event in &changes.events {
            self.broadcast(event);
        }
        for ((link, id), outcome) in changes.answers {
            if let Some(connection) = self.connections.get_mut(&link) {
                connection.answer(id, outcome);
            }
        }
    }

    fn broadcast(&mut self, event: &ToAgent<'_>) {
        for connection in self
            .connections
            .values_mut()
            .filter(|connection| connection.greeted)
        {
            connection.send(0, event);
        }
    }
}
