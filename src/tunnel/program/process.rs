//! Processes as the kernel shows them: which one a process id stands for, and whose it is.

use std::{
    fs, io,
    os::{fd::OwnedFd, unix::fs::MetadataExt as _},
    path::PathBuf,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, geteuid, pidfd_open, pidfd_send_signal},
};

use crate::store::ProcessMark;

/// In the environment of everything that is started for a tunnel.
pub(super) const MARK: &str = "CODEMATE_PREVIEW_TUNNEL_MARK";

/// Of the kernel that runs now.
pub(super) fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?
        .trim()
        .to_owned())
}

/// 128 random bits in hex.
pub(super) fn random_mark() -> io::Result<String> {
    let mut bytes = [0; 16];
    let mut file = fs::File::open("/dev/urandom")?;
    io::Read::read_exact(&mut file, &mut bytes)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

/// What tells this process from every other; `None` if it is not there or has ended.
pub(super) fn identify(pid: Pid) -> Option<ProcessMark> {
    let stat = Stat::of(pid)?;
    let exe = fs::read_link(of(pid, "exe")).ok()?;
    stat.is_alive().then(|| ProcessMark {
        pid: pid.as_raw_pid(),
        started: stat.started,
        exe,
    })
}

/// What the kernel calls a program file that was replaced since.
const DELETED: &str = " (deleted)";

/// Whether both are the same process. Its file may have been replaced by an upgrade meanwhile.
fn is_same(seen: &ProcessMark, recorded: &ProcessMark) -> bool {
    let bare = |mark: &ProcessMark| {
        let exe = mark.exe.to_string_lossy().into_owned();
        exe.strip_suffix(DELETED).map(str::to_owned).unwrap_or(exe)
    };
    seen.pid == recorded.pid && seen.started == recorded.started && bare(seen) == bare(recorded)
}

/// A process that is held on to: a signal reaches this one or none, whoever has its id by then.
pub(super) struct ProcessHandle {
    pub pid: Pid,
    fd: OwnedFd,
}

impl ProcessHandle {
    fn new(pid: Pid) -> Option<Self> {
        let fd = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        Some(Self { pid, fd })
    }

    pub fn signal(&self, signal: Signal) {
        // One that has ended needs none.
        let _ = pidfd_send_signal(&self.fd, signal);
    }

    /// A zombie is not, though signal 0 reaches it: there is nothing left of it to end.
    pub fn is_alive(&self) -> bool {
        let mut polled = [PollFd::new(&self.fd, PollFlags::IN)];
        matches!(poll(&mut polled, Some(&Timespec::default())), Ok(0))
    }
}

/// The process of a record with its group, if it still is what the record says.
pub(super) fn recorded(record: &ProcessMark) -> Vec<ProcessHandle> {
    let process = Pid::from_raw(record.pid)
        .and_then(ProcessHandle::new)
        // Looked at when it is held, so what is seen is what is held.
        .filter(|process| identify(process.pid).is_some_and(|seen| is_same(&seen, record)));
    let Some(leader) = process else {
        return Vec::new();
    };
    let mut group =
        all(|pid| pid != leader.pid && Stat::of(pid).is_some_and(|stat| stat.group == record.pid));
    group.push(leader);
    group
}

/// Every process of ours that carries the mark.
pub(super) fn marked(mark: &str) -> Vec<ProcessHandle> {
    let entry = format!("{MARK}={mark}");
    let us = geteuid().as_raw();
    all(|pid| {
        let ours = fs::metadata(of(pid, "")).is_ok_and(|meta| meta.uid() == us);
        ours && Stat::of(pid).is_some_and(|stat| stat.is_alive())
            && fs::read(of(pid, "environ")).is_ok_and(|environment| {
                environment
                    .split(|byte| *byte == 0)
                    .any(|variable| variable == entry.as_bytes())
            })
    })
}

fn all(wanted: impl Fn(Pid) -> bool) -> Vec<ProcessHandle> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(Pid::from_raw)
        .filter(|pid| wanted(*pid))
        .filter_map(ProcessHandle::new)
        // It may be another by now.
        .filter(|process| wanted(process.pid))
        .collect()
}

fn of(pid: Pid, file: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{}/{file}", pid.as_raw_pid()))
}

/// Of `/proc/<pid>/stat`, what we need.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    state: char,
    group: i32,
    /// In clock ticks since boot.
    started: u64,
}

impl Stat {
    fn of(pid: Pid) -> Option<Self> {
        Self::parse(&String::from_utf8_lossy(&fs::read(of(pid, "stat")).ok()?))
    }

    fn parse(text: &str) -> Option<Self> {
        // The name, field 2, is in parentheses and may hold anything, parentheses too.
        let (_, after) = text.rsplit_once(')')?;
        let fields: Vec<&str> = after.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).copied();
        Some(Self {
            state: field(3)?.chars().next()?,
            group: field(5)?.parse().ok()?,
            started: field(22)?.parse().ok()?,
        })
    }

    fn is_alive(&self) -> bool {
        !matches!(self.state, 'Z' | 'X' | 'x')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_spaces_and_parentheses() {
        let rest = "1 77 77 0 -1 4194560 91 0 0 0 0 0 0 0 20 0 1 0 123456 2367488 112";
        for name in ["cloudflared", "a) R 1 2", "((x", "tmux: server"] {
            let stat = Stat::parse(&format!("77 ({name}) S {rest}")).unwrap();
            assert_eq!((stat.state, stat.group, stat.started), ('S', 77, 123_456));
            assert!(stat.is_alive());
        }
        assert!(!Stat::parse(&format!("77 (x) Z {rest}")).unwrap().is_alive());
        assert_eq!(Stat::parse("77 (x) S 1 77"), None);
        assert_eq!(Stat::parse(""), None);
    }

    #[test]
    fn only_the_very_same_process_is_ours() {
        let us = identify(rustix::process::getpid()).unwrap();
        assert!(is_same(&us, &us));
        let later = ProcessMark {
            started: us.started + 1,
            ..us.clone()
        };
        let other = ProcessMark {
            exe: "/bin/other".into(),
            ..us.clone()
        };
        let replaced = ProcessMark {
            exe: format!("{}{DELETED}", us.exe.display()).into(),
            ..us.clone()
        };
        assert!(!is_same(&us, &later));
        assert!(!is_same(&us, &other));
        assert!(is_same(&replaced, &us));
    }
}
