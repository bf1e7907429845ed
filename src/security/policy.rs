//! `Policy::approve`: nothing is run that did not pass here.

use std::collections::BTreeMap;

use crate::model::{Code, ContainerSpec, Problem, Secret};

/// Proof that a spec was checked. Only [`Policy::approve`] makes one.
#[derive(Debug, Clone)]
pub struct Approved<T>(T);

impl<T> std::ops::Deref for Approved<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// What the host's owner allows.
#[derive(Debug, Clone)]
pub struct Policy {
    pub most_cpus: f64,
    pub most_memory_bytes: u64,
    pub most_disk_bytes: u64,
    /// Of the disk that previews are on.
    pub least_free_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PolicyError {
    #[error("{asked} CPUs were asked for; this host gives a preview at most {most}")]
    Cpus { asked: f64, most: f64 },
    #[error("{asked} bytes of memory were asked for; this host gives a preview {least} to {most}")]
    Memory { asked: u64, least: u64, most: u64 },
    #[error("{asked} bytes of disk were asked for; this host gives a preview at most {most}")]
    Disk { asked: u64, most: u64 },
    #[error("the environment variable `{name}` is the sandbox's own")]
    ReservedVariable { name: String },
    #[error("the value of `{name}` holds a zero byte, or is longer than 127 KiB")]
    BadValue { name: String },
    #[error("`{name}` is not the name of an environment variable")]
    BadVariable { name: String },
}

impl Policy {
    /// Below this the guest and an interpreter do not start.
    pub const LEAST_MEMORY: u64 = 32 << 20;
    /// Bytes: Linux takes 128 KiB, name and all.
    pub const LONGEST_VALUE: usize = 127 << 10;

    pub fn approve(&self, spec: ContainerSpec) -> Result<Approved<ContainerSpec>, PolicyError> {
        let limits = spec.limits;
        if !(limits.cpus > 0.0 && limits.cpus <= self.most_cpus) {
            return Err(PolicyError::Cpus {
                asked: limits.cpus,
                most: self.most_cpus,
            });
        }
        if !(Self::LEAST_MEMORY..=self.most_memory_bytes).contains(&limits.memory_bytes) {
            return Err(PolicyError::Memory {
                asked: limits.memory_bytes,
                least: Self::LEAST_MEMORY,
                most: self.most_memory_bytes,
            });
        }
        if limits.disk_bytes > self.most_disk_bytes {
            return Err(PolicyError::Disk {
                asked: limits.disk_bytes,
                most: self.most_disk_bytes,
            });
        }
        self.variables(spec.env.keys())?;
        Ok(Approved(spec))
    }

    /// The kernel takes no other into an environment.
    pub fn values(&self, all: &BTreeMap<String, Secret>) -> Result<(), PolicyError> {
        let unfit = |value: &str| value.contains('\0') || value.len() > Self::LONGEST_VALUE;
        match all.iter().find(|(_, value)| unfit(value.reveal())) {
            Some((name, _)) => Err(PolicyError::BadValue { name: name.clone() }),
            None => Ok(()),
        }
    }

    /// Of a container, or of a process in it.
    pub fn variables<'a>(
        &self,
        names: impl IntoIterator<Item = &'a String>,
    ) -> Result<(), PolicyError> {
        for name in names {
            if name.starts_with("CODEMATE_GUEST_") {
                return Err(PolicyError::ReservedVariable { name: name.clone() });
            }
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(PolicyError::BadVariable { name: name.clone() });
            }
        }
        Ok(())
    }
}

impl PolicyError {
    pub fn problem(&self) -> Problem {
        let problem = Problem::new(Code::Policy, self.to_string());
        match self {
            Self::Cpus { .. } => problem.hint("ask for less with `--cpus`"),
            Self::Memory { .. } => problem.hint("choose a size with `--memory`, such as `1GiB`"),
            Self::Disk { .. } => problem.hint("choose a size with `--disk`, such as `2GiB`"),
            Self::BadValue { .. } => problem.hint("put it into a file and name that"),
            Self::ReservedVariable { .. } | Self::BadVariable { .. } => {
                problem.hint("rename it in `--env`, `--env-file` or `[env]`")
            }
        }
    }
}
