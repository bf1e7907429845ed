//! `detect`: what a project is recognised as, why, and what it is not.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::{
    api::{DetectRequest, SourceRef},
    cli::{
        args::Format,
        commands::preview::up::{PlanArgs, utf8},
        context::Context,
        exit::{Failure, Outcome},
        output::{table, text},
    },
    config::{Combine, project_options},
    model::{Candidate, DetectReport, Plan, VersionChoice},
};

#[derive(Debug, Args)]
pub struct DetectArgs {
    /// The project's directory
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dir: Option<PathBuf>,
    #[command(flatten)]
    pub plan: PlanArgs,
}

pub async fn run(context: &mut Context, args: DetectArgs) -> Outcome {
    let directory = match &args.dir {
        Some(dir) => context.resolve(dir)?,
        None => context.directory()?,
    };
    let request = DetectRequest {
        source: SourceRef::Local {
            directory: utf8(&directory)?,
        },
        options: args
            .plan
            .options()?
            .combine(project_options(&directory, &context.env)?),
    };
    let report = match context.client().await?.detect(&request).await {
        Ok(report) => report,
        Err(error) => {
            let failure = Failure::from(error);
            if let Failure::Problem { problem, .. } = &failure
                && !problem.candidates.is_empty()
                && context.printer.format() == Format::Text
            {
                let table = rejected(&problem.candidates);
                context.printer.text(&text::harmless(&table))?;
            }
            return Err(failure);
        }
    };
    context
        .printer
        .view(&report, || text::harmless(&render(&report)))?;
    Ok(0)
}

fn render(report: &DetectReport) -> String {
    let mut parts = vec![table::pairs(plan(&report.plan, report.version.as_ref()))];
    let taken = report
        .candidates
        .iter()
        .find(|candidate| candidate.rejected.is_none());
    if let Some(taken) = taken.filter(|taken| !taken.evidence.is_empty()) {
        let rows = taken
            .evidence
            .iter()
            .map(|found| [found.score.to_string(), found.what.clone()]);
        parts.push(table::columns(["SCORE", "EVIDENCE"], rows));
    }
    for note in &report.notes {
        let hint = note.hint.iter().map(|hint| format!("\nhint: {hint}"));
        parts.push(format!(
            "warning: {}{}",
            note.message,
            hint.collect::<String>()
        ));
    }
    if report.candidates.iter().any(|it| it.rejected.is_some()) {
        parts.push(rejected(&report.candidates));
    }
    parts.join("\n\n")
}

/// Those that were not taken, and why.
fn rejected(candidates: &[Candidate]) -> String {
    let rows = candidates.iter().filter_map(|other| {
        let why = other.rejected.clone()?;
        Some([other.template.clone(), other.score.to_string(), why])
    });
    table::columns(["NOT TAKEN", "SCORE", "WHY"], rows)
}

fn plan(plan: &Plan, version: Option<&VersionChoice>) -> Vec<(&'static str, String)> {
    let mut rows = vec![
        ("template", format!("{} ({})", plan.template, plan.title)),
        ("image", plan.image.to_string()),
    ];
    if !plan.root.is_empty() {
        rows.push(("directory", plan.root.clone()));
    }
    rows.extend(version.map(|choice| ("version", version_of(choice))));
    let installs = plan.install.iter().flat_map(|install| &install.commands);
    rows.extend(installs.map(|command| ("install", text::command_line(command))));
    rows.push(("run", text::command_line(&plan.run.argv)));
    rows.push(("port", plan.run.port.to_string()));
    let how = plan
        .ready
        .status
        .map(|(low, high)| format!(" {low}-{high}"));
    let how = how.unwrap_or_default();
    rows.push(("ready", format!("{} answers{how}", plan.ready.path)));
    rows
}

fn version_of(choice: &VersionChoice) -> String {
    match (&choice.asked, &choice.from) {
        (Some(asked), Some(from)) => format!("{} ({from} asks for {asked})", choice.version),
        _ => match &choice.because {
            Some(why) => format!("{} ({why})", choice.version),
            None => format!("{} (the default)", choice.version),
        },
    }
}
