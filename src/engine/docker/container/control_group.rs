//! `ControlGroup`: what a container consumes, as this host's kernel counts it. Reading it takes
//! microseconds; the engine takes half a second to say the same.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Where the kernel shows them.
const ROOT: &str = "/sys/fs/cgroup";

/// The directories of one container's group: one in version 2, one a controller in version 1.
#[derive(Debug, PartialEq, Eq)]
pub struct ControlGroup {
    cpu: PathBuf,
    memory: PathBuf,
    pids: PathBuf,
    is_unified: bool,
}

/// What the kernel has counted so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Of all CPUs together, since the container began.
    pub cpu_nanoseconds: u64,
    /// Without files that are given back when memory runs short.
    pub memory_bytes: u64,
    pub memory_limit_bytes: u64,
    pub processes: u64,
}

impl ControlGroup {
    /// `None` where the container runs on another host, or its group is where none is looked for.
    pub fn find(container: &str) -> Option<Self> {
        Self::find_in(Path::new(ROOT), container)
    }

    fn find_in(root: &Path, container: &str) -> Option<Self> {
        if container.is_empty() || !container.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        // By the engine's driver: `cgroupfs`, then `systemd`.
        let below = [
            format!("docker/{container}"),
            format!("system.slice/docker-{container}.scope"),
        ];
        below.into_iter().find_map(|below| {
            let unified = root.join(&below);
            if unified.join("cpu.stat").is_file() {
                return Some(Self {
                    cpu: unified.clone(),
                    memory: unified.clone(),
                    pids: unified,
                    is_unified: true,
                });
            }
            let of = |controller: &str| {
                let dir = root.join(controller).join(&below);
                dir.is_dir().then_some(dir)
            };
            Some(Self {
                cpu: of("cpuacct")?,
                memory: of("memory")?,
                pids: of("pids")?,
                is_unified: false,
            })
        })
    }

    pub fn counts(&self) -> io::Result<Counts> {
        let (cpu_nanoseconds, used, limit, cached) = if self.is_unified {
            (
                field(&self.cpu, "cpu.stat", "usage_usec")?.saturating_mul(1000),
                number(&self.memory, "memory.current")?,
                number(&self.memory, "memory.max")?,
                field(&self.memory, "memory.stat", "inactive_file")?,
            )
        } else {
            (
                number(&self.cpu, "cpuacct.usage")?,
                number(&self.memory, "memory.usage_in_bytes")?,
                number(&self.memory, "memory.limit_in_bytes")?,
                field(&self.memory, "memory.stat", "total_inactive_file")?,
            )
        };
        Ok(Counts {
            cpu_nanoseconds,
            memory_bytes: used.saturating_sub(cached),
            memory_limit_bytes: limit,
            processes: number(&self.pids, "pids.current")?,
        })
    }
}

fn number(dir: &Path, file: &str) -> io::Result<u64> {
    parse(fs::read_to_string(dir.join(file))?.trim())
}

fn field(dir: &Path, file: &str, name: &str) -> io::Result<u64> {
    let text = fs::read_to_string(dir.join(file))?;
    let value = text.lines().find_map(|line| {
        let (key, value) = line.split_once(' ')?;
        (key == name).then_some(value)
    });
    parse(value.unwrap_or_default().trim())
}

/// Without a limit there is no number, and the engine is asked.
fn parse(text: &str) -> io::Result<u64> {
    text.parse()
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "f6fb86bea263";

    fn write(root: &Path, files: &[(&str, &str)]) {
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    fn counts(files: &[(&str, &str)]) -> Option<Counts> {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), files);
        ControlGroup::find_in(root.path(), ID)?.counts().ok()
    }

    #[test]
    fn both_versions_and_both_drivers_are_read() {
        let expected = Some(Counts {
            cpu_nanoseconds: 5_000_000,
            memory_bytes: 70,
            memory_limit_bytes: 1000,
            processes: 3,
        });
        for below in [
            "docker/f6fb86bea263",
            "system.slice/docker-f6fb86bea263.scope",
        ] {
            let at = |file: &str| format!("{below}/{file}");
            let unified = [
                (at("cpu.stat"), "usage_usec 5000\nuser_usec 1\n"),
                (at("memory.current"), "100\n"),
                (at("memory.max"), "1000\n"),
                (at("memory.stat"), "anon 70\ninactive_file 30\n"),
                (at("pids.current"), "3\n"),
            ];
            let unified: Vec<_> = unified
                .iter()
                .map(|(at, text)| (at.as_str(), *text))
                .collect();
            assert_eq!(counts(&unified), expected, "version 2, {below}");
            let first = [
                (format!("cpuacct/{below}/cpuacct.usage"), "5000000\n"),
                (format!("memory/{below}/memory.usage_in_bytes"), "100\n"),
                (format!("memory/{below}/memory.limit_in_bytes"), "1000\n"),
                (
                    format!("memory/{below}/memory.stat"),
                    "inactive_file 1\ntotal_inactive_file 30\n",
                ),
                (format!("pids/{below}/pids.current"), "3\n"),
            ];
            let first: Vec<_> = first
                .iter()
                .map(|(at, text)| (at.as_str(), *text))
                .collect();
            assert_eq!(counts(&first), expected, "version 1, {below}");
        }
    }

    #[test]
    fn what_is_not_here_or_has_no_limit_is_the_engines_to_say() {
        assert_eq!(counts(&[]), None);
        let unlimited = [
            ("docker/f6fb86bea263/cpu.stat", "usage_usec 5000\n"),
            ("docker/f6fb86bea263/memory.current", "100\n"),
            ("docker/f6fb86bea263/memory.max", "max\n"),
            ("docker/f6fb86bea263/memory.stat", "inactive_file 30\n"),
            ("docker/f6fb86bea263/pids.current", "3\n"),
        ];
        assert_eq!(counts(&unlimited), None);
        for name in ["", "../..", "a/b", "."] {
            assert_eq!(ControlGroup::find(name), None, "{name:?}");
        }
    }
}
