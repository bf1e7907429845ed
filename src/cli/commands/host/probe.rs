//! `doctor --probe`: the sandbox tried out on this very host, as a table.

use crate::{
    api::ProbeView,
    cli::{
        context::Context,
        exit::Outcome,
        output::{table, text},
    },
    model::{Code, ProbeRow, ProbeVerdict},
};

pub async fn run(context: &mut Context) -> Outcome {
    context.printer.busy("trying to get out of a preview");
    let view = context.client().await?.probe().await?;
    let open = view
        .rows
        .iter()
        .filter(|row| row.verdict == ProbeVerdict::Open)
        .count();
    let rendered = || render(&view, open);
    if open > 0 {
        return context
            .printer
            .bad_view(&view, Code::Policy.exit_code(), rendered);
    }
    context.printer.view(&view, rendered)?;
    Ok(0)
}

/// What is open comes last, where it is seen.
fn render(view: &ProbeView, open: usize) -> String {
    let mut rendered: Vec<&ProbeRow> = view.rows.iter().collect();
    rendered.sort_by_key(|row| row.verdict == ProbeVerdict::Open);
    let rows = table::columns(
        ["AREA", "TRIED", "RESULT", "VERDICT"],
        rendered.into_iter().map(|row| {
            let verdict = match row.verdict {
                ProbeVerdict::Held => "held",
                ProbeVerdict::Open => "OPEN",
            };
            [
                text::harmless(&row.area),
                text::harmless(&row.tried),
                text::harmless(&row.result),
                verdict.to_owned(),
            ]
        }),
    );
    let tried = view.rows.len();
    let took = text::took(view.ms);
    match open {
        0 => format!("{rows}\n\nall {tried} held, in {took}"),
        _ => format!("{rows}\n\n{open} of {tried} open, in {took}"),
    }
}
