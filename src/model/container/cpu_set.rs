//! `CpuSet`: CPUs of the host that processes may run on.

use std::{collections::BTreeSet, fmt};

/// Numbers, as the kernel counts CPUs from 0. Shown the way control groups take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CpuSet(BTreeSet<u32>);

impl CpuSet {
    pub fn all(count: u32) -> Self {
        (0..count).collect()
    }
}

impl FromIterator<u32> for CpuSet {
    fn from_iter<T: IntoIterator<Item = u32>>(cpus: T) -> Self {
        Self(cpus.into_iter().collect())
    }
}

impl fmt::Display for CpuSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, cpu) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{cpu}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_shown_as_a_list() {
        assert_eq!(CpuSet::all(3).to_string(), "0,1,2");
        assert_eq!([4, 1].into_iter().collect::<CpuSet>().to_string(), "1,4");
    }
}
