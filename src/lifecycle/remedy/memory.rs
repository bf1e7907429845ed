//! More memory, where nobody said how much: a start that ran out is tried again with twice as much.

use crate::{
    lifecycle::{LifecycleError, explain::tells_of_memory},
    model::{Plan, Size},
    store::{MoreMemory, Record},
};

/// No start is given more than this by itself, in bytes.
const MOST: u64 = 4 << 30;

/// Twice the memory that a preview had which ran out of it, where nobody said how much it may use.
pub(super) fn more_memory(record: &Record, owner_allows: u64, of_host: u64) -> Option<MoreMemory> {
    if record.options.limits.memory.is_some() {
        return None;
    }
    let had = record.limits.memory_bytes;
    let bytes = had.checked_mul(2)?;
    (bytes <= ceiling(owner_allows, of_host)).then(|| MoreMemory {
        bytes,
        because: format!("{} of memory are not enough for it", Size(had)),
    })
}

/// What an app of its kind takes, in bytes, as far as it may be given; 0 where its kind takes no more
/// than any.
pub(in crate::lifecycle) fn memory_of_kind(plan: &Plan, owner_allows: u64, of_host: u64) -> u64 {
    let takes = plan.run.memory_bytes.unwrap_or(0);
    takes.min(ceiling(owner_allows, of_host))
}

/// Half of the host's memory at most, and no more than its owner allows. An engine that does not
/// tell its memory says 0, and then nothing is raised.
fn ceiling(owner_allows: u64, of_host: u64) -> u64 {
    MOST.min(owner_allows).min(of_host / 2)
}

/// Whether the kernel says so, or what was written does.
pub(super) fn ran_out(error: &LifecycleError) -> bool {
    match error {
        LifecycleError::InstallOutOfMemory { .. } => true,
        LifecycleError::Install { lines, .. } => tells_of_memory(lines),
        LifecycleError::AppExited { exit, answered } => {
            !answered && (exit.out_of_memory || tells_of_memory(&exit.last_lines))
        }
        // Under a watcher, which stays when the app has ended.
        LifecycleError::NotReady { last_lines, .. } => tells_of_memory(last_lines),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::Options,
        project::{LocalTree, Templates, detect},
    };

    const GIB: u64 = 1 << 30;

    #[test]
    fn no_more_is_taken_than_the_owner_and_half_of_the_host_allow() {
        assert_eq!(ceiling(u64::MAX, 64 * GIB), 4 * GIB);
        assert_eq!(ceiling(2 * GIB, 64 * GIB), 2 * GIB);
        assert_eq!(ceiling(u64::MAX, 3 * GIB), 3 * GIB / 2);
        assert_eq!(ceiling(u64::MAX, 0), 0);
    }

    #[test]
    fn what_its_kind_takes_is_given_as_far_as_it_may_be() {
        let dir = tempfile::tempdir().unwrap();
        let manifest = r#"{"scripts":{"dev":"next dev"},"dependencies":{"next":"15"}}"#;
        std::fs::write(dir.path().join("package.json"), manifest).unwrap();
        std::fs::create_dir(dir.path().join("app")).unwrap();
        std::fs::write(dir.path().join("app/page.js"), "").unwrap();
        let tree = LocalTree::open(dir.path()).unwrap();
        let report = detect(&tree, &Templates::embedded(), &Options::default());
        let mut plan = report.unwrap().plan;
        assert_eq!(memory_of_kind(&plan, u64::MAX, 64 * GIB), 2 * GIB);
        assert_eq!(memory_of_kind(&plan, GIB, 64 * GIB), GIB);
        plan.run.memory_bytes = None;
        assert_eq!(memory_of_kind(&plan, u64::MAX, 64 * GIB), 0);
    }

    #[test]
    fn what_ran_out_is_told_by_the_kernel_or_by_what_was_written() {
        let install = |line: &str| LifecycleError::Install {
            command: "npm ci".to_owned(),
            argv: vec!["npm".to_owned(), "ci".to_owned()],
            code: 1,
            lines: vec![line.to_owned()],
        };
        for line in [
            "c++: fatal error: Killed signal terminated program cc1plus",
            "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
            "MemoryError",
        ] {
            assert!(ran_out(&install(line)), "{line}");
        }
        assert!(!ran_out(&install("npm error code E404")));
        assert!(ran_out(&LifecycleError::InstallOutOfMemory {
            command: "npm ci".to_owned(),
            limit_bytes: None,
            lines: Vec::new(),
        }));
    }
}
