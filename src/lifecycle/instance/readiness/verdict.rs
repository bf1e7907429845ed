//! When an app is ready: what is seen of its ports goes in, a verdict comes out. Pure.

use std::{cmp::Reverse, collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use super::{
    crash_signs::CrashSign,
    http_probe::PortAnswer,
    not_ready::NotReadyReason,
    rules::{PATIENCE_FOR_SEVERAL, Rank, ReadinessRules, Servers},
};
use crate::model::AppAnswer;

/// How long a port that has not answered yet holds up one that has, unless it is the one expected.
const SLOW: Duration = Duration::from_secs(15);
/// What is neither writing nor computing for so long is not at work.
const IDLE: Duration = Duration::from_secs(10);
/// How long a program without a port has to run. An interpreter that lacks a module ends sooner.
const STAYS_UP: Duration = Duration::from_secs(3);
/// After the words of a watcher whose program crashed.
const CRASHED: Duration = Duration::from_secs(1);
/// After words that only may mean that.
const PERHAPS_CRASHED: Duration = Duration::from_secs(6);
/// How much longer where another server may still come.
const SEVERAL: u32 = 3;
/// How long an app may answer elsewhere than where it was told to before it is said, and before that
/// is its end.
const ELSEWHERE: Duration = Duration::from_secs(1);
const MISPLACED: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is decided before then unless something is seen.
    Wait(Instant),
    Ready(AppAnswer),
    /// It listens on no port, is not expected to, and has not ended.
    StaysUp,
    Failed(NotReadyReason),
}

/// What is known of one port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Port {
    Unasked(Instant),
    /// It took a request at that time and has not answered.
    Asking(Instant),
    Answered(PortAnswer),
}

/// One start of an app, as far as it was seen.
#[derive(Debug)]
pub struct ReadinessJudge {
    rules: ReadinessRules,
    began: Instant,
    ports: BTreeMap<u16, Port>,
    /// When a port last opened or a better answer came.
    moved: Instant,
    best: Option<Rank>,
    /// When it was last seen at work.
    alive: Instant,
    sign: Option<(CrashSign, Instant)>,
    /// Since when it answers only where it was not told to listen.
    elsewhere: Option<Instant>,
}

impl ReadinessJudge {
    pub fn new(rules: ReadinessRules, now: Instant) -> Self {
        Self {
            rules,
            began: now,
            ports: BTreeMap::new(),
            moved: now,
            best: None,
            alive: now,
            sign: None,
            elsewhere: None,
        }
    }

    pub fn rules(&self) -> &ReadinessRules {
        &self.rules
    }

    /// The whole set of ports that something listens on.
    pub fn listening(&mut self, now: Instant, ports: &[u16]) {
        self.ports.retain(|port, _| ports.contains(port));
        for port in ports {
            self.ports.entry(*port).or_insert_with(|| {
                self.moved = now;
                Port::Unasked(now)
            });
        }
    }

    pub fn asking(&mut self, now: Instant, port: u16) {
        if let Some(known @ Port::Unasked(_)) = self.ports.get_mut(&port) {
            *known = Port::Asking(now);
        }
    }

    pub fn answered(&mut self, now: Instant, port: u16, answer: PortAnswer) {
        if answer == PortAnswer::Refused {
            match self.ports.get(&port) {
                // It is listened on, or was a moment ago: it is asked again.
                Some(Port::Asking(since)) => drop(self.ports.insert(port, Port::Unasked(*since))),
                Some(Port::Answered(_)) => drop(self.ports.remove(&port)),
                Some(Port::Unasked(_)) | None => {}
            }
            return;
        }
        // What answered once and does not this time was asked at a bad moment.
        let known = self.ports.entry(port).or_insert(Port::Unasked(now));
        if !matches!(
            (&known, answer),
            (Port::Answered(PortAnswer::Http { .. }), PortAnswer::NotHttp)
        ) {
            *known = Port::Answered(answer);
        }
        let may_be_it = !self.rules.port_is_fixed || port == self.rules.port;
        let rank = self
            .answer_of(port)
            .filter(|_| may_be_it)
            .map(ReadinessRules::rank);
        if rank > self.best {
            self.best = rank;
            self.moved = now;
        }
        let elsewhere = self
            .answers()
            .all(|answered| answered.port != self.rules.port)
            && self.answers().next().is_some();
        if self.rules.port_is_fixed && elsewhere {
            self.elsewhere.get_or_insert(now);
        } else {
            self.elsewhere = None;
        }
    }

    /// It wrote something, or used the CPU.
    pub fn is_alive(&mut self, now: Instant) {
        self.alive = now;
    }

    /// What it wrote means that.
    pub fn sign(&mut self, now: Instant, sign: CrashSign) {
        match (sign, self.sign) {
            (CrashSign::Again, _) => self.sign = None,
            (CrashSign::Perhaps, Some((CrashSign::Crashed, _))) => {}
            _ => self.sign = Some((sign, now)),
        }
    }

    /// Where it answers, if that is not where it was told to and has not been for a while.
    pub fn misplaced(&self, now: Instant) -> Option<NotReadyReason> {
        let since = self.elsewhere?;
        (now >= since + ELSEWHERE).then(|| self.other_port())
    }

    pub fn verdict(&self, now: Instant) -> Verdict {
        let mut next = now + Duration::from_mins(1);
        if let Some(answered) = self.best_answer() {
            match self.is_ready(now, answered) {
                Ok(()) => return Verdict::Ready(answered),
                Err(at) => next = next.min(at),
            }
        } else if let Some(at) = self.crashes_at() {
            if now >= at {
                return Verdict::Failed(NotReadyReason::Crashed);
            }
            next = next.min(at);
        } else if self.rules.servers == Servers::None && self.ports.is_empty() {
            let at = self.began + STAYS_UP;
            if now >= at {
                return Verdict::StaysUp;
            }
            next = next.min(at);
        }
        if let Some(since) = self.elsewhere.filter(|_| !self.rules.has_several()) {
            let at = (since + MISPLACED).max(self.alive + IDLE / 2);
            if now >= at {
                return Verdict::Failed(self.other_port());
            }
            next = next.min(at);
        }
        let at = self.gives_up_at();
        if now >= at {
            return Verdict::Failed(self.seen(now));
        }
        Verdict::Wait(next.min(at))
    }

    /// Or when it would be, if nothing changes.
    fn is_ready(&self, now: Instant, answered: AppAnswer) -> Result<(), Instant> {
        if let Some((low, high)) = self.rules.required.filter(|_| !self.rules.again) {
            let ready = (low..=high).contains(&answered.status);
            return if ready {
                Ok(())
            } else {
                Err(self.gives_up_at())
            };
        }
        let before = self.rules.before;
        if self.rules.again {
            // An edit may have moved it, or another of its servers was quicker this time.
            let elsewhere = before.is_some_and(|it| it.port != answered.port);
            let at = self.began
                + if elsewhere {
                    PATIENCE_FOR_SEVERAL
                } else {
                    Duration::ZERO
                };
            return if now >= at { Ok(()) } else { Err(at) };
        }
        let as_before =
            before.is_some_and(|it| (it.port, it.status) == (answered.port, answered.status));
        let rank = ReadinessRules::rank(answered);
        // Any port waits for the one that was expected, if that is about to answer: a server may
        // have ports besides for its own parts, and compile its first page.
        let expected = self.rules.port != answered.port && self.is_slow(now, self.rules.port);
        if as_before {
            return Ok(());
        }
        if rank >= Rank::Fine {
            return if expected {
                Err(self.slow_until(self.rules.port))
            } else {
                Ok(())
            };
        }
        let slow = self
            .ports
            .keys()
            .filter(|port| **port != answered.port && self.is_slow(now, **port));
        let held = slow.map(|port| self.slow_until(*port)).max();
        let at = (self.moved + self.rules.patience()).max(held.unwrap_or(now));
        if now >= at { Ok(()) } else { Err(at) }
    }

    fn is_slow(&self, now: Instant, port: u16) -> bool {
        matches!(
            self.ports.get(&port),
            Some(Port::Unasked(_) | Port::Asking(_))
        ) && now < self.slow_until(port)
    }

    fn slow_until(&self, port: u16) -> Instant {
        match self.ports.get(&port) {
            Some(Port::Asking(since) | Port::Unasked(since)) if port == self.rules.port => {
                (*since + SLOW * 2).max((self.alive + IDLE).min(self.ends_at()))
            }
            Some(Port::Asking(since) | Port::Unasked(since)) => *since + SLOW,
            Some(Port::Answered(_)) | None => self.began,
        }
    }

    fn answer_of(&self, port: u16) -> Option<AppAnswer> {
        match self.ports.get(&port)? {
            Port::Answered(answer) => answer.of_port(port),
            Port::Unasked(_) | Port::Asking(_) => None,
        }
    }

    fn answers(&self) -> impl Iterator<Item = AppAnswer> {
        self.ports.keys().filter_map(|port| self.answer_of(*port))
    }

    /// Of those that may be taken.
    fn best_answer(&self) -> Option<AppAnswer> {
        let may = |it: &AppAnswer| !self.rules.port_is_fixed || it.port == self.rules.port;
        let required = |it: &AppAnswer| {
            self.rules
                .required
                .is_some_and(|(low, high)| (low..=high).contains(&it.status))
        };
        self.answers().filter(may).max_by_key(|it| {
            let expected = it.port == self.rules.expected();
            let first = expected && self.rules.again;
            (
                required(it),
                first,
                ReadinessRules::rank(*it),
                expected,
                Reverse(it.port),
            )
        })
    }

    /// When what it wrote is taken for its end.
    fn crashes_at(&self) -> Option<Instant> {
        let (sign, at) = self.sign?;
        let factor = if self.rules.has_several() { SEVERAL } else { 1 };
        match sign {
            // What another of its servers is still at, such as a compiler, may start it again.
            CrashSign::Crashed if self.rules.has_several() => {
                Some(at.max(self.alive) + CRASHED * factor)
            }
            CrashSign::Crashed => Some(at + CRASHED),
            // Whoever goes on writing or computing is still at it.
            CrashSign::Perhaps => Some(at.max(self.alive) + PERHAPS_CRASHED * factor),
            CrashSign::Again => None,
        }
    }

    fn gives_up_at(&self) -> Instant {
        let usual = self.began + self.rules.timeout;
        // A status that is not the one required is no work.
        if self.best.is_some() {
            return usual.max(self.slow_until(self.rules.port));
        }
        usual.max((self.alive + IDLE).min(self.ends_at()))
    }

    /// When even one at work has had its time.
    fn ends_at(&self) -> Instant {
        self.began + self.rules.most.max(self.rules.timeout)
    }

    fn other_port(&self) -> NotReadyReason {
        NotReadyReason::OtherPort {
            wanted: self.rules.port,
            found: self.answers().map(|it| it.port).collect(),
        }
    }

    /// The best there was.
    fn seen(&self, now: Instant) -> NotReadyReason {
        if let Some(answered) = self.best_answer() {
            return NotReadyReason::Status {
                port: answered.port,
                path: self.rules.path.clone(),
                status: answered.status,
                required: self.rules.required,
            };
        }
        if self.elsewhere.is_some() {
            return self.other_port();
        }
        let found = |wanted: fn(&Port) -> bool| {
            let mut ports = self.ports.iter().filter(|(_, known)| wanted(known));
            ports.next().map(|(port, known)| (*port, *known))
        };
        if let Some((port, Port::Asking(since))) = found(|it| matches!(it, Port::Asking(_))) {
            return NotReadyReason::NoAnswerYet {
                port,
                path: self.rules.path.clone(),
                waited: now.saturating_duration_since(since),
            };
        }
        if let Some((port, _)) = found(|it| *it == Port::Answered(PortAnswer::NotHttp)) {
            return NotReadyReason::NoHttp { port };
        }
        if let Some((port, _)) = found(|it| *it == Port::Answered(PortAnswer::Debugger)) {
            return NotReadyReason::OnlyDebugger { port };
        }
        NotReadyReason::NothingListens
    }
}
