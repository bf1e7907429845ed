//! `Prober`: watches an app start, asks its ports, and hears what it writes, until there is a verdict.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::time::{Instant, sleep_until};

use super::{
    LifecycleError,
    ask::{Answer, Question, ask},
    hosts::{Called, Hosts, localhost},
    ready::{Judge, Verdict},
    rules::Rules,
    seen::Seen,
    signs::sign,
    survey::Survey,
    variables::Masking,
};
use crate::{engine::link::Written, model::Answered, task::Scope};

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
/// Lines that are told while it starts.
const MOST_TOLD: u64 = 200;
/// Of its lines, with a failure or a warning.
const LAST_LINES: usize = 20;
/// How long a better port is looked for after the app was ready.
const LOOK_ON: Duration = Duration::from_secs(60);
const LOOK_ON_FOR_SEVERAL: Duration = Duration::from_secs(180);
/// The first pause before a poor answer is looked at again; it doubles.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// Of the CPU, what counts as being at work: a twentieth.
const BUSY: u32 = 20;

/// What is worth telling while it goes on.
pub enum Told {
    /// It wrote that.
    Line(String),
    /// It answers, and not where it was told to listen.
    Misplaced(Seen),
}

/// Of one start of an app.
#[derive(Clone)]
pub struct Prober {
    pub survey: Survey,
    pub rules: Rules,
    pub hosts: Hosts,
    pub masking: Masking,
    pub scope: Scope,
}

type Asks<'a> = FuturesUnordered<BoxFuture<'a, (u16, Answer)>>;

impl Prober {
    /// Returns with the answer that it is ready by, or why it never was.
    pub async fn until_ready(
        &self,
        tell: impl Fn(Told) + Sync,
    ) -> Result<Answered, LifecycleError> {
        let mut watch = Watch::new(self);
        let mut asks = Asks::new();
        let mut survey = self.survey.clone();
        let mut listen = tokio::time::interval(LISTEN);
        listen.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let now = Instant::now();
            let ports = watch.candidates(now);
            watch.judge.listening(now, &ports);
            let wait = match watch.judge.verdict(now) {
                Verdict::Ready(answered) => return Ok(answered),
                Verdict::Failed(seen) => {
                    watch.hear(&tell).await;
                    return Err(watch.failure(seen));
                }
                Verdict::Wait(until) => until,
            };
            if let Some(seen) = watch.misplaced() {
                tell(Told::Misplaced(seen));
            }
            watch.ask_what_is_due(now, &ports, &mut asks);
            let wake = watch.next_ask(&asks).map_or(wait, |next| next.min(wait));
            tokio::select! {
                Some((port, answer)) = asks.next(), if !asks.is_empty() => {
                    watch.answered(port, answer);
                }
                () = survey.changed() => {}
                _ = listen.tick() => watch.hear(&tell).await,
                () = sleep_until(wake.max(now + Duration::from_millis(1))) => {}
                () = self.scope.cancelled() => return Err(LifecycleError::ShuttingDown),
            }
        }
    }

    /// A port that opens after it was ready and answers better, or a better answer of the same one.
    /// `None` once that is not to be expected any more.
    pub async fn until_better(&self, than: Answered) -> Option<Answered> {
        let all = if self.rules.several {
            LOOK_ON_FOR_SEVERAL
        } else {
            LOOK_ON
        };
        let end = Instant::now() + all;
        let mut survey = self.survey.clone();
        let (mut asked, mut asks) = (BTreeSet::from([than.port]), Asks::new());
        let mut pause = LOOK_AGAIN;
        let mut again = Instant::now() + pause;
        loop {
            let now = Instant::now();
            for port in self.survey.listening() {
                let passing = port >= EPHEMERAL && self.survey.is_loopback(port);
                let may = !passing && (!self.rules.port_is_fixed || port == self.rules.port);
                if may && asks.len() < MOST_ASKING && asked.insert(port) {
                    asks.push(self.ask(port, None));
                }
            }
            if now >= again {
                pause *= 2;
                again = now + pause;
                // What has nothing at that path will not have it later.
                if than.status >= 500 {
                    asks.push(self.ask(than.port, Some(Called::of(than))));
                }
            }
            tokio::select! {
                Some((port, answer)) = asks.next(), if !asks.is_empty() => {
                    self.survey.note(port, answer);
                    match answer.of_port(port) {
                        Some(better) if self.rules.is_better(than, better) => return Some(better),
                        // It did not listen yet, or was in the middle of something.
                        None if answer == Answer::Refused => drop(asked.remove(&port)),
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
    fn ask(&self, port: u16, name: Option<Called>) -> BoxFuture<'_, (u16, Answer)> {
        let (host, or) = match name {
            Some(Called::Own) => (self.hosts.of_port(port), None),
            Some(Called::Localhost) => (localhost(port), None),
            None => (self.hosts.of_port(port), self.hosts.other(port)),
        };
        let question = Question {
            path: self.rules.path.clone(),
            host,
            or,
        };
        let link = self.survey.link();
        Box::pin(async move {
            let mut answer = ask(link, port, &question).await;
            if let Answer::Http { other_host, .. } = &mut answer {
                *other_host |= name == Some(Called::Localhost);
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
struct Turn {
    name: Option<Called>,
    at: Instant,
    pace: Duration,
    under_way: bool,
}

/// One start that is being watched.
struct Watch<'a> {
    prober: &'a Prober,
    judge: Judge,
    began: Instant,
    turns: BTreeMap<u16, Turn>,
    /// When each port was first seen; `None` for those that were there before.
    opened: BTreeMap<u16, Option<Instant>>,
    lines: u64,
    told: u64,
    last: Vec<String>,
    cpu: Option<(u64, Instant)>,
    said_misplaced: bool,
}

impl<'a> Watch<'a> {
    fn new(prober: &'a Prober) -> Self {
        let now = Instant::now();
        Self {
            prober,
            judge: Judge::new(prober.rules.clone(), now),
            began: now,
            turns: BTreeMap::new(),
            opened: prober
                .survey
                .listening()
                .into_iter()
                .map(|port| (port, None))
                .collect(),
            lines: 0,
            told: 0,
            last: Vec::new(),
            cpu: None,
            said_misplaced: false,
        }
    }

    fn failure(&self, seen: Seen) -> LifecycleError {
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

    fn ask_what_is_due(&mut self, now: Instant, candidates: &[u16], asks: &mut Asks<'a>) {
        self.turns
            .retain(|port, turn| turn.under_way || candidates.contains(port));
        let before = self.judge.rules().before;
        for &port in candidates {
            let turn = self.turns.entry(port).or_insert(Turn {
                name: before.filter(|it| it.port == port).map(Called::of),
                at: now,
                pace: PACE,
                under_way: false,
            });
            if !turn.under_way && turn.at <= now && asks.len() < MOST_ASKING {
                turn.under_way = true;
                turn.at = now + turn.pace;
                self.judge.asking(now, port);
                asks.push(self.prober.ask(port, turn.name));
            }
        }
    }

    fn next_ask(&self, asks: &Asks<'a>) -> Option<Instant> {
        if asks.len() >= MOST_ASKING {
            return None;
        }
        let waiting = self.turns.values().filter(|turn| !turn.under_way);
        waiting.map(|turn| turn.at).min()
    }

    fn answered(&mut self, port: u16, answer: Answer) {
        let now = Instant::now();
        self.prober.survey.note(port, answer);
        self.judge.answered(now, port, answer);
        let rules = self.judge.rules();
        let again = rules.again;
        // It is known where it answers; to ask once more would only make it write.
        let elsewhere = rules.port_is_fixed && port != rules.port;
        if let Some(turn) = self.turns.get_mut(&port) {
            turn.under_way = false;
            turn.name = answer.of_port(port).map(Called::of).or(turn.name);
            match answer {
                Answer::Refused if again => turn.at = now + RETRY,
                Answer::Refused => turn.at = turn.at.max(now + PACE),
                Answer::Http { .. } if !elsewhere => {
                    turn.pace = (turn.pace * 2).min(SLOWEST_PACE);
                    turn.at = now + turn.pace;
                }
                Answer::Http { .. } | Answer::Debugger | Answer::NotHttp => {
                    turn.pace = (turn.pace * 4).min(OTHERS_PACE);
                    turn.at = now + turn.pace;
                }
            }
        }
    }

    /// Said once.
    fn misplaced(&mut self) -> Option<Seen> {
        let seen = self
            .judge
            .misplaced(Instant::now())
            .filter(|_| !self.said_misplaced)?;
        self.said_misplaced = true;
        Some(seen)
    }

    /// Take in what it wrote since the last time.
    async fn hear(&mut self, tell: &(impl Fn(Told) + Sync)) {
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
            if self.told < MOST_TOLD {
                self.told += 1;
                tell(Told::Line(mask.clean(line.clone())));
            }
        }
        self.last = self.prober.last_of(written);
    }
}
