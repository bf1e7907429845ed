//! What a start that failed is tried again with: an image with compilers, another version of the
//! interpreter, an installation without its lock file.

use tokio::sync::mpsc;

use super::{
    LifecycleError,
    instance::{Instance, State, UpJob},
    missing::{self, Missing, Stage},
    prepare::Decision,
    up::Prepared,
    variables::Variables,
};
use crate::{
    engine::link::RunSpec,
    model::{Event, ImageRef, Install, Options, Plan, Urls},
    project::images::{self, Layer, Ours},
    store::{OtherVersion, Record, Remedies},
};

/// How often a start is tried in all.
const ATTEMPTS: usize = 3;
/// Versions that are asked about, each by a resolution of what is to be installed.
const MOST_ASKED: usize = 4;

/// Something to try once.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Remedy {
    BuildLayer { image: ImageRef, why: Missing },
    Version(OtherVersion),
    WithoutLock { why: String },
}

impl Remedy {
    fn told(&self) -> String {
        match self {
            Self::BuildLayer { image, why } => format!("{why}: taking {image}"),
            Self::Version(other) => {
                format!("{}: taking version {}", other.because, other.version)
            }
            Self::WithoutLock { why } => format!("{why}: installing without the lock file"),
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::BuildLayer { .. } | Self::Version(_) => None,
            Self::WithoutLock { .. } => Some(
                "remove package-lock.json and node_modules and run `npm install` to have it written for every system",
            ),
        }
    }
}

impl Instance {
    /// Bring it up; where that fails for want of something that can be had, again with it.
    pub(super) async fn bring_up_somehow(
        &mut self,
        job: &UpJob,
        mut decision: Decision,
        mut prepared: Prepared,
    ) -> Result<Urls, LifecycleError> {
        let before = self.record.remedies.clone();
        for left in (0..ATTEMPTS).rev() {
            let variables = decision.variables.clone();
            let error = match self.bring_up(&job.cancel, decision, prepared).await {
                Ok(urls) => return Ok(urls),
                Err(error) => self.explained(error).await,
            };
            if left == 0 || !self.find_remedy(&error, &variables).await {
                if matches!(error, LifecycleError::Install { .. }) {
                    // They did not help.
                    self.record.remedies = before;
                }
                return Err(error);
            }
            decision = Decision {
                anew: false,
                ..self.decide(job).await?
            };
            prepared = self.prepared(&decision, &job.cancel).await?;
        }
        Err(LifecycleError::ShuttingDown)
    }

    /// Take note of a way round the failure that was not tried yet, and say it.
    pub(super) async fn find_remedy(
        &mut self,
        error: &LifecycleError,
        variables: &Variables,
    ) -> bool {
        let Some(remedy) = self.remedy(error, variables).await else {
            return false;
        };
        self.journal.tell(Event::Warning {
            message: remedy.told(),
            hint: remedy.hint().map(str::to_owned),
        });
        let remedies = &mut self.record.remedies;
        match remedy {
            Remedy::BuildLayer { why, .. } => remedies.build = Some(why.to_string()),
            Remedy::Version(other) => remedies.version = Some(other),
            Remedy::WithoutLock { why } => remedies.without_lock = Some(why),
        }
        true
    }

    async fn remedy(&self, error: &LifecycleError, variables: &Variables) -> Option<Remedy> {
        let plan = self.record.plan.as_ref()?;
        match error {
            LifecycleError::Install { argv, lines, .. } => {
                if let Some(other) = self.version_with_wheels(plan, argv, lines, variables).await {
                    return Some(Remedy::Version(other));
                }
                build_layer(plan, lines, Stage::Install)
            }
            LifecycleError::AppExited { exit, .. } => self.remedy_of_app(plan, &exit.last_lines),
            // Under a watcher, which stays when the app has ended.
            LifecycleError::NotReady { last_lines, .. } => self.remedy_of_app(plan, last_lines),
            _ => None,
        }
    }

    fn remedy_of_app(&self, plan: &Plan, lines: &[String]) -> Option<Remedy> {
        without_lock(&self.record, plan, lines).or_else(|| build_layer(plan, lines, Stage::Start))
    }

    /// Another version of Python that has wheels for everything that was to be installed, where
    /// nobody asked for this one. It is uv that says so, in the container that the installation
    /// failed in.
    async fn version_with_wheels(
        &self,
        plan: &Plan,
        argv: &[String],
        lines: &[String],
        variables: &Variables,
    ) -> Option<OtherVersion> {
        let choice = plan.version.as_ref()?;
        let free = choice.asked.is_none() && self.record.options.version.is_none();
        let package = missing::package(lines)?;
        if plan.stack.as_deref() != Some("python")
            || !free
            || self.record.remedies.version.is_some()
        {
            return None;
        }
        let registry = self.house.images.registry.look().await.ok()?;
        let all = images::stack("python")?.available(registry);
        let all: Vec<&str> = all.map(|version| version.version.as_str()).collect();
        let State::Live(live) = &self.state else {
            return None;
        };
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

/// Older ones first, the newest of them before, for packages that are pinned were written for what
/// there was; then newer ones.
fn nearest<'a>(present: &str, all: &[&'a str]) -> Vec<&'a str> {
    let number = |version: &str| -> Vec<u32> {
        let parts = version.split('.');
        parts.map_while(|part| part.parse().ok()).collect()
    };
    let mut older: Vec<&str> = all.to_vec();
    older.retain(|version| number(version) < number(present));
    older.sort_by_key(|version| std::cmp::Reverse(number(version)));
    let mut newer: Vec<&str> = all.to_vec();
    newer.retain(|version| number(version) > number(present));
    newer.sort_by_key(|version| number(version));
    older.extend(newer);
    older
}

/// Only images of ours have one; another's are as their owner made them.
fn build_layer(plan: &Plan, lines: &[String], stage: Stage) -> Option<Remedy> {
    let image = with_build_layer(&plan.image)?;
    let why = Missing::from(lines, stage)?;
    Some(Remedy::BuildLayer { image, why })
}

/// Whether an installation that lacks a compiler can be tried again where there is one.
pub(super) fn may_build(plan: &Plan) -> bool {
    with_build_layer(&plan.image).is_some()
}

fn with_build_layer(image: &ImageRef) -> Option<ImageRef> {
    let ours = Ours::of(image).filter(|ours| ours.layer == Layer::Slim)?;
    let build = ours.with(Layer::Build);
    build.has_build_layer().then(|| build.tag())
}

fn without_lock(record: &Record, plan: &Plan, lines: &[String]) -> Option<Remedy> {
    if record.remedies.without_lock.is_some() {
        return None;
    }
    let name = missing::foreign_lock(lines)?.name;
    unlocked(plan.install.as_ref()?)?;
    let what = name.unwrap_or_else(|| "what this system needs".to_owned());
    Some(Remedy::WithoutLock {
        why: format!("package-lock.json was written on another system and leaves out {what}"),
    })
}

/// The installation by npm as if there were no lock file; `None` where npm installs nothing.
fn unlocked(install: &Install) -> Option<Install> {
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

/// The settings that detection is asked with again, where another version than the default suits.
pub(super) fn options_for(remedies: &Remedies, plan: &Plan, options: &Options) -> Option<Options> {
    let other = remedies.version.as_ref()?;
    let choice = plan.version.as_ref()?;
    let free = choice.asked.is_none() && options.version.is_none() && plan.stack.is_some();
    (free && choice.version != other.version).then(|| Options {
        version: Some(other.version.clone()),
        ..options.clone()
    })
}

/// A plan with what was found to be needed.
pub(super) fn laid_over(remedies: &Remedies, plan: &mut Plan) {
    if remedies.build.is_some()
        && let Some(image) = with_build_layer(&plan.image)
    {
        plan.image = image;
    }
    if remedies.without_lock.is_some()
        && let Some(install) = plan.install.as_ref().and_then(unlocked)
    {
        plan.install = Some(install);
    }
    if let (Some(other), Some(choice)) = (&remedies.version, &mut plan.version)
        && other.version == choice.version
        && choice.from.is_none()
    {
        choice.asked = None;
        choice.because = Some(other.because.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
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

    #[test]
    fn a_build_layer_is_taken_once_and_of_our_images_alone() {
        let image = |text: &str| -> ImageRef { text.parse().unwrap() };
        assert_eq!(
            with_build_layer(&image("codemate/python:3.13")),
            Some(image("codemate/python:3.13-build"))
        );
        for other in [
            "codemate/python:3.13-build",
            "codemate/net:1",
            "python:3.13",
        ] {
            assert_eq!(with_build_layer(&image(other)), None, "{other}");
        }
    }
}
