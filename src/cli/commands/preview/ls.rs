//! `ls`: every instance, where it is and since when.

use jiff::Timestamp;

use crate::{
    api::{InstanceView, SourceRef},
    cli::{
        context::Context,
        exit::Outcome,
        output::{table, text},
    },
    model::Urls,
};

pub async fn run(context: &mut Context) -> Outcome {
    let view = context.client().await?.instances().await?;
    let now = Timestamp::now();
    context.printer.view(&view, || {
        if view.instances.is_empty() {
            return String::new();
        }
        let rows = view.instances.iter().map(|instance| row(instance, now));
        table::columns(["NAME", "PHASE", "FOR", "URL", "SOURCE"], rows)
    })?;
    if view.instances.is_empty() {
        context
            .printer
            .note("nothing runs; `codemate-preview up` starts the project in a directory");
    }
    Ok(0)
}

fn row(instance: &InstanceView, now: Timestamp) -> [String; 5] {
    [
        instance.name.to_string(),
        instance.phase.kind().as_str().to_owned(),
        text::age(instance.phase.since(), now),
        instance.urls().map_or_else(|| "-".to_owned(), Urls::best),
        text::harmless(source(&instance.source)),
    ]
}

pub fn source(source: &SourceRef) -> &str {
    match source {
        SourceRef::Local { directory } => directory,
        SourceRef::Supabase { project } => project,
    }
}
