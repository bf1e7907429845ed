//! `sync`: how far the files of an instance are behind the table they come from, or what of its
//! directory does not get in.

use clap::Args;
use jiff::Timestamp;

use crate::{
    api::{LeftOutView, SyncView},
    cli::{
        args::Selected,
        context::Context,
        exit::Outcome,
        output::{table, text},
        selector::Selector,
    },
};

#[derive(Debug, Args)]
pub struct SyncArgs {
    #[command(flatten)]
    selected: Selected,
    /// Show what of a directory is left out and why, or of a table its cursor, lag and last full
    /// check; files are kept in step by themselves
    #[arg(long, required = true)]
    status: bool,
}

pub async fn run(context: &mut Context, args: SyncArgs) -> Outcome {
    let selector = Selector::of(context, args.selected.instance.as_deref())?;
    let client = context.client().await?;
    let view = client
        .sync_status(&selector.reference)
        .await
        .map_err(|error| selector.explain(error))?;
    context.printer.view(&view, || {
        if view.is_directory {
            of_directory(&view)
        } else {
            table::pairs(rows(&view))
        }
    })?;
    if !view.left_out.is_empty() {
        context.printer.note(
            "`[sync] include` in codemate-preview.toml takes what ignore files name; a second `up` applies it",
        );
    }
    Ok(0)
}

fn of_directory(view: &SyncView) -> String {
    let files = table::pairs([("files", view.files.to_string())]);
    if view.left_out.is_empty() {
        return files;
    }
    let more = view
        .has_more
        .then(|| ["…".to_owned(), "there is more".to_owned()]);
    let row = |it: &LeftOutView| [text::harmless(&it.path), text::harmless(&it.why)];
    let rows = view.left_out.iter().map(row).chain(more);
    format!("{files}\n\n{}", table::columns(["LEFT OUT", "WHY"], rows))
}

fn rows(view: &SyncView) -> Vec<(&'static str, String)> {
    let now = Timestamp::now();
    let ago = |at: Option<Timestamp>| {
        at.map_or_else(
            || "never".to_owned(),
            |at| format!("{} ago", text::age(at, now)),
        )
    };
    let mut rows = vec![
        ("files", view.files.to_string()),
        (
            "told by",
            if view.is_live { "Realtime" } else { "polling" }.to_owned(),
        ),
        ("last look", ago(view.last_look)),
        ("full check", ago(view.last_full_check)),
        ("last change", ago(view.last_change)),
    ];
    rows.extend(view.cursor.map(|cursor| ("cursor", cursor.to_string())));
    rows.extend(view.lag_ms.map(|lag| ("lag", text::took(lag))));
    rows.extend(view.problem.as_ref().map(|problem| {
        let failures = view.failures;
        let message = text::harmless(&problem.message);
        ("problem", format!("{message} ({failures} looks failed)"))
    }));
    let refused = view.refused.iter();
    rows.extend(refused.map(|refused| ("left out", text::harmless(refused))));
    rows
}
