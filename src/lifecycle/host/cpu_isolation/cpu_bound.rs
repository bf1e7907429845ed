//! Who keeps CPUs busy: whoever did in two looks in a row, until it has not for a while. The clock is
//! the caller's.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use crate::model::InstanceId;

/// In per cent of one CPU.
const BUSY: f64 = 50.0;
/// One that begins again soon stays where it is.
pub const CALM_FOR: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LoadState {
    Once,
    Busy { last: Instant },
}

#[derive(Debug, Default)]
pub struct CpuBound(BTreeMap<InstanceId, LoadState>);

impl CpuBound {
    /// What it used since the look before; says whether it counts as busy.
    pub fn note(&mut self, id: &InstanceId, cpu_percent: f64, now: Instant) -> bool {
        let before = self.0.get(id).copied();
        let seen = match before {
            None if cpu_percent >= BUSY => Some(LoadState::Once),
            Some(_) if cpu_percent >= BUSY => Some(LoadState::Busy { last: now }),
            Some(LoadState::Busy { last }) if now < last + CALM_FOR => before,
            _ => None,
        };
        match seen {
            Some(seen) => drop(self.0.insert(id.clone(), seen)),
            None => drop(self.0.remove(id)),
        }
        matches!(seen, Some(LoadState::Busy { .. }))
    }

    /// Forget whoever is none of these.
    pub fn retain_only(&mut self, is_there: impl Fn(&InstanceId) -> bool) {
        self.0.retain(|id, _| is_there(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_in_a_row_is_busy_and_calm_takes_a_while() {
        let (mut busy, id) = (CpuBound::default(), "0123456789ab".parse().unwrap());
        let began = Instant::now();
        let mut look =
            |percent, second| busy.note(&id, percent, began + Duration::from_secs(second));
        assert!(!look(90.0, 0));
        assert!(!look(10.0, 1), "once is not enough");
        assert!(!look(90.0, 2));
        assert!(look(90.0, 3));
        assert!(look(10.0, 4));
        assert!(look(10.0, 3 + CALM_FOR.as_secs() - 1));
        assert!(!look(10.0, 3 + CALM_FOR.as_secs()));
        assert!(!look(90.0, 40), "and it is twice again");
    }
}
