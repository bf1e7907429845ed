//! `down`: stop instances, and remove what they kept if asked.

use clap::Args;

use crate::{
    api::DownRequest,
    cli::{
        context::Context,
        exit::{Failure, Outcome},
        selector::Selector,
    },
    model::Name,
};

#[derive(Debug, Args)]
pub struct DownArgs {
    /// Names, ids or directories (with a `/`, or `.`)
    #[arg(value_name = "NAME|DIR")]
    pub instances: Vec<String>,
    /// Every instance
    #[arg(long, conflicts_with = "instances")]
    pub all: bool,
    /// Also remove what they kept: files the app made, dependencies, caches
    #[arg(long)]
    pub purge: bool,
}

pub async fn run(context: &mut Context, args: DownArgs) -> Outcome {
    if args.all
        && args.purge
        && !context
            .printer
            .confirm("Remove what every instance kept, for good?")?
    {
        return Err(Failure::usage("nothing was removed"));
    }
    let selectors = match (args.all, args.instances.is_empty()) {
        (true, _) => Vec::new(),
        (false, true) => vec![Selector::of(context, None)?],
        (false, false) => args
            .instances
            .iter()
            .map(|instance| Selector::of(context, Some(instance)))
            .collect::<Result<_, _>>()?,
    };
    let request = DownRequest {
        instances: selectors
            .iter()
            .map(|selector| selector.reference.clone())
            .collect(),
        all: args.all,
        purge: args.purge,
    };
    let client = context.client().await?;
    context.printer.busy("stopping");
    let view = client
        .stop(&request)
        .await
        .map_err(|error| match selectors.as_slice() {
            [only] => only.explain(error),
            _ => error.into(),
        })?;
    let names: Vec<&str> = view.stopped.iter().map(Name::as_str).collect();
    context.printer.view(&view, || names.join("\n"))?;
    if names.is_empty() {
        context.printer.note("nothing was running");
    }
    Ok(0)
}
