//! `Prober`: watches an app start, asks its ports, and reads its output, until there is a verdict.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::time::{Instant, sleep_until};

use super::{
    crash_signs::sign,
    host_header::{HostChoice, HostHeaders, localhost},
    http_probe::{PortAnswer, ProbeRequest, ask},
    not_ready::NotReadyReason,
    port_survey::PortSurvey,
    rules::ReadinessRules,
    verdict::{ReadinessJudge, Verdict},
};
use crate::{
    engine::link::Written,
    lifecycle::{LifecycleError, instance::environment::variables::Masking},
    model::AppAnswer,
    task::Scope,
};

/// Between two requests to one port at first; it doubles once it has answered.
const PACE: Duration = Duration::from_millis(100);
const SLOWEST_PACE: Duration = Duration::from_secs(1);
/// The same to a port whose answer is not expected to change.
const OTHERS_PACE: Duration = Duration::from_secs(20);
/// Between two attempts at a port that an app listened on before it was started again.
const RETRY: Duration = Duration::from_millis(10);
/// How long something else may listen before it is asked in place of the port that was fixed.
const ELSEWHERE: Duration = Duration::from_secs(3);
/// From here on the kernel chooses ports. A program that listens there on a loopback address waits
/// for another of its own, as debuggers do while they start, and a request would come in between.
const EPHEMERAL: u16 = 32_768;
/// What is listened on for so long is no such meeting.
const PASSING: Duration = Duration::from_secs(10);
/// Requests that are under way at one time.
const MOST_ASKING: usize = 8;
/// Between two looks at what it wrote.
const LISTEN: Duration = Duration::from_millis(300);
/// Lines that are reported while it starts.
const MOST_REPORTED: u64 = 200;
/// Of its lines, with a failure or a warning.
const LAST_LINES: usize = 20;
/// How long a better port is looked for after the app was ready.
const LOOK_ON: Duration = Duration::from_mins(1);
const LOOK_ON_FOR_SEVERAL: Duration = Duration::from_mins(3);
/// The first pause before a poor answer is looked at again; it doubles.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// Of the CPU, what counts as being at work: a twentieth.
const BUSY: u32 = 20;

/// What is worth telling while it goes on.
pub enum StartReport {
    /// It wrote that.
    Line(String),
    /// It answers, and not where it was told to listen.
    Misplaced(NotReadyReason),
}

/// Of one start of an app.
#[derive(Clone)]
pub struct Prober {
    pub survey: PortSurvey,
    pub rules: ReadinessRules,
    pub hosts: HostHeaders,
    pub masking: Masking,
    pub scope: Scope,
}

type PendingProbes<'a> = FuturesUnordered<BoxFuture<'a, (u16, PortAnswer)>>;

impl Prober {
    /// Returns with the answer that it is ready by, or why it never was. `None` is a program without
    /// a port that stays up.
    pub async fn until_ready(
        &self,
        report: impl Fn(StartReport) + Sync,
    ) -> Result<Option<AppAnswer>, LifecycleError> {
        let mut watch = StartWatch::new(self);
        let mut pending = PendingProbes::new();
        let mut survey = self.survey.clone();
        let mut listen = tokio::time::interval(LISTEN);
        listen.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let now = Instant::now();
            let ports = watch.candidates(now);
            watch.judge.listening(now, &ports);
            let wait = match watch.judge.verdict(now) {
                Verdict::Ready(answered) => return Ok(Some(answered)),
                Verdict::StaysUp => {
                    watch.read_output(&report).await;
                    return Ok(None);
                }
                Verdict::Failed(seen) => {
                    watch.read_output(&report).await;
                    return Err(watch.failure(seen));
                }
                Verdict::Wait(until) => until,
            };
            if let Some(seen) = watch.misplaced() {
                report(StartReport::Misplaced(seen));
            }
            watch.ask_what_is_due(now, &ports, &mut pending);
            let wake = watch.next_ask(&pending).map_or(wait, |next| next.min(wait));
            tokio::select! {
                Some((port, answer)) = pending.next(), if !pending.is_empty() => {
                    watch.answered(port, answer);
                }
                () = survey.changed() => {}
                _ = listen.tick() => watch.read_output(&report).await,
                () = sleep_until(wake.max(now + Duration::from_millis(1))) => {}
                () = self.scope.cancelled() => return Err(LifecycleError::ShuttingDown),
            }
        }
    }

    /// A port that opens after it was ready and answers better, or a better answer of the same one.
    /// `None` once that is not to be expected any more.
    pub async fn until_better(&self, than: AppAnswer) -> Option<AppAnswer> {
        let all = if self.rules.has_several() {
            LOOK_ON_FOR_SEVERAL
        } else {
            LOOK_ON
        };
        let end = Instant::now() + all;
        let mut survey = self.survey.clone();
        let (mut asked, mut pending) = (BTreeSet::from([than.port]), PendingProbes::new());
        let mut pause = LOOK_AGAIN;
        let mut again = Instant::now() + pause;
        loop {
            let now = Instant::now();
            for port in self.survey.listening() {
                let passing = port >= EPHEMERAL && self.survey.is_loopback(port);
                let may = !passing && (!self.rules.port_is_fixed || port == self.rules.port);
                if may && pending.len() < MOST_ASKING && asked.insert(port) {
                    pending.push(self.ask(port, None));
                }
            }
            if now >= again {
                pause *= 2;
                again = now + pause;
                // What has nothing at that path will not have it later.
                if than.status >= 500 {
                    pending.push(self.ask(than.port, Some(HostChoice::of(than))));
                }
            }
            tokio::select! {
                Some((port, answer)) = pending.next(), if !pending.is_empty() => {
                    self.survey.note(port, answer);
                    match answer.of_port(port) {
                        Some(better) if self.rules.is_better(than, better) => return Some(better),
                        // It did not listen yet, or was in the middle of something.
                        None if answer == PortAnswer::Refused => drop(asked.remove(&port)),
                        Some(_) | None => {}
                    }
                }
                () = survey.changed() => {}
                () = sleep_until(again) => {}
                () = sleep_until(end) => return None,
                () = self.scope.cancelled() => return None,
            }
        }
    }

    /// By the name that it was found to take, or by the preview's and then by the other.
    fn ask(&self, port: u16, name: Option<HostChoice>) -> BoxFuture<'_, (u16, PortAnswer)> {
        let (host, or) = match name {
            Some(HostChoice::Own) => (self.hosts.of_port(port), None),
            Some(HostChoice::Localhost) => (localhost(port), None),
            None => (self.hosts.of_port(port), self.hosts.other(port)),
        };
        let question = ProbeRequest {
            path: self.rules.path.clone(),
            host,
            or,
        };
        let link = self.survey.link();
        Box::pin(async move {
            let mut answer = ask(link, port, &question).await;
            if let PortAnswer::Http { other_host, .. } = &mut answer {
                *other_host |= name == Some(HostChoice::Localhost);
            }
            (port, answer)
        })
    }

    /// The last lines that the app wrote.
    pub async fn last_lines(&self) -> Vec<String> {
        let written = self.survey.link().written().await.unwrap_or_default();
        self.last_of(written)
    }

    fn last_of(&self, written: Written) -> Vec<String> {
        let mut last = written.last;
        last.drain(..last.len().saturating_sub(LAST_LINES));
        self.masking.now().clean_all(&mut last);
        last
    }
}

/// When a port is asked next, and by which name once that is known.
#[derive(Debug, Clone, Copy)]
struct ProbeSchedule {
    name: Option<HostChoice>,
    at: Instant,
    pace: Duration,
    under_way: bool,
}

/// One start that is being watched.
struct StartWatch<'a> {
    prober: &'a Prober,
    judge: ReadinessJudge,
    began: Instant,
    schedules: BTreeMap<u16, ProbeSchedule>,
    /// When each port was first seen; `None` for those that were there before.
    opened: BTreeMap<u16, Option<Instant>>,
    lines: u64,
    reported: u64,
    last: Vec<String>,
    cpu: Option<(u64, Instant)>,
    misplaced_reported: bool,
}

impl<'a> StartWatch<'a> {
    fn new(prober: &'a Prober) -> Self {
        let now = Instant::now();
        Self {
            prober,
            judge: ReadinessJudge::new(prober.rules.clone(), now),
            began: now,
            schedules: BTreeMap::new(),
            opened: prober
                .survey
                .listening()
                .into_iter()
                .map(|port| (port, None))
                .collect(),
            lines: 0,
            reported: 0,
            last: Vec::new(),
            cpu: None,
            misplaced_reported: false,
        }
    }

    fn failure(&self, seen: NotReadyReason) -> LifecycleError {
        LifecycleError::NotReady {
            waited: self.began.elapsed(),
            seen,
            last_lines: self.last.clone(),
        }
    }

    /// The ports worth asking, the one expected first. One that was fixed is asked alone, unless
    /// for a while something else listens that came with this start, and it does not. The port that
    /// an app had before it was started again is asked whether it is known to be open or not, for
    /// that takes time.
    fn candidates(&mut self, now: Instant) -> Vec<u16> {
        let rules = self.judge.rules();
        let mut ports = self.prober.survey.listening();
        self.opened.retain(|port, _| ports.contains(port));
        for port in &ports {
            self.opened.entry(*port).or_insert(Some(now));
        }
        let (opened, survey) = (&self.opened, &self.prober.survey);
        ports.retain(|port| {
            let passing = *port >= EPHEMERAL && *port != rules.port && survey.is_loopback(*port);
            let since = opened.get(port).copied().flatten();
            !passing || since.is_none_or(|since| now >= since + PASSING)
        });
        if let Some(before) = rules.before.filter(|_| rules.again)
            && !ports.contains(&before.port)
        {
            ports.push(before.port);
        }
        let fixed = rules.port;
        if rules.port_is_fixed && ports.contains(&fixed) {
            return vec![fixed];
        }
        if rules.port_is_fixed {
            let long = |since: Option<Instant>| since.is_some_and(|since| now >= since + ELSEWHERE);
            ports.retain(|port| self.opened.get(port).copied().is_some_and(long));
        }
        ports.sort_by_key(|port| (*port != fixed, *port));
        ports
    }

    fn ask_what_is_due(
        &mut self,
        now: Instant,
        candidates: &[u16],
        pending: &mut PendingProbes<'a>,
    ) {
        self.schedules
            .retain(|port, turn| turn.under_way || candidates.contains(port));
        let before = self.judge.rules().before;
        for &port in candidates {
            let turn = self.schedules.entry(port).or_insert(ProbeSchedule {
                name: before.filter(|it| it.port == port).map(HostChoice::of),
                at: now,
                pace: PACE,
                under_way: false,
            });
            if !turn.under_way && turn.at <= now && pending.len() < MOST_ASKING {
                turn.under_way = true;
                turn.at = now + turn.pace;
                self.judge.asking(now, port);
                pending.push(self.prober.ask(port, turn.name));
            }
        }
    }

    fn next_ask(&self, pending: &PendingProbes<'a>) -> Option<Instant> {
        if pending.len() >= MOST_ASKING {
            return None;
        }
        let waiting = self.schedules.values().filter(|turn| !turn.under_way);
        waiting.map(|turn| turn.at).min()
    }

    fn answered(&mut self, port: u16, answer: PortAnswer) {
        let now = Instant::now();
        self.prober.survey.note(port, answer);
        self.judge.answered(now, port, answer);
        let rules = self.judge.rules();
        let again = rules.again;
        // It is known where it answers; to ask once more would only make it write.
        let elsewhere = rules.port_is_fixed && port != rules.port;
        if let Some(turn) = self.schedules.get_mut(&port) {
            turn.under_way = false;
            turn.name = answer.of_port(port).map(HostChoice::of).or(turn.name);
            match answer {
                PortAnswer::Refused if again => turn.at = now + RETRY,
                PortAnswer::Refused => turn.at = turn.at.max(now + PACE),
                PortAnswer::Http { .. } if !elsewhere => {
                    turn.pace = (turn.pace * 2).min(SLOWEST_PACE);
                    turn.at = now + turn.pace;
                }
                PortAnswer::Http { .. } | PortAnswer::Debugger | PortAnswer::NotHttp => {
                    turn.pace = (turn.pace * 4).min(OTHERS_PACE);
                    turn.at = now + turn.pace;
                }
            }
        }
    }

    /// Said once.
    fn misplaced(&mut self) -> Option<NotReadyReason> {
        let seen = self
            .judge
            .misplaced(Instant::now())
            .filter(|_| !self.misplaced_reported)?;
        self.misplaced_reported = true;
        Some(seen)
    }

    /// Take in what it wrote since the last time.
    async fn read_output(&mut self, report: &(impl Fn(StartReport) + Sync)) {
        let Ok(written) = self.prober.survey.link().written().await else {
            return;
        };
        let now = Instant::now();
        let fresh = written.lines.saturating_sub(self.lines);
        self.lines = written.lines;
        if fresh > 0 {
            self.judge.is_alive(now);
        }
        if let Some(cpu) = written.cpu_ms {
            let before = self.cpu.get_or_insert((cpu, now));
            let (used, over) = (cpu.saturating_sub(before.0), now - before.1);
            if over >= Duration::from_secs(1) {
                if Duration::from_millis(used) > over / BUSY {
                    self.judge.is_alive(now);
                }
                self.cpu = Some((cpu, now));
            }
        }
        let mask = self.prober.masking.now();
        let fresh = usize::try_from(fresh).unwrap_or(usize::MAX);
        for line in &written.last[written.last.len().saturating_sub(fresh)..] {
            if let Some(sign) = sign(line) {
                self.judge.sign(now, sign);
            }
            if self.reported < MOST_REPORTED {
                self.reported += 1;
                report(StartReport::Line(mask.clean(line.clone())));
            }
        }
        self.last = self.prober.last_of(written);
    }
}
