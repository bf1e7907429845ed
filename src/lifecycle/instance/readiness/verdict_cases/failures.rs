//! What ends a start that came to nothing, and what takes over one that came to little.

use std::time::Duration;

use super::{Start, answered, rules, several};
use crate::lifecycle::instance::readiness::{
    crash_signs::CrashSign, not_ready::NotReadyReason, rules::ReadinessRules,
};

#[test]
fn a_request_that_is_not_answered_yet_is_told_as_such() {
    let mut start = Start::of(rules());
    start.listens(2_000, &[3000]);
    start.is_asked(2_000, 3000);
    let seen = NotReadyReason::NoAnswerYet {
        port: 3000,
        path: "/".to_owned(),
        waited: Duration::from_secs(58),
    };
    assert_eq!(start.fails(60_000), Some(seen));
}

#[test]
fn what_is_at_work_is_given_longer_and_not_for_ever() {
    let mut start = Start::of(rules());
    assert_eq!(start.fails(60_000), Some(NotReadyReason::NothingListens));
    start.is_alive(59_000);
    assert!(start.waits(68_999));
    assert_eq!(start.fails(69_000), Some(NotReadyReason::NothingListens));
    start.is_alive(179_000);
    assert!(start.waits(179_999));
    assert_eq!(start.fails(180_000), Some(NotReadyReason::NothingListens));
}

#[test]
fn a_crash_under_a_watcher_ends_the_start() {
    let mut start = Start::of(rules());
    start.signs(700, CrashSign::Crashed);
    assert!(start.waits(1_699));
    assert_eq!(start.fails(1_700), Some(NotReadyReason::Crashed));
    // It is started again, and that is the end of the crash.
    start.signs(1_000, CrashSign::Again);
    assert!(start.waits(10_000));
    // A server that holds the port for the program that crashed answers nothing.
    let mut held = Start::of(rules());
    held.listens(500, &[3000]);
    held.is_asked(500, 3000);
    held.signs(700, CrashSign::Perhaps);
    assert!(held.waits(6_699));
    assert_eq!(held.fails(6_700), Some(NotReadyReason::Crashed));
    held.is_alive(6_000);
    assert!(held.waits(11_999));
    // What answers has not crashed.
    held.serves(6_500, 3000, 500);
    assert_eq!(held.is_ready(7_500), Some((3000, 500)));
    let mut beside = Start::of(several());
    beside.signs(0, CrashSign::Crashed);
    assert!(beside.waits(2_999), "another server may come");
    // A compiler beside it is still at work.
    beside.is_alive(2_000);
    assert!(beside.waits(4_999));
    assert_eq!(beside.fails(5_000), Some(NotReadyReason::Crashed));
}

#[test]
fn an_app_that_answers_elsewhere_is_told_soon() {
    let fixed = ReadinessRules {
        port_is_fixed: true,
        ..rules()
    };
    let mut start = Start::of(fixed);
    start.listens(1_000, &[4567]);
    start.serves(1_000, 4567, 200);
    let seen = NotReadyReason::OtherPort {
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
    let again = ReadinessRules {
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
