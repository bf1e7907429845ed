//! An installation without its lock file, where another system wrote that.

use super::{Remedy, missing_tool};
use crate::{
    model::{Install, Plan},
    store::Record,
};

pub(super) fn without_lock(record: &Record, plan: &Plan, lines: &[String]) -> Option<Remedy> {
    if record.remedies.without_lock.is_some() {
        return None;
    }
    let name = missing_tool::foreign_lock(lines)?.name;
    unlocked(plan.install.as_ref()?)?;
    let what = name.unwrap_or_else(|| "what this system needs".to_owned());
    Some(Remedy::WithoutLock {
        why: format!("package-lock.json was written on another system and leaves out {what}"),
    })
}

/// The installation by npm as if there were no lock file; `None` where npm installs nothing.
pub(super) fn unlocked(install: &Install) -> Option<Install> {
    let is_npm = |argv: &Vec<String>| {
        argv.first().is_some_and(|word| word == "npm")
            && argv
                .get(1)
                .is_some_and(|word| word == "ci" || word == "install")
    };
    if !install.commands.iter().any(is_npm) {
        return None;
    }
    let words = |all: &[&str]| all.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let commands = install.commands.iter().flat_map(|argv| {
        if !is_npm(argv) {
            return vec![argv.clone()];
        }
        let mut anew = words(&["npm", "install", "--no-package-lock"]);
        anew.extend(argv[2..].iter().cloned());
        vec![words(&["rm", "-rf", "node_modules"]), anew]
    });
    Some(Install {
        commands: commands.collect(),
        fallbacks: Vec::new(),
        ..install.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn only_npm_can_leave_its_lock_aside() {
        let install = |command: &str| Install {
            commands: vec![words(command)],
            inputs: Vec::new(),
            fallbacks: Vec::new(),
        };
        let anew = unlocked(&install("npm ci --no-audit")).unwrap();
        assert_eq!(
            anew.commands,
            [
                words("rm -rf node_modules"),
                words("npm install --no-package-lock --no-audit")
            ]
        );
        assert_eq!(unlocked(&install("pnpm install")), None);
    }
}
