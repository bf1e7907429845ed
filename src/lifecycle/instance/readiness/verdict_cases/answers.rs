//! Which answers make an app ready, and when.

use super::{Start, answered, http, rules, several};
use crate::lifecycle::instance::readiness::{
    crash_signs::CrashSign,
    http_probe::PortAnswer,
    not_ready::NotReadyReason,
    rules::{ReadinessRules, Servers},
    verdict::Verdict,
};

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
    let before = ReadinessRules {
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
fn a_part_of_a_server_does_not_stand_for_it_while_it_compiles_its_first_page() {
    let begin = || {
        let mut start = Start::of(rules());
        start.listens(0, &[3000, 34745]);
        start.is_asked(0, 3000);
        start.serves(1_000, 34745, 200);
        start
    };
    let mut start = begin();
    for ms in [20_000, 29_000, 38_000, 47_000, 56_000, 65_000] {
        start.is_alive(ms);
        assert!(start.waits(ms + 9_000), "{ms}");
    }
    start.serves(70_000, 3000, 200);
    assert_eq!(start.is_ready(70_000), Some((3000, 200)));
    // One that is not at work has had its time after 30 s.
    let still = begin();
    assert!(still.waits(29_999));
    assert_eq!(still.is_ready(30_000), Some((34745, 200)));
}

#[test]
fn a_debugger_is_never_the_app() {
    let mut start = Start::of(rules());
    start.listens(0, &[9229]);
    start.says(0, 9229, PortAnswer::Debugger);
    assert!(start.waits(59_000));
    assert_eq!(
        start.fails(60_000),
        Some(NotReadyReason::OnlyDebugger { port: 9229 })
    );
    start.listens(40_000, &[4100, 9229]);
    start.serves(40_000, 4100, 200);
    assert_eq!(start.is_ready(40_000), Some((4100, 200)));
}

#[test]
fn a_required_status_is_waited_for_and_anything_else_fails() {
    let strict = ReadinessRules {
        required: Some((200, 200)),
        ..rules()
    };
    let mut start = Start::of(strict.clone());
    start.listens(0, &[3000]);
    start.serves(0, 3000, 302);
    assert!(start.waits(59_000));
    start.is_alive(59_000);
    let seen = NotReadyReason::Status {
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
    let mut start = Start::of(ReadinessRules {
        required: Some((200, 299)),
        ..rules()
    });
    start.listens(0, &[3000]);
    start.serves(0, 3000, 500);
    start.says(59_000, 3000, PortAnswer::NotHttp);
    let seen = start.fails(60_000);
    assert!(
        matches!(seen, Some(NotReadyReason::Status { status: 500, .. })),
        "{seen:?}"
    );
}

#[test]
fn a_refused_host_name_is_no_page() {
    let refusal = PortAnswer::Http {
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

#[test]
fn a_program_without_a_port_is_ready_by_staying_up() {
    let rules = ReadinessRules {
        servers: Servers::None,
        ..rules()
    };
    let mut start = Start::of(rules);
    start.listens(0, &[]);
    assert!(start.waits(2_999));
    assert_eq!(start.verdict(3_000), Verdict::StaysUp);
    // One that crashed under a watcher stays up too, and is not ready.
    start.signs(3_100, CrashSign::Crashed);
    assert_ne!(start.verdict(5_000), Verdict::StaysUp);
}

#[test]
fn a_program_that_need_not_listen_and_does_is_asked() {
    let rules = ReadinessRules {
        servers: Servers::None,
        ..rules()
    };
    let mut start = Start::of(rules);
    start.listens(2_000, &[3000]);
    assert!(start.waits(3_500));
    start.serves(4_000, 3000, 200);
    assert_eq!(start.is_ready(4_000), Some((3000, 200)));
}

#[test]
fn who_is_to_listen_is_waited_for() {
    let start = Start::of(rules());
    assert!(start.waits(3_500));
}
