//! `Capabilities`: what an engine can do of what not every engine can.

use std::collections::BTreeSet;

use super::{EngineError, Result};

/// A call, or an option of one, that an engine may lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capability {
    /// [`Engine::pull_image`](super::Engine::pull_image).
    Pull,
    /// [`Engine::build_image`](super::Engine::build_image).
    Build,
    /// [`ExecSpec::tty`](super::ExecSpec::tty).
    Terminal,
    /// [`Engine::usage`](super::Engine::usage).
    Usage,
    /// [`Engine::refusals`](super::Engine::refusals).
    Refusals,
}

impl Capability {
    pub const ALL: [Self; 5] = [
        Self::Pull,
        Self::Build,
        Self::Terminal,
        Self::Usage,
        Self::Refusals,
    ];

    /// What an engine without it cannot do, after "cannot".
    const fn operation(self) -> &'static str {
        match self {
            Self::Pull => "pull images",
            Self::Build => "build images",
            Self::Terminal => "give a command a terminal",
            Self::Usage => "measure what an instance uses",
            Self::Refusals => "tell which connections a sandbox refused",
        }
    }
}

/// What an engine declares. A call that needs more fails with [`EngineError::Unsupported`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities(BTreeSet<Capability>);

impl Capabilities {
    pub fn has(&self, capability: Capability) -> bool {
        self.0.contains(&capability)
    }

    /// Fails with [`EngineError::Unsupported`] unless it is declared.
    pub fn require(&self, capability: Capability) -> Result<()> {
        if self.has(capability) {
            return Ok(());
        }
        Err(EngineError::Unsupported {
            operation: capability.operation(),
        })
    }
}

impl FromIterator<Capability> for Capabilities {
    fn from_iter<I: IntoIterator<Item = Capability>>(declared: I) -> Self {
        Self(declared.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_declared_is_unsupported() {
        for capability in Capability::ALL {
            let others = Capability::ALL.into_iter().filter(|it| *it != capability);
            let without: Capabilities = others.collect();
            let refused = without.require(capability);
            assert!(
                matches!(refused, Err(EngineError::Unsupported { .. })),
                "{capability:?}: {refused:?}"
            );
            let with: Capabilities = [capability].into_iter().collect();
            with.require(capability).unwrap();
        }
    }
}
