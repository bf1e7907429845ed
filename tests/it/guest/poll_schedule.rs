//! When the guest reads the kernel's tables, at times the tests make up.

use std::time::Duration;

#[path = "../../../src/guest/ports/poll_schedule.rs"]
mod when;

use when::{ANYWAY, IDLE, INTERACTIVE, PollSchedule, URGENT, count};

const FOUR: &str =
    "sockets: used 62\nTCP: inuse 2 orphan 0 tw 16 alloc 7 mem 91\nUDP: inuse 5 mem 0\n";
const SIX: &str = "TCP6: inuse 1\nUDP6: inuse 7\n";

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[test]
fn sockets_of_both_families_are_counted() {
    assert_eq!(count([FOUR, SIX]), Some(3));
    assert_eq!(count([FOUR, ""]), Some(2));
    assert_eq!(count(["", SIX]), None);
}

#[test]
fn what_has_not_changed_is_not_read_until_it_is_due() {
    let mut schedule = PollSchedule::default();
    assert!(schedule.is_worth(Some(0), ms(0)));
    schedule.was_read(Some(0), ms(0), ms(10), URGENT);
    assert!(!schedule.is_worth(Some(0), ms(500)));
    assert!(schedule.is_worth(Some(1), ms(500)));
    assert!(!schedule.is_worth(Some(0), ms(9) + ANYWAY));
    assert!(schedule.is_worth(Some(0), ms(10) + ANYWAY));
}

#[test]
fn a_reading_is_followed_by_a_pause_whatever_changes() {
    for (pauses, end) in [
        (URGENT, 10 + 40),
        (INTERACTIVE, 10 + 390),
        (IDLE, 10 + 2990),
    ] {
        let mut schedule = PollSchedule::default();
        schedule.was_read(Some(0), ms(0), ms(10), pauses);
        assert!(!schedule.is_worth(Some(1), ms(end - 1)));
        assert!(schedule.is_worth(Some(1), ms(end)));
    }
}

#[test]
fn no_pause_is_longer_than_what_is_read_anyway() {
    let mut schedule = PollSchedule::default();
    schedule.was_read(Some(0), ms(0), ms(400), IDLE);
    assert!(!schedule.is_worth(Some(1), ms(399) + ANYWAY));
    assert!(schedule.is_worth(Some(1), ms(400) + ANYWAY));
}

#[test]
fn a_pause_is_a_short_one_once_somebody_waits() {
    let mut schedule = PollSchedule::default();
    schedule.was_read(Some(0), ms(0), ms(10), IDLE);
    assert!(!schedule.is_worth(Some(1), ms(50)));
    schedule.poll_now();
    assert!(
        !schedule.is_worth(Some(1), ms(49)),
        "who hurries again and again reads no more often"
    );
    assert!(schedule.is_worth(Some(1), ms(50)));
}

#[test]
fn where_nothing_is_counted_only_the_pause_holds() {
    let mut schedule = PollSchedule::default();
    schedule.was_read(None, ms(0), ms(10), URGENT);
    assert!(!schedule.is_worth(None, ms(49)));
    assert!(schedule.is_worth(None, ms(50)));
}
