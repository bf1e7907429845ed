//! Which CPUs each preview runs on. Pure.

use std::collections::BTreeMap;

use crate::model::{CpuSet, InstanceId};

/// What of a preview decides it.
#[derive(Debug, Clone)]
pub struct CpuDemand {
    pub id: InstanceId,
    /// CPUs its limit lets it use at once, rounded up.
    pub cpus: u32,
    pub busy: bool,
    /// Of one CPU, as last seen.
    pub percent: f64,
    pub visited: bool,
}

/// Where all who are visited are busy too, one of them counts as quiet: whoever did before, unless
/// it has become so much busier than the least busy of them.
const STAYS: f64 = 1.5;

/// Who of them counts as quiet although it is busy.
pub fn exempt(demands: &[CpuDemand], before: Option<&InstanceId>) -> Option<InstanceId> {
    let visited = || demands.iter().filter(|demand| demand.visited);
    if visited().any(|demand| !demand.busy) {
        return None;
    }
    let least = visited().min_by(|a, b| a.percent.total_cmp(&b.percent))?;
    let stays = visited()
        .find(|demand| Some(&demand.id) == before && demand.percent <= least.percent * STAYS)
        .unwrap_or(least);
    Some(stays.id.clone())
}

/// Everybody everywhere, unless somebody who is visited would wait for somebody who is busy: then the
/// busy ones get CPUs of their own, as many as their limits let them use and one less than there are,
/// and the others have the rest.
pub fn place(
    cpus: u32,
    demands: &[CpuDemand],
    exempt: Option<&InstanceId>,
) -> BTreeMap<InstanceId, CpuSet> {
    let is_busy = |demand: &CpuDemand| demand.busy && Some(&demand.id) != exempt;
    let wanted: u32 = demands
        .iter()
        .filter(|demand| is_busy(demand))
        .map(|it| it.cpus)
        .sum();
    let matters = demands
        .iter()
        .any(|demand| !is_busy(demand) && demand.visited);
    let room = if matters {
        wanted.min(cpus.saturating_sub(1))
    } else {
        0
    };
    let first = cpus - room;
    let mut taken = 0;
    let set = |demand: &CpuDemand| -> CpuSet {
        if room == 0 || !is_busy(demand) {
            return CpuSet::all(first);
        }
        let own = (0..demand.cpus.min(room)).map(|cpu| first + (taken + cpu) % room);
        let own = own.collect();
        taken += demand.cpus;
        own
    };
    let ids = demands.iter().map(|demand| demand.id.clone());
    ids.zip(demands.iter().map(set)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A letter each: who is busy in capitals, the later the busier, `*` for who is visited, a
    /// number for CPUs but one.
    fn demands(text: &str) -> Vec<CpuDemand> {
        let demand = |(at, demand): (usize, &str)| CpuDemand {
            id: id(at),
            cpus: demand.chars().find_map(|it| it.to_digit(10)).unwrap_or(1),
            busy: demand.starts_with(char::is_uppercase),
            percent: demand.bytes().next().map_or(0.0, |it| f64::from(it & 31)),
            visited: demand.ends_with('*'),
        };
        text.split(' ').enumerate().map(demand).collect()
    }

    fn id(at: usize) -> InstanceId {
        format!("{at:012x}").parse().unwrap()
    }

    fn placed(cpus: u32, text: &str) -> Vec<String> {
        let demands = demands(text);
        let placed = place(cpus, &demands, exempt(&demands, None).as_ref());
        assert_eq!(placed.len(), demands.len());
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
    fn of_busy_ones_who_are_visited_the_least_busy_is_spared() {
        assert_eq!(placed(2, "A* B"), ["0", "1"]);
        assert_eq!(placed(2, "B* A*"), ["1", "0"]);
        assert_eq!(placed(2, "A* B c"), ["0", "1", "0"]);
    }

    #[test]
    fn who_was_spared_stays_so_until_it_is_much_busier() {
        let before = id(1);
        assert_eq!(
            exempt(&demands("I* J*"), Some(&before)),
            Some(before.clone())
        );
        assert_eq!(exempt(&demands("F* J*"), Some(&before)), Some(id(0)));
        // Nobody needs to be, or is gone.
        assert_eq!(exempt(&demands("i* J*"), Some(&before)), None);
        assert_eq!(exempt(&demands("I*"), Some(&before)), Some(id(0)));
    }

    #[test]
    fn where_nobody_would_wait_everybody_runs_everywhere() {
        for text in ["a* b*", "A B", "a B", "a", "A*"] {
            assert!(placed(2, text).iter().all(|set| set == "0,1"), "{text}");
        }
        assert_eq!(placed(1, "a* B"), ["0", "0"]);
    }
}
