//! Verdicts on starts of apps, on a clock of the tests' own.

mod answers;
mod failures;

use std::time::Duration;

use tokio::time::Instant;

use super::{
    crash_signs::CrashSign,
    http_probe::PortAnswer,
    not_ready::NotReadyReason,
    rules::{ReadinessRules, Servers},
    verdict::{ReadinessJudge, Verdict},
};
use crate::model::AppAnswer;

/// The start of one app; times are milliseconds after it.
struct Start {
    judge: ReadinessJudge,
    began: Instant,
}

fn rules() -> ReadinessRules {
    ReadinessRules {
        port: 3000,
        port_is_fixed: false,
        path: "/".to_owned(),
        required: None,
        servers: Servers::One,
        timeout: Duration::from_mins(1),
        most: Duration::from_mins(3),
        before: None,
        again: false,
    }
}

fn several() -> ReadinessRules {
    ReadinessRules {
        servers: Servers::Several,
        ..rules()
    }
}

fn http(status: u16, page: bool) -> PortAnswer {
    PortAnswer::Http {
        status,
        page,
        tls: false,
        refuses_host: false,
        other_host: false,
    }
}

fn answered(port: u16, status: u16, page: bool) -> AppAnswer {
    AppAnswer {
        port,
        status,
        page,
        ..AppAnswer::default()
    }
}

impl Start {
    fn of(rules: ReadinessRules) -> Self {
        let began = Instant::now();
        Self {
            judge: ReadinessJudge::new(rules, began),
            began,
        }
    }

    fn at(&self, ms: u64) -> Instant {
        self.began + Duration::from_millis(ms)
    }

    fn listens(&mut self, ms: u64, ports: &[u16]) {
        let now = self.at(ms);
        self.judge.listening(now, ports);
    }

    fn is_asked(&mut self, ms: u64, port: u16) {
        let now = self.at(ms);
        self.judge.asking(now, port);
    }

    fn says(&mut self, ms: u64, port: u16, answer: PortAnswer) {
        let now = self.at(ms);
        self.judge.answered(now, port, answer);
    }

    /// A page of that status, at once.
    fn serves(&mut self, ms: u64, port: u16, status: u16) {
        self.is_asked(ms, port);
        self.says(ms, port, http(status, true));
    }

    fn signs(&mut self, ms: u64, sign: CrashSign) {
        let now = self.at(ms);
        self.judge.is_alive(now);
        self.judge.sign(now, sign);
    }

    fn is_alive(&mut self, ms: u64) {
        let now = self.at(ms);
        self.judge.is_alive(now);
    }

    fn verdict(&self, ms: u64) -> Verdict {
        self.judge.verdict(self.at(ms))
    }

    fn waits(&self, ms: u64) -> bool {
        matches!(self.verdict(ms), Verdict::Wait(_))
    }

    fn is_ready(&self, ms: u64) -> Option<(u16, u16)> {
        match self.verdict(ms) {
            Verdict::Ready(it) => Some((it.port, it.status)),
            Verdict::Wait(_) | Verdict::StaysUp | Verdict::Failed(_) => None,
        }
    }

    fn fails(&self, ms: u64) -> Option<NotReadyReason> {
        match self.verdict(ms) {
            Verdict::Failed(seen) => Some(seen),
            Verdict::Wait(_) | Verdict::StaysUp | Verdict::Ready(_) => None,
        }
    }
}
