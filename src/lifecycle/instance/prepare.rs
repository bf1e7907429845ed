//! What `up` decides before it touches anything: plan, limits, image, approval.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio_util::sync::CancellationToken;

use super::{Instance, UpJob, environment::variables::Variables, events::step::Step};
use crate::{
    lifecycle::{
        Images, LifecycleError, Manager, host::registry::RegistryWatch, off_thread::off_thread,
        remedy,
    },
    model::{
        BadSize, ContainerSpec, DetectReport, Event, ImageInfo, ImageRef, Limits, Note, Options,
        Plan, Sandbox, Size,
    },
    project::{self, FileFilter, LocalTree, Templates, images::Registry},
    security::{Abilities, Approved, LimitRequest, limits},
    source::{LocalSource, Names, Selection, SourceError},
    store::{Record, Remedies, SourceRecord},
};

/// What `up` decided before it touched anything.
pub(in crate::lifecycle) struct Decision {
    pub plan: Plan,
    pub options: Options,
    /// See [`UpJob::env_flags`].
    pub env_flags: BTreeSet<String>,
    pub variables: Variables,
    pub limits: Limits,
    /// Whether nothing that is installed is to be kept.
    pub anew: bool,
}

impl Instance {
    pub(in crate::lifecycle) async fn decide(
        &self,
        job: &UpJob,
    ) -> Result<Decision, LifecycleError> {
        let directory = PathBuf::from(self.record.source.directory());
        let config_dir = self.context.settings.config_dir.clone();
        let options = self.options_of(&job.options)?;
        let variables = self.variables_for(&options, &job.env_flags).await?;
        // The app's port may be told it in its environment.
        let told = Options {
            env: variables.all().clone(),
            ..options.clone()
        };
        let with = async |told| {
            let (directory, config_dir) = (directory.clone(), config_dir.clone());
            detect(directory, told, config_dir, &self.context.images.registry).await
        };
        let mut report = with(told.clone()).await?;
        let remedies = &self.record.remedies;
        if let Some(told) = remedy::options_for(remedies, &report.plan, &told) {
            report = with(told).await?;
        }
        remedy::apply(remedies, &mut report.plan);
        report.version.clone_from(&report.plan.version);
        let plan = report.plan.clone();
        let variables = self.with_project_env(variables, &plan).await;
        let notes = report.notes.clone();
        self.journal.emit(Event::Detect(Box::new(report)));
        for Note { message, hint } in notes {
            self.journal.emit(Event::Warning { message, hint });
        }
        // Of the plan: a project's own files and templates name images too.
        if self.record.owner.is_some() && !Images::is_base(&plan.image) {
            self.context.settings.owners.image(&plan.image)?;
        }
        Ok(Decision {
            limits: limits_with(remedies, &options, self.memory_of(&plan).await)?,
            options,
            env_flags: job.env_flags.clone(),
            variables,
            plan,
            anew: job.rebuild,
        })
    }

    pub(in crate::lifecycle) async fn image(
        &self,
        plan: &Plan,
        cancel: &CancellationToken,
    ) -> Result<ImageInfo, LifecycleError> {
        for needed in self.context.engine_images() {
            self.have_image(&needed, cancel).await?;
            self.context.images.record_use(&needed).await;
        }
        let image = self.have_image(&plan.image, cancel).await?;
        self.context.images.record_use(&plan.image).await;
        Ok(image)
    }

    async fn have_image(
        &self,
        image: &ImageRef,
        cancel: &CancellationToken,
    ) -> Result<ImageInfo, LifecycleError> {
        if let Some(here) = self.context.images.current(image).await? {
            return Ok(here);
        }
        let step = Step::start(
            &self.journal,
            "image",
            if Images::is_base(image) {
                format!("making {image}, once")
            } else {
                format!("fetching {image}")
            },
        );
        let made = self
            .unless_cancelled(
                cancel,
                self.context
                    .images
                    .ensure(image, &|progress| step.progress(progress)),
            )
            .await;
        step.end(made)
    }

    pub(in crate::lifecycle) fn prepare(
        &self,
        decision: &Decision,
        image: &ImageInfo,
        engine: &Abilities,
    ) -> Result<(Approved<ContainerSpec>, Arc<LocalSource>), LifecycleError> {
        let plan = &decision.plan;
        let source = open_source(&self.record, plan)?;
        let policy = &self.context.settings.policy;
        let mut spec = spec_of(&self.record, decision, image);
        // One that says nothing gets what there is.
        spec.sandbox.egress = policy.egress(decision.options.network.egress.as_ref())?;
        let spec = policy.approve(spec, engine)?;
        Ok((spec, Arc::new(source)))
    }
}

impl Manager {
    pub async fn detect(
        &self,
        source: &SourceRecord,
        options: Options,
    ) -> Result<DetectReport, LifecycleError> {
        let directory = PathBuf::from(source.directory());
        let config_dir = self.context.settings.config_dir.clone();
        detect(
            directory,
            options,
            config_dir,
            &self.context.images.registry,
        )
        .await
    }
}

/// What of an instance's directory is wanted. Names that only other systems forbid are taken of a
/// directory that this host's user has; not of rows, nor of what another caller names.
pub(in crate::lifecycle) fn open_source(
    record: &Record,
    plan: &Plan,
) -> Result<LocalSource, SourceError> {
    let is_here = matches!(record.source, SourceRecord::Local { .. }) && record.owner.is_none();
    let selection = Selection {
        ignore: plan.ignore.clone(),
        include: plan.include.clone(),
        app_root: plan.root.clone(),
        names: if is_here {
            Names::Here
        } else {
            Names::Everywhere
        },
    };
    LocalSource::select(PathBuf::from(record.source.directory()), selection)
}

/// The files that detection may look at: those that will be there.
fn tree(directory: &Path, selection: Selection) -> Result<LocalTree, LifecycleError> {
    let source = LocalSource::select(directory.to_owned(), selection)?;
    let filter = move |path: &str, is_dir: bool| source.takes(path, is_dir);
    let filter: Arc<FileFilter> = Arc::new(filter);
    Ok(LocalTree::open_where(directory, &filter)?)
}

/// What an instance's container is asked to be.
pub(in crate::lifecycle) fn spec_of(
    record: &Record,
    decision: &Decision,
    image: &ImageInfo,
) -> ContainerSpec {
    let plan = &decision.plan;
    let mut env = plan.env.clone();
    let searched = image.env.iter().find_map(|pair| pair.strip_prefix("PATH="));
    env.insert(
        "PATH".to_owned(),
        project::search_path(&plan.root, searched),
    );
    ContainerSpec {
        id: record.id.clone(),
        name: record.name.clone(),
        generation: record.generation + 1,
        image: plan.image.clone(),
        env,
        limits: decision.limits,
        sandbox: sandbox_of(&decision.options),
        home_volume: record.home_volume.clone(),
    }
}

/// Recognise the project in a directory. Whether a registry answers is asked only if the image
/// depends on it.
pub(in crate::lifecycle) async fn detect(
    directory: PathBuf,
    options: Options,
    config_dir: PathBuf,
    registry: &RegistryWatch,
) -> Result<DetectReport, LifecycleError> {
    let with = async |registry| {
        let (directory, options) = (directory.clone(), options.clone());
        let config_dir = config_dir.clone();
        // Off the runtime's threads, for it reads files.
        off_thread(move || {
            let selection = Selection {
                ignore: options.sync.ignore.clone().unwrap_or_default(),
                include: options.sync.include.clone().unwrap_or_default(),
                app_root: options.root.clone().unwrap_or_default(),
                names: Names::Here,
            };
            let tree = tree(&directory, selection)?;
            let templates = Templates::embedded().with_user_dirs(&directory, &config_dir)?;
            Ok(project::detect_where(
                &tree, &templates, &options, registry,
            )?)
        })
        .await
    };
    if let Some(known) = registry.remembered().await {
        return with(known).await;
    }
    let (without, there) = (with(Registry::Silent).await, with(Registry::Answers).await);
    let image = |report: &Result<DetectReport, LifecycleError>| {
        report.as_ref().ok().map(|report| report.plan.image.clone())
    };
    if image(&without) == image(&there) || registry.check().await? == Registry::Silent {
        return without;
    }
    there
}

pub(in crate::lifecycle) async fn install_key(
    plan: &Arc<Plan>,
    root: &Path,
    image_id: &str,
) -> Result<String, LifecycleError> {
    let (plan, root, image_id) = (plan.clone(), root.to_owned(), image_id.to_owned());
    off_thread(move || {
        let selection = Selection {
            ignore: plan.ignore.clone(),
            include: plan.include.clone(),
            app_root: plan.root.clone(),
            names: Names::Here,
        };
        let tree = tree(&root, selection)?;
        Ok(project::install_key(&plan, &tree, &image_id))
    })
    .await
}

/// What nobody asked for is as much as such an app takes, or as was found to be needed.
fn limits_with(
    remedies: &Remedies,
    options: &Options,
    of_kind: u64,
) -> Result<Limits, LifecycleError> {
    let mut limits = limits_of(options)?;
    if options.limits.memory.is_none() {
        let more = remedies.memory.as_ref().map_or(0, |it| it.bytes);
        limits.memory_bytes = limits.memory_bytes.max(more).max(of_kind);
    }
    Ok(limits)
}

pub(in crate::lifecycle) fn limits_of(options: &Options) -> Result<Limits, LifecycleError> {
    let size = |key, asked: &Option<String>| match asked {
        None => Ok(None),
        Some(text) => match text.parse() {
            Ok(Size(bytes)) => Ok(Some(bytes)),
            Err(BadSize) => Err(LifecycleError::BadOption {
                key,
                value: text.clone(),
                expected: "size, such as `512MiB`",
            }),
        },
    };
    Ok(limits(LimitRequest {
        cpus: options.limits.cpus,
        memory_bytes: size("limits.memory", &options.limits.memory)?,
        disk_bytes: size("limits.disk", &options.limits.disk)?,
    }))
}

fn sandbox_of(options: &Options) -> Sandbox {
    Sandbox {
        root: options.sandbox.root.unwrap_or_default(),
        runtime: options.sandbox.runtime.clone(),
        egress: options.network.egress.clone().unwrap_or_default(),
    }
}
