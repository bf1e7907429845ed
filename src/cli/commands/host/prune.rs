//! `prune`: remove what no instance needs any more.

use clap::Args;

use crate::{
    api::{PruneRequest, WasteItem, WasteKind, WasteView},
    cli::{
        context::Context,
        exit::{Failure, Outcome},
        output::{table, text},
    },
    model::Size,
};

#[derive(Debug, Args)]
pub struct PruneArgs {
    /// Base images that no instance uses, too
    #[arg(long)]
    all: bool,
    /// Show what would go, and remove nothing; with `--all`, base images in use are shown too
    #[arg(long)]
    dry_run: bool,
}

pub async fn run(context: &mut Context, args: PruneArgs) -> Outcome {
    let client = context.client_of_here().await?;
    let request = PruneRequest {
        remove: false,
        all: args.all,
    };
    context.printer.busy("looking");
    let mut view = client.prune(&request).await?;
    if !args.dry_run {
        let homes = view
            .items
            .iter()
            .filter(|item| item.kind == WasteKind::Home);
        let homes: Vec<&str> = homes.map(|item| item.name.as_str()).collect();
        let question = format!(
            "Remove what these kept, for good? They belong to no instance any more: {}.",
            homes.join(", ")
        );
        if !homes.is_empty() && !context.printer.confirm(&question)? {
            return Err(Failure::usage("nothing was removed"));
        }
        let request = PruneRequest {
            remove: true,
            ..request
        };
        view = client.prune(&request).await?;
    }
    context.printer.view(&view, || render(&view))?;
    let size = Size(view.bytes);
    context
        .printer
        .note(&match (view.items.is_empty(), view.removed) {
            (true, _) => "there is nothing to remove".to_owned(),
            (false, true) => format!("{size} freed"),
            (false, false) => format!("{size} can be freed"),
        });
    Ok(0)
}

fn render(view: &WasteView) -> String {
    if view.items.is_empty() {
        return String::new();
    }
    let row = |item: &WasteItem| {
        let kind = item.kind.as_str().to_owned();
        [
            kind,
            text::harmless(&item.name),
            Size(item.bytes).to_string(),
        ]
    };
    table::columns(["KIND", "NAME", "SIZE"], view.items.iter().map(row))
}
