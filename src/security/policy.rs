//! `Policy::approve`: nothing is run that did not pass here.

use std::collections::BTreeMap;

use super::{
    Abilities,
    egress::{EgressError, granted},
};
use crate::model::{Code, ContainerSpec, Egress, Problem, Sandbox, Secret};

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
    /// What previews that are down may keep together.
    pub most_kept_bytes: u64,
    /// What base images may hold together.
    pub most_image_bytes: u64,
    /// Whether a project may ask for root inside its container.
    pub allow_root: bool,
    /// What no preview gets more than.
    pub egress: Egress,
    /// The runtime of projects that name none; the engine's own default if there is none.
    pub runtime: Option<String>,
    /// Runtimes a project may name, besides that one.
    pub runtimes: Vec<String>,
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
    #[error(transparent)]
    Egress(#[from] EgressError),
    #[error(
        "this project asks for root inside its container, which this host's owner does not allow"
    )]
    Root,
    #[error("this project asks for the runtime `{asked}`, which this host's owner does not allow")]
    RuntimeNotAllowed { asked: String, allowed: Vec<String> },
    #[error("the engine has no runtime `{asked}`; it has {}", offered.join(", "))]
    NoSuchRuntime { asked: String, offered: Vec<String> },
    #[error("this project asks for the image `{asked}`, which this host does not run for others")]
    ImageNotAllowed { asked: String, allowed: Vec<String> },
    #[error("each user of this host's API has at most {most} previews")]
    TooManyPreviews { most: usize },
    #[error("the engine cannot hold a preview to its limits: {}", limits.join(", "))]
    Unenforced { limits: Vec<String> },
}

impl Policy {
    /// Below this the guest and an interpreter do not start.
    pub const LEAST_MEMORY: u64 = 32 << 20;
    /// Bytes: Linux takes 128 KiB, name and all.
    pub const LONGEST_VALUE: usize = 127 << 10;

    /// What a preview may reach whose project says this about it.
    pub fn egress(&self, asked: Option<&Egress>) -> Result<Egress, PolicyError> {
        Ok(granted(asked, &self.egress)?)
    }

    /// Check a spec against what the host's owner allows and what the engine can do.
    pub fn approve(
        &self,
        mut spec: ContainerSpec,
        engine: &Abilities,
    ) -> Result<Approved<ContainerSpec>, PolicyError> {
        if !engine.unenforced.is_empty() {
            return Err(PolicyError::Unenforced {
                limits: engine.unenforced.clone(),
            });
        }
        spec.sandbox = self.sandbox(spec.sandbox, engine)?;
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
        spec.sandbox.egress = self.egress(Some(&spec.sandbox.egress))?;
        if spec.sandbox.root && matches!(spec.sandbox.egress, Egress::Allow(_)) {
            return Err(EgressError::Root.into());
        }
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

    fn sandbox(&self, asked: Sandbox, engine: &Abilities) -> Result<Sandbox, PolicyError> {
        if asked.root && !self.allow_root {
            return Err(PolicyError::Root);
        }
        let allowed = || self.runtime.iter().chain(&self.runtimes);
        if let Some(name) = &asked.runtime
            && !allowed().any(|allowed| allowed == name)
        {
            return Err(PolicyError::RuntimeNotAllowed {
                asked: name.clone(),
                allowed: allowed().cloned().collect(),
            });
        }
        let runtime = asked.runtime.or_else(|| self.runtime.clone());
        match runtime {
            Some(name) if !engine.runtimes.contains(&name) => Err(PolicyError::NoSuchRuntime {
                asked: name,
                offered: engine.runtimes.iter().cloned().collect(),
            }),
            runtime => Ok(Sandbox { runtime, ..asked }),
        }
    }
}

impl PolicyError {
    pub fn problem(&self) -> Problem {
        let problem = Problem::new(Code::Policy, self.to_string());
        match self {
            Self::Egress(error) => error.problem(),
            Self::Cpus { .. } => problem.hint("ask for less with `--cpus`"),
            Self::Memory { .. } => problem.hint("choose a size with `--memory`, such as `1GiB`"),
            Self::Disk { .. } => problem.hint("choose a size with `--disk`, such as `2GiB`"),
            Self::BadValue { .. } => problem.hint("put it into a file and name that"),
            Self::ReservedVariable { .. } | Self::BadVariable { .. } => {
                problem.hint("rename it in `--env`, `--env-file` or `[env]`")
            }
            Self::Root => problem.hint(
                "take `root` out of `[sandbox]` in codemate-preview.toml, or write `allow_root = true` under `[sandbox]` in this host's config.toml",
            ),
            Self::RuntimeNotAllowed { asked, allowed } => problem.hint(if allowed.is_empty() {
                format!("`runtimes = [\"{asked}\"]` under `[sandbox]` in this host's config.toml allows it")
            } else {
                format!("a project may name {}; `runtimes` under `[sandbox]` in this host's config.toml allows more", allowed.join(", "))
            }),
            Self::NoSuchRuntime { .. } => problem.hint(
                "add it to `runtimes` in the engine's daemon.json, or name one it has under `[sandbox]`",
            ),
            Self::ImageNotAllowed { allowed, .. } => problem.hint(format!(
                "take the stack's own by leaving `image` out: one of codemate/*{}; `images` under `[api]` in this host's config.toml allows more",
                allowed.iter().fold(String::new(), |list, image| list + ", " + image)
            )),
            Self::TooManyPreviews { .. } => problem.hint(
                "take one away with `down --purge`; `previews` under `[api]` in this host's config.toml allows more",
            ),
            Self::Unenforced { .. } => problem.hint(
                "let the engine's user manage these control groups: `cgroup_enable=memory swapaccount=1` on the kernel's command line, or delegation to a rootless engine's user",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::security::{LimitRequest, limits};

    fn policy() -> Policy {
        Policy {
            most_cpus: 4.0,
            most_memory_bytes: 1 << 32,
            most_disk_bytes: 1 << 40,
            least_free_bytes: 0,
            most_kept_bytes: u64::MAX,
            most_image_bytes: u64::MAX,
            allow_root: false,
            egress: Egress::Open,
            runtime: None,
            runtimes: Vec::new(),
        }
    }

    fn engine(runtimes: &[&str]) -> Abilities {
        Abilities {
            runtimes: runtimes.iter().map(|&name| name.to_owned()).collect(),
            cpus: 2,
            memory_bytes: 0,
            unenforced: Vec::new(),
        }
    }

    fn asking(root: bool, runtime: Option<&str>) -> ContainerSpec {
        ContainerSpec {
            id: "0123456789ab".parse().unwrap(),
            name: "shop".parse().unwrap(),
            generation: 1,
            image: "i:1".parse().unwrap(),
            env: BTreeMap::new(),
            limits: limits(LimitRequest::default()),
            sandbox: Sandbox {
                root,
                runtime: runtime.map(str::to_owned),
                egress: Egress::Open,
            },
            home_volume: "h".to_owned(),
        }
    }

    #[test]
    fn root_is_the_hosts_owners_to_give() {
        let engine = engine(&["runc"]);
        let asked = policy().approve(asking(true, None), &engine);
        assert_eq!(asked.unwrap_err(), PolicyError::Root);
        assert_eq!(PolicyError::Root.problem().code.exit_code(), 12);
        let generous = Policy {
            allow_root: true,
            ..policy()
        };
        assert!(
            generous
                .approve(asking(true, None), &engine)
                .unwrap()
                .sandbox
                .root
        );
        // It is given to those who ask, not to all.
        assert!(
            !generous
                .approve(asking(false, None), &engine)
                .unwrap()
                .sandbox
                .root
        );
    }

    #[test]
    fn a_runtime_must_be_allowed_and_there() {
        let both = engine(&["runc", "runsc"]);
        let asked = policy().approve(asking(false, Some("runsc")), &both);
        assert!(matches!(asked, Err(PolicyError::RuntimeNotAllowed { .. })));
        let listed = Policy {
            runtimes: vec!["runsc".to_owned()],
            ..policy()
        };
        let runtime = |policy: &Policy, asked| {
            let approved = policy.approve(asking(false, asked), &both);
            approved.map(|spec| spec.sandbox.runtime.clone())
        };
        assert_eq!(
            runtime(&listed, Some("runsc")).unwrap().as_deref(),
            Some("runsc")
        );
        assert_eq!(runtime(&listed, None).unwrap(), None);
        let everywhere = Policy {
            runtime: Some("runsc".to_owned()),
            ..policy()
        };
        assert_eq!(
            runtime(&everywhere, None).unwrap().as_deref(),
            Some("runsc")
        );
        // A project cannot go back to a weaker one.
        assert!(matches!(
            runtime(&everywhere, Some("runc")),
            Err(PolicyError::RuntimeNotAllowed { .. })
        ));
        let without = everywhere.approve(asking(false, None), &engine(&["runc"]));
        let error = without.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the engine has no runtime `runsc`; it has runc"
        );
        assert_eq!(error.problem().code.exit_code(), 12);
    }

    #[test]
    fn a_project_reaches_no_more_than_its_host_lets_it() {
        let decided = |ceiling: Egress, asked: Egress, root: bool| {
            let mut policy = policy();
            policy.egress = ceiling;
            policy.allow_root = true;
            let mut spec = asking(root, None);
            spec.sandbox.egress = asked;
            let approved = policy.approve(spec, &engine(&[]));
            approved.map(|spec| spec.sandbox.egress.clone())
        };
        let by_name = || Egress::Allow(vec!["npm".to_owned()]);
        let hosts = Egress::Allow(vec!["registry.npmjs.org".to_owned()]);
        assert_eq!(decided(Egress::Open, by_name(), false), Ok(hosts.clone()));
        assert_eq!(decided(by_name(), by_name(), false), Ok(hosts));
        assert_eq!(decided(by_name(), Egress::None, true), Ok(Egress::None));
        for (ceiling, asked) in [
            (Egress::None, Egress::Open),
            (Egress::None, by_name()),
            (by_name(), Egress::Open),
        ] {
            let error = decided(ceiling, asked, false).unwrap_err();
            assert_eq!(error.problem().code.exit_code(), 12);
        }
        // Root could take the place of what reads the names.
        assert_eq!(
            decided(Egress::Open, by_name(), true),
            Err(PolicyError::Egress(EgressError::Root))
        );
        assert_eq!(decided(Egress::Open, Egress::Open, true), Ok(Egress::Open));
    }

    #[test]
    fn limits_an_engine_cannot_enforce_are_named() {
        let mut engine = engine(&[]);
        assert!(policy().approve(asking(false, None), &engine).is_ok());
        engine.unenforced = vec!["memory".to_owned(), "pids".to_owned()];
        let error = policy().approve(asking(false, None), &engine).unwrap_err();
        assert!(error.to_string().ends_with("limits: memory, pids"));
        assert_eq!(error.problem().code.exit_code(), 12);
    }
}
