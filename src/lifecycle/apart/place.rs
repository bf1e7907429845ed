//! Which CPUs each preview runs on. Pure.

use std::collections::BTreeMap;

use crate::model::{CpuSet, InstanceId};

/// What of a preview decides it.
#[derive(Debug, Clone)]
pub struct Seat {
    pub id: InstanceId,
    /// CPUs its limit lets it use at once, rounded up.
    pub cpus: u32,
    pub busy: bool,
    pub visited: bool,
}

/// Everybody everywhere, unless somebody who is visited would wait for somebody who is busy: then the
/// busy ones get CPUs of their own, as many as their limits let them use and one less than there are,
/// and the others have the rest.
pub fn place(cpus: u32, seats: &[Seat]) -> BTreeMap<InstanceId, CpuSet> {
    let wanted: u32 = seats
        .iter()
        .filter(|seat| seat.busy)
        .map(|it| it.cpus)
        .sum();
    let matters = seats.iter().any(|seat| !seat.busy && seat.visited);
    let room = if matters {
        wanted.min(cpus.saturating_sub(1))
    } else {
        0
    };
    let first = cpus - room;
    let mut taken = 0;
    let set = |seat: &Seat| -> CpuSet {
        if room == 0 || !seat.busy {
            return CpuSet::all(first);
        }
        let own = (0..seat.cpus.min(room)).map(|cpu| first + (taken + cpu) % room);
        let own = own.collect();
        taken += seat.cpus;
        own
    };
    let ids = seats.iter().map(|seat| seat.id.clone());
    ids.zip(seats.iter().map(set)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name each: who is busy in capitals, `*` for who is visited, a number for CPUs but one.
    fn placed(cpus: u32, text: &str) -> Vec<String> {
        let seats: Vec<Seat> = text
            .split(' ')
            .enumerate()
            .map(|(at, seat)| Seat {
                id: format!("{at:012x}").parse().unwrap(),
                cpus: seat.chars().find_map(|it| it.to_digit(10)).unwrap_or(1),
                busy: seat.starts_with(char::is_uppercase),
                visited: seat.ends_with('*'),
            })
            .collect();
        let placed = place(cpus, &seats);
        assert_eq!(placed.len(), seats.len());
        placed.values().map(ToString::to_string).collect()
    }

    #[test]
    fn who_is_busy_is_kept_from_who_is_visited() {
        assert_eq!(placed(2, "a* B"), ["0", "1"]);
        assert_eq!(placed(8, "a* B3"), ["0,1,2,3,4", "5,6,7"]);
        assert_eq!(placed(8, "a* B3 c D2"), ["0,1,2", "3,4,5", "0,1,2", "6,7"]);
    }

    #[test]
    fn one_cpu_is_left_for_the_others() {
        assert_eq!(placed(2, "a* B C"), ["0", "1", "1"]);
        assert_eq!(placed(4, "a* B8"), ["0", "1,2,3"]);
        assert_eq!(placed(4, "a* B2 C2"), ["0", "1,2", "1,3"]);
    }

    #[test]
    fn where_nobody_would_wait_everybody_runs_everywhere() {
        for text in ["a* b*", "A B", "a B", "A* B*", "a"] {
            assert!(placed(2, text).iter().all(|set| set == "0,1"), "{text}");
        }
        assert_eq!(placed(1, "a* B"), ["0", "0"]);
    }
}
