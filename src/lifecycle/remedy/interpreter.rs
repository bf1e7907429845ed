//! Another version of the interpreter, where nobody asked for this one.

use tokio::sync::mpsc;

use super::{error_table, missing_tool};
use crate::{
    engine::link::RunSpec,
    lifecycle::instance::{Instance, environment::variables::Variables},
    model::{Options, Plan, VersionChoice},
    project::images,
    store::{OtherVersion, Record, Remedies},
};

/// Versions that are asked about, each by a resolution of what is to be installed.
const MOST_ASKED: usize = 4;

impl Instance {
    /// Another version of Python that has wheels for everything that was to be installed, where
    /// nobody asked for this one. It is uv that says so, in the container that the installation
    /// failed in.
    pub(super) async fn version_with_wheels(
        &self,
        plan: &Plan,
        argv: &[String],
        lines: &[String],
        variables: &Variables,
    ) -> Option<OtherVersion> {
        let choice = free_choice(plan, &self.record)?;
        let package = missing_tool::package(lines)?;
        if plan.stack.as_deref() != Some("python") || self.record.remedies.version.is_some() {
            return None;
        }
        let registry = self.context.images.registry.check().await.ok()?;
        let all = images::stack("python")?.available(registry);
        let all: Vec<&str> = all.map(|version| version.version.as_str()).collect();
        let live = self.state.live()?;
        for version in nearest(&choice.version, &all).into_iter().take(MOST_ASKED) {
            let spec = RunSpec {
                argv: only_wheels(argv, version)?,
                env: variables.for_command(Some(plan)),
                cwd: plan.root.clone(),
            };
            let (to, mut lines) = mpsc::channel(64);
            let drained = async { while lines.recv().await.is_some() {} };
            let (exit, ()) = tokio::join!(live.link.run(spec, to), drained);
            if exit.is_ok_and(|exit| exit.code == Some(0)) {
                return Some(OtherVersion {
                    version: version.to_owned(),
                    because: format!(
                        "{package} has no wheel for Python {} and has one for {version}",
                        choice.version
                    ),
                });
            }
        }
        None
    }

    /// The next older version of Python, where a package does not compile for this one although
    /// there is all that compiling takes.
    pub(super) async fn version_that_compiles(
        &self,
        plan: &Plan,
        lines: &[String],
    ) -> Option<OtherVersion> {
        let package = missing_tool::package(lines)?;
        let is_compiling = lines.iter().any(|line| error_table::is_of_a_compiler(line));
        if !is_compiling {
            return None;
        }
        let choice =
            free_choice(plan, &self.record).filter(|_| plan.stack.as_deref() == Some("python"))?;
        let version = self.older_than("python", &choice.version).await?;
        Some(OtherVersion {
            because: format!("{package} does not compile for Python {}", choice.version),
            version,
        })
    }

    /// The newest version of the stack before the one that took something away, where the app asks
    /// for that.
    pub(super) async fn version_that_has_it(
        &self,
        plan: &Plan,
        lines: &[String],
    ) -> Option<OtherVersion> {
        let stack = plan.stack.as_deref()?;
        let gone = error_table::gone(stack, lines)?;
        let choice = free_choice(plan, &self.record)?;
        if number(&choice.version) < number(&gone.since) {
            return None;
        }
        let version = self.older_than(stack, &gone.since).await?;
        Some(OtherVersion {
            because: gone.because,
            version,
        })
    }

    async fn older_than(&self, stack: &str, than: &str) -> Option<String> {
        let registry = self.context.images.registry.check().await.ok()?;
        let all = images::stack(stack)?.available(registry);
        let older = all.filter(|it| number(&it.version) < number(than));
        let newest = older.max_by_key(|it| number(&it.version))?;
        Some(newest.version.clone())
    }
}

/// The version of the stack that was chosen, where another may be.
fn free_choice<'p>(plan: &'p Plan, record: &Record) -> Option<&'p VersionChoice> {
    let choice = plan.version.as_ref()?;
    let free = choice.is_free() && record.options.version.is_none();
    free.then_some(choice)
}

/// An installation by uv as a question: whether all of it has wheels for that version.
fn only_wheels(argv: &[String], version: &str) -> Option<Vec<String>> {
    let [uv, pip, install, rest @ ..] = argv else {
        return None;
    };
    let is_install = [uv, pip, install] == ["uv", "pip", "install"];
    // A directory has no wheel.
    if !is_install || rest.iter().any(|word| word == "-e" || word == "--no-deps") {
        return None;
    }
    let mut asked: Vec<String> = ["uv", "pip", "install", "--quiet", "--dry-run"]
        .map(str::to_owned)
        .into();
    asked.extend(["--only-binary", ":all:", "--python-version", version].map(str::to_owned));
    asked.extend(["--target", "/tmp/other-version"].map(str::to_owned));
    asked.extend(rest.iter().cloned());
    Some(asked)
}

fn number(version: &str) -> Vec<u32> {
    let parts = version.split('.');
    parts.map_while(|part| part.parse().ok()).collect()
}

/// Older ones first, the newest of them before, for packages that are pinned were written for what
/// there was; then newer ones.
fn nearest<'a>(present: &str, all: &[&'a str]) -> Vec<&'a str> {
    let mut older: Vec<&str> = all.to_vec();
    older.retain(|version| number(version) < number(present));
    older.sort_by_key(|version| std::cmp::Reverse(number(version)));
    let mut newer: Vec<&str> = all.to_vec();
    newer.retain(|version| number(version) > number(present));
    newer.sort_by_key(|version| number(version));
    older.extend(newer);
    older
}

/// The settings that detection is asked with again, where another version than the default suits.
pub(in crate::lifecycle) fn options_for(
    remedies: &Remedies,
    plan: &Plan,
    options: &Options,
) -> Option<Options> {
    let other = remedies.version.as_ref()?;
    let choice = plan.version.as_ref()?;
    let free = choice.is_free() && options.version.is_none() && plan.stack.is_some();
    (free && choice.version != other.version).then(|| Options {
        version: Some(other.version.clone()),
        ..options.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn what_stands_in_for_another_may_be_another() {
        let choice = |asked: Option<&str>, instead_of: Option<&str>| VersionChoice {
            version: "3.13".to_owned(),
            asked: asked.map(str::to_owned),
            from: None,
            instead_of: instead_of.map(str::to_owned),
            because: None,
        };
        assert!(choice(None, None).is_free());
        assert!(choice(Some("3.12"), Some("3.12")).is_free());
        assert!(!choice(Some("3.13"), None).is_free());
    }

    #[test]
    fn older_versions_are_asked_about_first() {
        let all = ["3.15", "3.14", "3.13", "3.11", "3.9"];
        assert_eq!(nearest("3.13", &all), ["3.11", "3.9", "3.14", "3.15"]);
        assert_eq!(nearest("3.9", &all)[0], "3.11");
    }

    #[test]
    fn an_installation_becomes_a_question() {
        let asked = only_wheels(&words("uv pip install --python /v -r r.txt"), "3.11").unwrap();
        let asked = asked.join(" ");
        assert!(
            asked.contains("--dry-run --only-binary :all: --python-version 3.11"),
            "{asked}"
        );
        assert!(asked.ends_with("--python /v -r r.txt"), "{asked}");
        for argv in ["uv sync --frozen", "npm ci", "uv pip install -e .", "uv"] {
            assert_eq!(only_wheels(&words(argv), "3.11"), None, "{argv}");
        }
    }
}
