//! `up`: ask the agent to run a project, show how it goes, print the URL.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use super::attach;
use crate::{
    api::{SourceRef, UpRequest},
    cli::{
        args::tunnel_choices,
        context::Context,
        event_stream,
        exit::{Failure, Outcome},
        signal::Signals,
        variables::{Variable, env_file, variables},
    },
    client::{Client, ResponseLine},
    config::{Combine, ConfigError, env_options, flag_options, project_options, renamed},
    model::{
        Code, Egress, Event, InstanceId, Lifetime, LimitOptions, Options, TunnelChoice, UpOutcome,
    },
};

#[derive(Debug, Args)]
pub struct UpArgs {
    /// The project's directory
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dir: Option<PathBuf>,
    /// Take the files from a Supabase table: the rows of this project
    #[arg(long, value_name = "ID", conflicts_with = "dir")]
    pub project: Option<String>,
    /// Stay and show what the app writes; Ctrl-C stops what this command started
    #[arg(long)]
    pub attach: bool,
    /// Start over: fresh files, fresh installation
    #[arg(long)]
    pub rebuild: bool,
    #[command(flatten)]
    pub plan: PlanArgs,
    /// How the world reaches it: a kind of tunnel, or `none`
    #[arg(long, value_name = "KIND", value_parser = tunnel_choices())]
    pub tunnel: Option<TunnelChoice>,
    #[command(flatten)]
    pub access: AccessArgs,
    /// The only status that counts as ready, or a range such as `200-399`: anything else is a
    /// failure
    #[arg(long, value_name = "STATUS")]
    pub ready_status: Option<String>,
    /// Show the URL as a QR code too
    #[arg(long)]
    pub qr: bool,
    /// How many cores it may use, such as `1.5`
    #[arg(long, value_name = "CORES", value_parser = cores)]
    pub cpus: Option<f64>,
    /// How much memory it may use, such as `512MiB`
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<String>,
    /// What it may connect to: `open` for the internet, `none`, or hosts and presets such as `pypi`
    #[arg(long, value_name = "open|none|NAME,NAME")]
    pub egress: Option<Egress>,
    /// How much its files, dependencies and caches may hold, such as `4GiB`. They are counted
    /// every 1 to 10 s, more often the nearer the limit is, and it is stopped when they are past
    /// it: for as long it can write beyond it
    #[arg(long, value_name = "SIZE")]
    pub disk: Option<String>,
    /// Set a variable of the app's environment
    #[arg(long = "env", short = 'e', value_name = "KEY=VALUE")]
    pub env: Vec<Variable>,
    /// Read variables of the app's environment from a file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub env_file: Vec<PathBuf>,
}

/// Who may visit it from outside. Only the user's word: nothing of the project's says so.
#[derive(Debug, Args)]
pub struct AccessArgs {
    /// Let everyone who knows the public URL visit it, not only who has a link
    #[arg(long, conflicts_with = "private")]
    pub public: bool,
    /// Let only who has a link visit it, whatever the settings say
    #[arg(long)]
    pub private: bool,
    /// How long the link is good for, or how long it is public, such as `2h` or `never`
    #[arg(long, value_name = "DURATION")]
    pub expires: Option<Lifetime>,
    /// Let visitors ask for this port too, at `<port>--<public host>`; give it once for each port
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub expose: Vec<u16>,
}

impl AccessArgs {
    fn public(&self) -> Option<bool> {
        (self.public || self.private).then_some(self.public)
    }
}

/// What decides how a project is recognised.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Take this template without looking at the others
    #[arg(long)]
    pub template: Option<String>,
    /// Run in this image in place of the template's
    #[arg(long)]
    pub image: Option<String>,
    /// The port the app listens on; found by itself when not given
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Answer a question of the template, such as `entry=main:app`
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    pub set: Vec<(String, String)>,
    /// A setting as codemate-preview.toml has it, such as `version = "3.11"`, over what that says
    #[arg(long, value_name = "KEY=VALUE")]
    pub config: Vec<String>,
}

impl PlanArgs {
    pub fn options(&self) -> Result<Options, ConfigError> {
        let own = Options {
            template: self.template.clone(),
            image: self.image.clone(),
            port: self.port,
            set: self.set.iter().cloned().collect(),
            ..Options::default()
        };
        self.config.iter().try_fold(
            own,
            |options, text| Ok(flag_options(text)?.combine(options)),
        )
    }
}

/// An `up` that has come to its result.
pub struct Started {
    pub client: Client,
    pub result: ResponseLine,
    pub id: String,
}

pub async fn run(context: &mut Context, args: UpArgs) -> Outcome {
    let mut signals = Signals::take()?;
    let limit = context.global.timeout;
    let started = signals
        .guard(limit, start(context, &args))
        .await
        .map_err(cancelled)?;
    let succeeded = matches!(
        started.result.envelope.event,
        Event::Result(UpOutcome::Success { .. })
    );
    if args.qr {
        event_stream::show_qr(&started.result, &mut context.printer);
    }
    if args.attach && succeeded {
        attach::run(context, started, &mut signals).await
    } else {
        event_stream::conclude(&started.result, &mut context.printer)
    }
}

async fn start(context: &mut Context, args: &UpArgs) -> Result<Started, Failure> {
    let (source, id, options) = files(context, args)?;
    let mut request = UpRequest {
        source,
        label: context.global.name.clone(),
        options,
        env_flags: variables(args.env.clone())?.into_keys().collect(),
        rebuild: args.rebuild,
        public: args.access.public(),
        expires: args.access.expires,
        expose: args.access.expose.iter().copied().collect(),
        credentials: context.credentials(),
    };
    context.printer.busy("starting");
    let client = context.client_of_here().await?;
    loop {
        let mut lines = client.start(&request).await?;
        let result = event_stream::to_result(&mut lines, &mut context.printer).await?;
        if let Some(template) = chosen(context, &result) {
            request.options.template = Some(template);
            continue;
        }
        let id = id.to_string();
        return Ok(Started { client, result, id });
    }
}

/// Where the files come from, which instance that is, and what is said of it.
fn files(
    context: &mut Context,
    args: &UpArgs,
) -> Result<(SourceRef, InstanceId, Options), Failure> {
    let flags = flags(context, args)?;
    if let Some(note) = renamed(&context.env).filter(|_| flags.port.is_none()) {
        context.printer.warn(note);
    }
    let label = context.global.name.as_ref();
    if let Some(project) = &args.project {
        let source = SourceRef::Supabase {
            project: project.clone(),
        };
        let options = flags.combine(env_options(&context.env)?);
        return Ok((source, InstanceId::of_project(project, label), options));
    }
    let directory = match &args.dir {
        Some(dir) => context.resolve(dir)?,
        None => context.directory()?,
    };
    let source = SourceRef::Local {
        directory: utf8(&directory)?,
    };
    let options = flags.combine(project_options(&directory, &context.env)?);
    let id = InstanceId::of_directory(&directory, label);
    Ok((source, id, options))
}

/// The template a person takes where detection could not decide. Each that could be taken comes
/// as a command to try.
fn chosen(context: &mut Context, result: &ResponseLine) -> Option<String> {
    let Event::Result(UpOutcome::Failure { problem, .. }) = &result.envelope.event else {
        return None;
    };
    if problem.code != Code::Detect {
        return None;
    }
    let template = |argv: &[String]| {
        argv.iter()
            .skip_while(|arg| *arg != "--template")
            .nth(1)
            .cloned()
    };
    let templates: Vec<String> = problem
        .next
        .iter()
        .filter_map(|step| template(&step.argv))
        .collect();
    if templates.len() < 2 {
        return None;
    }
    let at = context.printer.choose(&problem.message, &templates)?;
    templates.into_iter().nth(at)
}

fn flags(context: &mut Context, args: &UpArgs) -> Result<Options, Failure> {
    let mut flags = args.plan.options()?;
    flags.tunnel = args.tunnel;
    flags.ready.status.clone_from(&args.ready_status);
    flags.limits = LimitOptions {
        cpus: args.cpus,
        memory: args.memory.clone(),
        disk: args.disk.clone(),
    };
    flags.network.egress.clone_from(&args.egress);
    for file in &args.env_file {
        flags.env.extend(env_file(context, file)?);
    }
    flags.env.extend(variables(args.env.clone())?);
    Ok(flags)
}

pub fn utf8(directory: &Path) -> Result<String, Failure> {
    directory.to_str().map(str::to_owned).ok_or_else(|| {
        Failure::usage(format!(
            "the path `{}` is not valid UTF-8",
            directory.display()
        ))
    })
}

fn cancelled(failure: Failure) -> Failure {
    match failure {
        Failure::Problem { problem, exit }
            if matches!(
                problem.code,
                Code::Interrupted | Code::Terminated | Code::TimedOut
            ) && problem.hint.is_none() =>
        {
            let hint = "what this command started is being cancelled";
            Failure::Problem {
                problem: problem.hint(hint),
                exit,
            }
        }
        other => other,
    }
}

fn cores(text: &str) -> Result<f64, &'static str> {
    match text.parse::<f64>() {
        Ok(cores) if cores.is_finite() && cores > 0.0 => Ok(cores),
        _ => Err("expected a number above 0, such as `1.5`"),
    }
}

pub fn pair(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected `KEY=VALUE`"),
    }
}
