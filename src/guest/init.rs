//! The first process: one loop over everything that can happen, which never waits for any of it.

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

use crate::{
    app::{App, News},
    conn::{Conn, IDLE, PIECE},
    files::Workspace,
    listeners::Listeners,
    output::Log,
    run::Run,
    usage::{Found, Usage},
    sys::{self, PollFd},
    turn::turn,
    wire::ToAgent,
};

const LINKS: usize = 16;
/// A turn that took so much longer than asked means that we were frozen with all the rest.
const FROZEN: Duration = Duration::from_secs(2);

/// What a watched descriptor is.
#[derive(Clone, Copy)]
enum Source {
    Signals,
    Socket,
    Listeners,
    Log { stderr: bool },
    App { stderr: bool },
    Run { stderr: bool },
    Link(u32),
    Channel(u32, u32),
}

pub struct Init {
    pub workspace: Workspace,
    pub app: App,
    pub run: Option<Run>,
    pub listeners: Listeners,
    pub usage: Usage,
    log: Log,
    signals: File,
    socket: UnixListener,
    conns: BTreeMap<u32, Conn>,
    next_link: u32,
    ending: bool,
    /// When the loop last came round.
    turned: Instant,
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
            listeners: Listeners::watch()?,
            usage: Usage::of(home.to_owned()),
            log: Log::new(),
            signals,
            socket: listener,
            conns: BTreeMap::new(),
            next_link: 0,
            ending: false,
            turned: Instant::now(),
        })
    }

    /// Runs until it was asked to end and everything it started is gone.
    pub fn live(&mut self) -> io::Result<()> {
        let mut scratch = vec![0; PIECE];
        while !self.ending || self.app.is_stopping() || self.run.is_some() {
            let (sources, mut fds) = self.watched();
            let asked = self.timeout();
            let wait = asked.map_or(-1, |asked| {
                i32::try_from(asked.as_micros().div_ceil(1000)).unwrap_or(i32::MAX)
            });
            sys::wait(&mut fds, wait)?;
            let ready = sources.iter().zip(&fds).filter(|(_, fd)| fd.revents != 0);
            for source in ready.map(|(source, _)| *source) {
                self.happened(source, &mut scratch);
            }
            // What the agent sent meanwhile may still be on its way through `guest link`.
            if asked.is_none_or(|asked| self.turned.elapsed() > asked + FROZEN) {
                for conn in self.conns.values_mut() {
                    conn.heard = Instant::now();
                }
            }
            self.turned = Instant::now();
            self.settle();
        }
        self.log.finish();
        Ok(())
    }

    fn watched(&self) -> (Vec<Source>, Vec<PollFd>) {
        let (mut sources, mut fds) = (Vec::new(), Vec::new());
        // One without interest is left out: the kernel would report its hang-up for ever.
        let mut add = |source, fd, events| {
            if events != 0 {
                sources.push(source);
                fds.push(sys::watch(fd, events));
            }
        };
        add(Source::Signals, self.signals.as_fd(), sys::POLLIN);
        add(Source::Socket, self.socket.as_fd(), sys::POLLIN);
        add(Source::Listeners, self.listeners.fd(), sys::POLLIN);
        for stderr in [false, true] {
            if let Some(fd) = self.log.waits(stderr) {
                add(Source::Log { stderr }, fd, sys::POLLOUT);
            }
            if self.log.is_full(stderr) {
                continue;
            }
            if let Some(fd) = self.app.process().and_then(|process| process.stream(stderr)) {
                add(Source::App { stderr }, fd, sys::POLLIN);
            }
            if let Some(run) = self.run.as_ref().filter(|run| run.has_credit())
                && let Some(fd) = run.process.stream(stderr)
            {
                add(Source::Run { stderr }, fd, sys::POLLIN);
            }
        }
        for (&link, conn) in &self.conns {
            add(Source::Link(link), conn.stream.as_fd(), conn.interest());
            for (&id, channel) in &conn.channels {
                add(Source::Channel(link, id), channel.fd(), channel.interest(conn.has_room()));
            }
        }
        (sources, fds)
    }

    fn timeout(&self) -> Option<Duration> {
        if self.usage.is_counting() {
            return Some(Duration::ZERO);
        }
        let idle = self.conns.values().map(|conn| conn.heard + IDLE);
        // So often at least, for a long turn to tell of a freeze.
        let pulse = (!self.conns.is_empty()).then(|| self.turned + FROZEN / 2);
        let next = idle.chain(pulse).chain(self.app.timer()).chain(self.log.timer()).min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    fn happened(&mut self, source: Source, scratch: &mut [u8]) {
        match source {
            Source::Signals => self.signalled(),
            Source::Socket => self.accept(),
            Source::Listeners => {
                if self.listeners.has_changed() {
                    self.broadcast(&ToAgent::Listening { ports: self.listeners.ports() });
                }
            }
            Source::Log { stderr } => self.log.flush(stderr),
            Source::App { stderr } => drop(self.app.read(stderr, &mut self.log)),
            Source::Run { stderr } => drop(self.read_run(stderr)),
            Source::Link(link) => {
                if let Some(mut conn) = self.conns.remove(&link) {
                    if conn.has_room() {
                        conn.fill(scratch);
                    }
                    self.serve(link, &mut conn);
                    self.conns.insert(link, conn);
                }
            }
            Source::Channel(link, id) => {
                if let Some(conn) = self.conns.get_mut(&link) {
                    turn(conn, id, scratch);
                }
            }
        }
    }

    fn read_run(&mut self, stderr: bool) -> bool {
        let Some(run) = &mut self.run else { return false };
        let link = run.owner.0;
        let mut conn = self.conns.get_mut(&link);
        run.read(stderr, &mut self.log, &mut |id, message| {
            if let Some(conn) = &mut conn {
                conn.send(id, message);
            }
        })
    }

    fn signalled(&mut self) {
        let mut info = [0; 128];
        while let Ok(128) = self.signals.read(&mut info) {
            let signal = i32::from_ne_bytes([info[0], info[1], info[2], info[3]]);
            if signal == sys::SIGTERM || signal == sys::SIGINT {
                self.ending = true;
                self.app.stop(None);
                if let Some(run) = &self.run {
                    run.kill();
                }
            }
        }
        let mut news = News::default();
        while let Some((pid, status)) = sys::reap() {
            self.app.somebody_ended();
            if self.app.pid() == Some(pid) {
                let beside = self.run.as_ref().map(|run| run.process.pid);
                self.app.exited(status, beside, (&mut self.log, &mut news));
            } else if let Some(run) = self.run.as_mut().filter(|run| run.process.pid == pid) {
                run.exited(status);
            }
        }
        self.tell(news);
    }

    fn accept(&mut self) {
        while let Ok((stream, _)) = self.socket.accept() {
            if self.conns.len() < LINKS
                && let Ok(conn) = Conn::new(stream)
            {
                self.next_link = self.next_link.wrapping_add(1);
                self.conns.insert(self.next_link, conn);
            }
        }
    }

    /// What follows from all that happened, and what it is time for.
    fn settle(&mut self) {
        self.log.advance();
        let mut news = News::default();
        let listening = !self.listeners.ports().is_empty();
        self.app.advance(&mut self.workspace, listening, &mut news);
        if news.started {
            self.listeners.hurry();
        }
        self.tell(news);
        self.finish_run();
        self.listeners.attend(!self.conns.is_empty());
        if let Some(found) = self.usage.advance() {
            let Found { bytes, files, free, .. } = found;
            for (link, id) in found.waiters {
                if let Some(conn) = self.conns.get_mut(&link) {
                    conn.send(id, &ToAgent::Usage { bytes, files, free });
                }
            }
        }
        // Nothing is acknowledged that a crash could make the journal forget.
        let _ = self.workspace.journal.flush();
        self.tend_links(Instant::now());
    }

    /// The command's end is told once all it wrote is.
    fn finish_run(&mut self) {
        if self.run.as_ref().is_none_or(|run| run.process.status.is_none()) {
            return;
        }
        for stderr in [false, true] {
            while self.read_run(stderr) {}
        }
        let Some(run) = &mut self.run else { return };
        let waits = [false, true].into_iter().any(|stderr| run.process.stream(stderr).is_some());
        if waits && (!run.has_credit() || self.log.is_full(false) || self.log.is_full(true)) {
            return;
        }
        self.log.hurry();
        let (owner, ending) = (run.owner, run.process.ending());
        self.run = None;
        if let Some(conn) = self.conns.get_mut(&owner.0) {
            conn.send(owner.1, &ToAgent::Ended { ending });
        }
    }

    fn tend_links(&mut self, now: Instant) {
        let links: Vec<u32> = self.conns.keys().copied().collect();
        for link in links {
            let Some(mut conn) = self.conns.remove(&link) else { continue };
            conn.flush();
            // Frames that waited for room to answer.
            let mut left = usize::MAX;
            while conn.has_room() && !conn.dead && (1..left).contains(&conn.input.len()) {
                left = conn.input.len();
                self.serve(link, &mut conn);
                let _ = self.workspace.journal.flush();
                conn.flush();
            }
            if conn.dead || now.saturating_duration_since(conn.heard) > IDLE {
                self.forget(link, conn);
            } else {
                self.conns.insert(link, conn);
            }
        }
    }

    fn forget(&mut self, link: u32, conn: Conn) {
        for upload in conn.uploads.into_values().flatten() {
            upload.abort(&mut self.workspace);
        }
        if let Some(run) = self.run.as_mut().filter(|run| run.owner.0 == link) {
            run.pay(u32::MAX);
            run.kill();
        }
    }

    fn tell(&mut self, news: News) {
        for event in &news.events {
            self.broadcast(event);
        }
        for ((link, id), outcome) in news.answers {
            if let Some(conn) = self.conns.get_mut(&link) {
                conn.answer(id, outcome);
            }
        }
    }

    fn broadcast(&mut self, event: &ToAgent<'_>) {
        for conn in self.conns.values_mut().filter(|conn| conn.greeted) {
            conn.send(0, event);
        }
    }
}
