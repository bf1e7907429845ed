//! Verdicts on starts of apps, on a clock of the tests' own.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    ask::Answer,
    ready::{Judge, Rules, Verdict},
    seen::Seen,
    signs::Sign,
};
use crate::model::Answered;

/// The start of one app; times are milliseconds after it.
struct Start {
    judge: Judge,
    began: Instant,
}

fn rules() -> Rules {
    Rules {
        port: 3000,
        port_is_fixed: false,
        path: "/".to_owned(),
        required: None,
        several: false,
        timeout: Duration::from_secs(60),
        most: Duration::from_secs(180),
        before: None,
        again: false,
    }
}

fn several() -> Rules {
    Rules {
        several: true,
        ..rules()
    }
}

fn http(status: u16, page: bool) -> Answer {
    Answer::Http {
        status,
        page,
        tls: false,
        refuses_host: false,
        other_host: false,
    }
}

fn answered(port: u16, status: u16, page: bool) -> Answered {
    Answered {
        port,
        status,
        page,
        ..Answered::default()
    }
}

impl Start {
    fn of(rules: Rules) -> Self {
        let began = Instant::now();
        Self {
            judge: Judge::new(rules, began),
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

    fn says(&mut self, ms: u64, port: u16, answer: Answer) {
        let now = self.at(ms);
        self.judge.answered(now, port, answer);
    }

    /// A page of that status, at once.
    fn serves(&mut self, ms: u64, port: u16, status: u16) {
        self.is_asked(ms, port);
        self.says(ms, port, http(status, true));
    }

    fn signs(&mut self, ms: u64, sign: Sign) {
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
            Verdict::Wait(_) | Verdict::Failed(_) => None,
        }
    }

    fn fails(&self, ms: u64) -> Option<Seen> {
        match self.verdict(ms) {
            Verdict::Failed(seen) => Some(seen),
            Verdict::Wait(_) | Verdict::Ready(_) => None,
        }
    }
}

#[test]
fn a_page_and_a_question_who_one_is_are_ready_at_once() {
    for status in [200, 204, 301, 302, 304, 401, 403] {
        let mut start = Start::of(rules());
        start.listens(500, &[3000]);
        assert!(start.waits(500));
        start.serves(500, 3000, status);
        assert_eq!(start.is_ready(500), Some((3000, status)));
    }
}

#[test]
fn a_poor_answer_waits_a_second_for_a_better_one() {
    for status in [400, 404, 405, 426, 500, 502, 503] {
        let mut start = Start::of(rules());
        start.listens(500, &[3000]);
        start.serves(600, 3000, status);
        assert_eq!(
            start.verdict(1599),
            Verdict::Wait(start.at(1600)),
            "{status}"
        );
        assert_eq!(start.is_ready(1600), Some((3000, status)));
    }
}

#[test]
fn a_port_that_opens_and_a_better_answer_begin_the_second_anew() {
    let mut start = Start::of(rules());
    start.listens(0, &[3000]);
    start.serves(0, 3000, 500);
    start.listens(900, &[3000, 4000]);
    start.serves(900, 4000, 500);
    assert!(start.waits(1899));
    start.serves(1899, 4000, 404);
    assert!(start.waits(2898));
    assert_eq!(start.is_ready(2899), Some((4000, 404)));
    // The same again is no better.
    let mut start = Start::of(rules());
    start.listens(0, &[3000]);
    start.serves(0, 3000, 500);
    start.serves(900, 3000, 500);
    assert_eq!(start.is_ready(1000), Some((3000, 500)));
}

#[test]
fn several_servers_are_given_five_seconds() {
    let mut start = Start::of(several());
    start.listens(0, &[3001]);
    start.serves(0, 3001, 404);
    assert!(start.waits(4999));
    start.listens(4999, &[3001, 5173]);
    start.serves(5100, 5173, 200);
    assert_eq!(start.is_ready(5100), Some((5173, 200)));
    let mut alone = Start::of(several());
    alone.listens(0, &[3001]);
    alone.serves(0, 3001, 404);
    assert_eq!(alone.is_ready(5000), Some((3001, 404)));
}

#[test]
fn what_it_answered_the_last_time_is_ready_at_once() {
    let before = Rules {
        before: Some(answered(3000, 404, false)),
        ..several()
    };
    let mut start = Start::of(before.clone());
    start.listens(0, &[3000]);
    start.says(0, 3000, http(404, false));
    assert_eq!(start.is_ready(0), Some((3000, 404)));
    for (port, status) in [(3000, 500), (3001, 404)] {
        let mut other = Start::of(before.clone());
        other.listens(0, &[port]);
        other.serves(0, port, status);
        assert!(other.waits(0), "{port} {status}");
    }
}

#[test]
fn a_page_wins_over_an_api_whatever_the_order() {
    for ports in [[3001, 5173], [5173, 3001]] {
        let mut start = Start::of(rules());
        start.listens(0, &ports);
        for port in ports {
            let status = if port == 5173 { 200 } else { 404 };
            start.serves(0, port, status);
        }
        assert_eq!(start.is_ready(0), Some((5173, 200)));
    }
}

#[test]
fn a_port_that_is_being_asked_holds_up_a_poor_answer_for_a_while() {
    let mut start = Start::of(rules());
    start.listens(0, &[3000, 4000]);
    start.is_asked(0, 3000);
    start.serves(0, 4000, 404);
    assert!(start.waits(20_000), "3000 is the one expected");
    assert_eq!(start.is_ready(30_000), Some((4000, 404)));
    start.says(20_000, 4000, http(200, true));
    assert!(start.waits(20_000), "whatever the other answers");
    start.says(20_000, 3000, http(200, true));
    assert_eq!(start.is_ready(20_000), Some((3000, 200)));
    let mut other = Start::of(rules());
    other.listens(0, &[4000, 4001]);
    other.is_asked(0, 4001);
    other.serves(0, 4000, 404);
    assert!(other.waits(14_999));
    assert_eq!(other.is_ready(15_000), Some((4000, 404)));
}

#[test]
fn a_debugger_is_never_the_app() {
    let mut start = Start::of(rules());
    start.listens(0, &[9229]);
    start.says(0, 9229, Answer::Debugger);
    assert!(start.waits(59_000));
    assert_eq!(start.fails(60_000), Some(Seen::OnlyDebugger { port: 9229 }));
    start.listens(40_000, &[4100, 9229]);
    start.serves(40_000, 4100, 200);
    assert_eq!(start.is_ready(40_000), Some((4100, 200)));
}

#[test]
fn a_required_status_is_waited_for_and_anything_else_fails() {
    let strict = Rules {
        required: Some((200, 200)),
        ..rules()
    };
    let mut start = Start::of(strict.clone());
    start.listens(0, &[3000]);
    start.serves(0, 3000, 302);
    assert!(start.waits(59_000));
    start.is_alive(59_000);
    let seen = Seen::Status {
        port: 3000,
        path: "/".to_owned(),
        status: 302,
        required: Some((200, 200)),
    };
    assert_eq!(start.fails(60_000), Some(seen));
    let mut start = Start::of(strict);
    start.listens(0, &[3000, 4000]);
    start.serves(0, 3000, 500);
    start.serves(30_000, 4000, 200);
    assert_eq!(start.is_ready(30_000), Some((4000, 200)));
}

#[test]
fn what_answered_is_remembered_over_what_did_not() {
    let mut start = Start::of(Rules {
        required: Some((200, 299)),
        ..rules()
    });
    start.listens(0, &[3000]);
    start.serves(0, 3000, 500);
    start.says(59_000, 3000, Answer::NotHttp);
    let seen = start.fails(60_000);
    assert!(
        matches!(seen, Some(Seen::Status { status: 500, .. })),
        "{seen:?}"
    );
}

#[test]
fn a_request_that_is_not_answered_yet_is_told_as_such() {
    let mut start = Start::of(rules());
    start.listens(2_000, &[3000]);
    start.is_asked(2_000, 3000);
    let seen = Seen::NoAnswerYet {
        port: 3000,
        path: "/".to_owned(),
        waited: Duration::from_secs(58),
    };
    assert_eq!(start.fails(60_000), Some(seen));
}

#[test]
fn what_is_at_work_is_given_longer_and_not_for_ever() {
    let mut start = Start::of(rules());
    assert_eq!(start.fails(60_000), Some(Seen::NothingListens));
    start.is_alive(59_000);
    assert!(start.waits(68_999));
    assert_eq!(start.fails(69_000), Some(Seen::NothingListens));
    start.is_alive(179_000);
    assert!(start.waits(179_999));
    assert_eq!(start.fails(180_000), Some(Seen::NothingListens));
}

#[test]
fn a_crash_under_a_watcher_ends_the_start() {
    let mut start = Start::of(rules());
    start.signs(700, Sign::Crashed);
    assert!(start.waits(1_699));
    assert_eq!(start.fails(1_700), Some(Seen::Crashed));
    // It is started again, and that is the end of the crash.
    start.signs(1_000, Sign::Again);
    assert!(start.waits(10_000));
    // A server that holds the port for the program that crashed answers nothing.
    let mut held = Start::of(rules());
    held.listens(500, &[3000]);
    held.is_asked(500, 3000);
    held.signs(700, Sign::Perhaps);
    assert!(held.waits(6_699));
    assert_eq!(held.fails(6_700), Some(Seen::Crashed));
    held.is_alive(6_000);
    assert!(held.waits(11_999));
    // What answers has not crashed.
    held.serves(6_500, 3000, 500);
    assert_eq!(held.is_ready(7_500), Some((3000, 500)));
    let mut beside = Start::of(several());
    beside.signs(0, Sign::Crashed);
    assert!(beside.waits(2_999), "another server may come");
}

#[test]
fn an_app_that_answers_elsewhere_is_told_soon() {
    let fixed = Rules {
        port_is_fixed: true,
        ..rules()
    };
    let mut start = Start::of(fixed);
    start.listens(1_000, &[4567]);
    start.serves(1_000, 4567, 200);
    let seen = Seen::OtherPort {
        wanted: 3000,
        found: vec![4567],
    };
    assert_eq!(start.judge.misplaced(start.at(1_999)), None);
    assert_eq!(start.judge.misplaced(start.at(2_000)), Some(seen.clone()));
    assert!(start.waits(10_999));
    assert_eq!(start.fails(11_000), Some(seen));
    // It may still be about to listen where it was told to.
    start.is_alive(10_000);
    assert!(start.waits(14_999));
    start.listens(14_000, &[3000, 4567]);
    start.serves(14_000, 3000, 404);
    assert_eq!(start.judge.misplaced(start.at(15_000)), None);
    assert_eq!(start.is_ready(15_000), Some((3000, 404)));
}

#[test]
fn after_a_restart_any_answer_of_the_same_port_counts() {
    let again = Rules {
        again: true,
        before: Some(answered(5173, 200, true)),
        ..several()
    };
    let mut start = Start::of(again);
    start.listens(0, &[3001]);
    start.serves(0, 3001, 200);
    assert!(start.waits(4_999), "the page of before may still come");
    assert_eq!(start.is_ready(5_000), Some((3001, 200)));
    start.listens(1_000, &[3001, 5173]);
    start.serves(1_000, 5173, 500);
    assert_eq!(start.is_ready(1_000), Some((5173, 500)));
}

#[test]
fn a_better_port_takes_over_and_an_equal_one_does_not() {
    let (one, many) = (rules(), several());
    let cases = [
        (
            &one,
            answered(3000, 404, true),
            answered(5173, 200, true),
            true,
        ),
        (
            &one,
            answered(3000, 500, true),
            answered(3000, 200, false),
            true,
        ),
        (
            &one,
            answered(3000, 404, true),
            answered(4000, 500, true),
            false,
        ),
        (
            &one,
            answered(3000, 500, true),
            answered(4000, 404, true),
            false,
        ),
        (
            &one,
            answered(3000, 200, true),
            answered(4000, 200, true),
            false,
        ),
        (
            &one,
            answered(3000, 200, false),
            answered(5555, 200, true),
            false,
        ),
        (
            &many,
            answered(3001, 200, false),
            answered(5173, 200, true),
            true,
        ),
        (
            &many,
            answered(5173, 200, true),
            answered(3001, 200, true),
            false,
        ),
    ];
    for (rules, than, now, expected) in cases {
        assert_eq!(rules.is_better(than, now), expected, "{than:?} {now:?}");
    }
}

#[test]
fn a_refused_host_name_is_no_page() {
    let refusal = Answer::Http {
        status: 200,
        page: true,
        tls: false,
        refuses_host: true,
        other_host: false,
    };
    let mut start = Start::of(rules());
    start.listens(0, &[3000]);
    start.says(0, 3000, refusal);
    assert!(start.waits(999));
    assert_eq!(start.is_ready(1_000), Some((3000, 200)));
    start.listens(500, &[3000, 4000]);
    start.serves(500, 4000, 200);
    assert_eq!(start.is_ready(500), Some((4000, 200)));
}
