//! What a start that failed is tried again with: an image with compilers, another version of the
//! interpreter, an installation without its lock file, packages that no manifest names, more memory.

mod any_release;
mod as_of;
mod compiled_packages;
mod directory;
mod error_table;
mod interpreter;
mod lock;
mod memory;
pub(super) mod missing_tool;
mod packages;
mod prisma_client;
mod unbuildable;
mod unpublished;
mod uv_list;
mod variable;

use crate::{
    lifecycle::{
        LifecycleError,
        instance::{
            Instance, UpJob, environment::variables::Variables, prepare::Decision,
            up::PreparedContainer,
        },
    },
    model::{Event, ImageRef, Plan, Size, Urls},
    project::images::{Layer, OwnImage},
    store::{MoreMemory, OtherVersion, ReasonedNames, ReasonedVariable, Remedies},
};
pub(super) use directory::placeholder_files;
pub(in crate::lifecycle) use error_table::{program, removed, taken};
pub(in crate::lifecycle) use interpreter::options_for;
use lock::{unlocked, without_lock};
use missing_tool::{MissingTool, Stage};
use packages::MissingPart;

/// How often a start is tried in all. Each try but the first has something that it lacked.
const ATTEMPTS: usize = 8;

/// Something to try once.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Remedy {
    BuildLayer { image: ImageRef, why: MissingTool },
    Version(OtherVersion),
    WithoutLock { why: String },
    Packages(ReasonedNames),
    Folder(ReasonedNames),
    LeaveOut(ReasonedNames),
    Memory(MoreMemory),
    Directory(ReasonedNames),
    AnyRelease(ReasonedNames),
    Generated { why: String },
    AsOf(ReasonedNames),
    Variable(ReasonedVariable),
}

impl Remedy {
    fn describe(&self) -> String {
        match self {
            Self::BuildLayer { image, why } => format!("{why}: taking {image}"),
            Self::Version(other) => {
                format!("{}: taking version {}", other.because, other.version)
            }
            Self::WithoutLock { why } => format!("{why}: installing without the lock file"),
            Self::Packages(it) => format!("{}: installing {}", it.because, it.names.join(" ")),
            Self::Folder(it) => format!("{}: it looks there too", it.because),
            Self::LeaveOut(it) => format!("{}: installing without it", it.because),
            Self::AnyRelease(it) => format!("{}: taking one that can", it.because),
            Self::Directory(it) => format!("{}: making it inside", it.because),
            Self::Generated { why } => format!("{why}: running `npx prisma generate`"),
            Self::AsOf(it) => format!("{}: installing what there was then", it.because),
            Self::Variable(it) => {
                format!("{}: setting `{}={}`", it.because, it.name, it.value)
            }
            Self::Memory(it) => format!("{}: giving it {}", it.because, Size(it.bytes)),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::BuildLayer { .. } | Self::Version(_) => None,
            Self::WithoutLock { .. } => Some(
                "remove package-lock.json and node_modules and run `npm install` to have it written for every system".to_owned(),
            ),
            Self::Generated { .. } => Some(
                "write `\"postinstall\": \"prisma generate\"` among the scripts of package.json, so that every installation does it".to_owned(),
            ),
            Self::AsOf(_) => Some(
                "pin what `pip freeze` lists, so that it is the same everywhere".to_owned(),
            ),
            Self::Variable(it) => Some(format!(
                "write `{} = \"{}\"` under `[env]` in codemate-preview.toml, so that it has it at once",
                it.name, it.value
            )),
            Self::Packages(it) => Some(format!(
                "write {} in the project's manifest, so that it is there everywhere",
                it.names.join(" and ")
            )),
            Self::Folder(it) => Some(format!(
                "set `PYTHONPATH` to `{}` where else it runs",
                it.names.first().filter(|it| !it.is_empty()).map_or(".", String::as_str)
            )),
            Self::AnyRelease(it) => Some(format!(
                "ask for a release of {} that has wheels for the Python at hand",
                it.names.join(" and ")
            )),
            Self::Directory(it) => Some(format!(
                "put a file such as `.gitkeep` in `{}`, so that it is there everywhere",
                it.names.join("` and `")
            )),
            Self::Memory(it) => Some(format!(
                "write `memory = \"{}\"` under `[limits]` in codemate-preview.toml, so that it has it at once",
                Size(it.bytes).to_string().replace(' ', "")
            )),
            Self::LeaveOut(it) => Some(format!(
                "take {} out of what is installed to run the app",
                it.names.join(" and ")
            )),
        }
    }
}

impl Instance {
    /// Bring it up; where that fails for want of something that can be had, again with it.
    pub(super) async fn bring_up_with_remedies(
        &mut self,
        job: &UpJob,
        mut decision: Decision,
        mut prepared: PreparedContainer,
    ) -> Result<Urls, LifecycleError> {
        let before = self.record.remedies.clone();
        for left in (0..ATTEMPTS).rev() {
            let variables = decision.variables.clone();
            let error = match self.bring_up(&job.cancel, decision, prepared).await {
                Ok(urls) => return Ok(urls),
                Err(error) => self.explained(error).await,
            };
            if left == 0 || !self.find_remedy(&error, &variables).await {
                // What did not help is not kept.
                if matches!(error, LifecycleError::Install { .. }) {
                    self.record.remedies = before;
                } else if memory::ran_out(&error) {
                    self.record.remedies.memory = before.memory;
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
        self.journal.emit(Event::Warning {
            message: remedy.describe(),
            hint: remedy.hint(),
        });
        let remedies = &mut self.record.remedies;
        match remedy {
            Remedy::BuildLayer { why, .. } => remedies.build = Some(why.to_string()),
            Remedy::Version(other) => remedies.version = Some(other),
            Remedy::WithoutLock { why } => remedies.without_lock = Some(why),
            Remedy::Packages(it) => remedies.packages.push(it),
            Remedy::Folder(it) => remedies.folders.push(it),
            Remedy::LeaveOut(it) => remedies.left_out.push(it),
            Remedy::AnyRelease(it) => remedies.any_release.push(it),
            Remedy::Directory(it) => remedies.directories.push(it),
            Remedy::Generated { why } => remedies.generated = Some(why),
            Remedy::AsOf(it) => remedies.as_of = Some(it),
            Remedy::Variable(it) => remedies.variables.push(it),
            Remedy::Memory(it) => remedies.memory = Some(it),
        }
        true
    }

    async fn remedy(&self, error: &LifecycleError, variables: &Variables) -> Option<Remedy> {
        let plan = self.record.plan.as_ref()?;
        if let Some(more) = self.more_memory(error).await {
            return Some(Remedy::Memory(more));
        }
        match error {
            LifecycleError::Install { argv, lines, .. } => {
                if let Some(it) = variable::variable(&self.record, plan, lines) {
                    return Some(Remedy::Variable(it));
                }
                if let Some(other) = self.version_with_wheels(plan, argv, lines, variables).await {
                    return Some(Remedy::Version(other));
                }
                if let Some(layer) = build_layer(plan, lines, Stage::Install) {
                    return Some(layer);
                }
                if let Some(other) = self.version_that_compiles(plan, lines).await {
                    return Some(Remedy::Version(other));
                }
                if let Some(other) = self.version_that_has_it(plan, lines).await {
                    return Some(Remedy::Version(other));
                }
                let without = match self.left_out(plan, lines).await {
                    None => self.unpublished(plan, lines).await,
                    found => found,
                };
                without.map(Remedy::LeaveOut).or_else(|| {
                    any_release::any_release(&self.record, plan, lines).map(Remedy::AnyRelease)
                })
            }
            LifecycleError::AppExited { .. } | LifecycleError::NotReady { .. } => {
                let heard = match error {
                    LifecycleError::AppExited { exit, .. } => &exit.last_lines,
                    // Under a watcher, which stays when the app has ended.
                    LifecycleError::NotReady { last_lines, .. } => last_lines,
                    _ => return None,
                };
                self.remedy_of_app(plan, heard, variables).await
            }
            _ => None,
        }
    }

    /// What an app of the plan's kind takes, in bytes.
    pub(super) async fn memory_of(&self, plan: &Plan) -> u64 {
        if plan.run.memory_bytes.is_none() {
            return 0;
        }
        let Ok(abilities) = self.context.engine.abilities().await else {
            return 0;
        };
        let owner_allows = self.context.settings.policy.most_memory_bytes;
        memory::memory_of_kind(plan, owner_allows, abilities.memory_bytes)
    }

    async fn more_memory(&self, error: &LifecycleError) -> Option<MoreMemory> {
        if !memory::ran_out(error) {
            return None;
        }
        let of_host = self.context.engine.abilities().await.ok()?.memory_bytes;
        let owner_allows = self.context.settings.policy.most_memory_bytes;
        memory::more_memory(&self.record, owner_allows, of_host)
    }

    async fn remedy_of_app(
        &self,
        plan: &Plan,
        lines: &[String],
        variables: &Variables,
    ) -> Option<Remedy> {
        if let Some(it) = variable::variable(&self.record, plan, lines) {
            return Some(Remedy::Variable(it));
        }
        if let Some(unlocked) = without_lock(&self.record, plan, lines) {
            return Some(unlocked);
        }
        if let Some(why) = self.ungenerated(plan, lines).await {
            return Some(Remedy::Generated { why });
        }
        match self.lacks(plan, lines).await {
            Some(MissingPart::Packages(it)) => return Some(Remedy::Packages(it)),
            Some(MissingPart::Folder(it)) => return Some(Remedy::Folder(it)),
            None => {}
        }
        if let Some(it) = self.directory(plan, lines).await {
            return Some(Remedy::Directory(it));
        }
        if let Some(other) = self.version_that_has_it(plan, lines).await {
            return Some(Remedy::Version(other));
        }
        if let Some(layer) = build_layer(plan, lines, Stage::Start) {
            return Some(layer);
        }
        let day = self.as_of(plan, lines, variables).await;
        day.map(Remedy::AsOf)
    }
}

impl Instance {
    /// Take compilers from the first start on, where they are at hand and a package needs them that
    /// is compiled whenever its finished file cannot be fetched.
    pub(super) async fn take_compilers(
        &mut self,
        decision: &mut Decision,
    ) -> Result<(), LifecycleError> {
        let is_first = decision.anew || self.record.generation == 0;
        let plan = &mut decision.plan;
        let Some(image) = with_build_layer(&plan.image).filter(|_| is_first) else {
            return Ok(());
        };
        let directory = self.record.source.directory();
        let Some(why) = compiled_packages::compiled(directory, plan).await else {
            return Ok(());
        };
        if self.context.images.current(&image).await?.is_some() {
            plan.image = image;
            self.record.remedies.build = Some(why);
        }
        Ok(())
    }
}

/// Only images of ours have one; another's are as their owner made them.
fn build_layer(plan: &Plan, lines: &[String], stage: Stage) -> Option<Remedy> {
    let image = with_build_layer(&plan.image)?;
    let why = MissingTool::from(lines, stage)?;
    Some(Remedy::BuildLayer { image, why })
}

/// Whether an installation that lacks a compiler can be tried again where there is one.
pub(super) fn may_build(plan: &Plan) -> bool {
    with_build_layer(&plan.image).is_some()
}

fn with_build_layer(image: &ImageRef) -> Option<ImageRef> {
    let ours = OwnImage::of(image).filter(|ours| ours.layer == Layer::Slim)?;
    let build = ours.with(Layer::Build);
    build.has_build_layer().then(|| build.tag())
}

/// A plan with what was found to be needed.
pub(super) fn apply(remedies: &Remedies, plan: &mut Plan) {
    if remedies.build.is_some()
        && let Some(image) = with_build_layer(&plan.image)
    {
        plan.image = image;
    }
    unbuildable::apply(&remedies.left_out, plan);
    any_release::apply(&remedies.any_release, plan);
    unpublished::apply(&remedies.left_out, plan);
    packages::apply(&remedies.packages, plan);
    packages::add_search_paths(&remedies.folders, plan);
    prisma_client::apply(remedies.generated.as_ref(), plan);
    variable::apply(&remedies.variables, plan);
    if remedies.without_lock.is_some()
        && let Some(install) = plan.install.as_ref().and_then(unlocked)
    {
        plan.install = Some(install);
    }
    as_of::apply(remedies.as_of.as_ref(), plan);
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
