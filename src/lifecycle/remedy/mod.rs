//! What a start that failed is tried again with: an image with compilers, another version of the
//! interpreter, an installation without its lock file, packages that no manifest names.

mod left_out;
mod lock;
mod packages;
mod table;
mod version;

use super::{
    LifecycleError,
    instance::{Instance, UpJob},
    missing::{Missing, Stage},
    prepare::Decision,
    up::Prepared,
    variables::Variables,
};
use crate::{
    model::{Event, ImageRef, Plan, Urls},
    project::images::{Layer, Ours},
    store::{OtherVersion, ReasonedNames, Remedies},
};
use lock::{unlocked, without_lock};
use packages::MissingPart;
pub(in crate::lifecycle) use table::{program, removed, taken};
pub(in crate::lifecycle) use version::options_for;

/// How often a start is tried in all. Each try but the first has something that it lacked.
const ATTEMPTS: usize = 8;

/// Something to try once.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Remedy {
    BuildLayer { image: ImageRef, why: Missing },
    Version(OtherVersion),
    WithoutLock { why: String },
    Packages(ReasonedNames),
    Folder(ReasonedNames),
    LeaveOut(ReasonedNames),
}

impl Remedy {
    fn told(&self) -> String {
        match self {
            Self::BuildLayer { image, why } => format!("{why}: taking {image}"),
            Self::Version(other) => {
                format!("{}: taking version {}", other.because, other.version)
            }
            Self::WithoutLock { why } => format!("{why}: installing without the lock file"),
            Self::Packages(it) => format!("{}: installing {}", it.because, it.names.join(" ")),
            Self::Folder(it) => format!("{}: it looks there too", it.because),
            Self::LeaveOut(it) => format!("{}: installing without it", it.because),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::BuildLayer { .. } | Self::Version(_) => None,
            Self::WithoutLock { .. } => Some(
                "remove package-lock.json and node_modules and run `npm install` to have it written for every system".to_owned(),
            ),
            Self::Packages(it) => Some(format!(
                "write {} in the project's manifest, so that it is there everywhere",
                it.names.join(" and ")
            )),
            Self::Folder(it) => Some(format!(
                "set `PYTHONPATH` to `{}` where else it runs",
                it.names.first().filter(|it| !it.is_empty()).map_or(".", String::as_str)
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
                if let Some(layer) = build_layer(plan, lines, Stage::Install) {
                    return Some(layer);
                }
                if let Some(other) = self.version_that_compiles(plan, lines).await {
                    return Some(Remedy::Version(other));
                }
                self.left_out(plan, lines).await.map(Remedy::LeaveOut)
            }
            LifecycleError::AppExited { .. } | LifecycleError::NotReady { .. } => {
                let heard = match error {
                    LifecycleError::AppExited { exit, .. } => &exit.last_lines,
                    // Under a watcher, which stays when the app has ended.
                    LifecycleError::NotReady { last_lines, .. } => last_lines,
                    _ => return None,
                };
                self.remedy_of_app(plan, heard).await
            }
            _ => None,
        }
    }

    async fn remedy_of_app(&self, plan: &Plan, lines: &[String]) -> Option<Remedy> {
        if let Some(unlocked) = without_lock(&self.record, plan, lines) {
            return Some(unlocked);
        }
        match self.lacks(plan, lines).await {
            Some(MissingPart::Packages(it)) => return Some(Remedy::Packages(it)),
            Some(MissingPart::Folder(it)) => return Some(Remedy::Folder(it)),
            None => {}
        }
        if let Some(other) = self.version_that_has_it(plan, lines).await {
            return Some(Remedy::Version(other));
        }
        build_layer(plan, lines, Stage::Start)
    }
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

/// A plan with what was found to be needed.
pub(super) fn laid_over(remedies: &Remedies, plan: &mut Plan) {
    if remedies.build.is_some()
        && let Some(image) = with_build_layer(&plan.image)
    {
        plan.image = image;
    }
    left_out::laid_over(&remedies.left_out, plan);
    packages::laid_over(&remedies.packages, plan);
    packages::looked_into(&remedies.folders, plan);
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
