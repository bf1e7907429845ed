//! `status`: all that is known of one instance.

use jiff::Timestamp;

use super::ls;
use crate::{
    api::{InstanceQuery, InstanceView},
    cli::{
        args::Selected,
        commands::access::tunnel,
        context::Context,
        exit::Outcome,
        output::{table, text},
        selector::Selector,
    },
    model::{LastExit, OpenPort, Phase, PortKind, Size, Usage},
};

pub async fn run(context: &mut Context, args: Selected) -> Outcome {
    let selector = Selector::of(context, args.instance.as_deref())?;
    let client = context.client().await?;
    let view = client
        .instance(&selector.reference, &InstanceQuery { usage: true })
        .await
        .map_err(|error| selector.explain(error))?;
    context.printer.view(&view, || table::pairs(rows(&view)))?;
    Ok(0)
}

fn rows(view: &InstanceView) -> Vec<(&'static str, String)> {
    let since = text::age(view.phase.since(), Timestamp::now());
    let mut rows = vec![
        ("name", view.name.to_string()),
        ("id", view.id.to_string()),
        (
            "phase",
            format!("{}, for {since}", view.phase.kind().as_str()),
        ),
        ("source", text::harmless(ls::source(&view.source))),
    ];
    if let Some(urls) = view.urls() {
        rows.push(("local", urls.local.clone()));
        let public = urls.public.as_ref();
        rows.extend(public.map(|url| ("public", url.to_string())));
    }
    if let Some(tunnel) = &view.tunnel {
        rows.push(("tunnel", tunnel::in_a_line(tunnel)));
    }
    if view.without_page && view.phase.urls().is_some() {
        rows.push(("port", "none, so it has no page".to_owned()));
    } else if let Phase::Ready { port, .. } | Phase::Paused { port, .. } = &view.phase {
        let status = view.status.filter(|status| !(200..400).contains(status));
        let status = status.map_or_else(String::new, |status| format!(", answers with {status}"));
        rows.push(("port", format!("{port}{status}")));
        rows.extend(others(&view.ports, *port).map(|others| ("also open", others)));
    }
    if let Phase::Failed { cause, .. } = &view.phase {
        // The rest of it is what the app wrote, which `logs` has.
        let headline = cause.message.lines().next().unwrap_or_default();
        rows.push((
            "cause",
            format!("{} ({})", text::harmless(headline), cause.code.as_str()),
        ));
        let hint = cause.hint.as_deref();
        rows.extend(hint.map(|hint| ("hint", text::harmless(hint))));
        let next = cause.next.first();
        rows.extend(next.map(|step| ("next", text::command_line(&step.argv))));
    }
    rows.extend(view.last_exit.as_ref().map(|exit| ("exit", ended(exit))));
    rows.extend(view.template.clone().map(|template| ("template", template)));
    rows.extend(view.image.clone().map(|image| ("image", image)));
    let memory = Size(view.limits.memory_bytes);
    rows.push(("limits", format!("{} cores, {memory}", view.limits.cpus)));
    rows.extend(view.usage.as_ref().map(|usage| ("usage", used(usage))));
    rows
}

/// The other ports that something listens on.
fn others(open: &[OpenPort], shown: u16) -> Option<String> {
    let others: Vec<String> = open
        .iter()
        .filter(|it| it.port != shown)
        .map(|it| match it.kind {
            Some(PortKind::Debugger) => format!("{} (a debugger's)", it.port),
            Some(PortKind::Other) => format!("{} (no HTTP)", it.port),
            _ => it.port.to_string(),
        })
        .collect();
    (!others.is_empty()).then(|| format!("{}; `up --port` takes another", others.join(", ")))
}

fn ended(exit: &LastExit) -> String {
    let age = text::age(exit.at, Timestamp::now());
    let how = match (exit.out_of_memory, exit.code, exit.signal) {
        (true, ..) => "out of memory".to_owned(),
        (_, Some(code), _) => format!("code {code}"),
        (_, None, Some(signal)) => format!("signal {signal}"),
        (_, None, None) => "ended".to_owned(),
    };
    format!("{how}, {age} ago")
}

fn used(usage: &Usage) -> String {
    let memory = Size(usage.memory_bytes);
    format!(
        "{:.1} % of a core, {memory}, {} processes",
        usage.cpu_percent, usage.processes
    )
}
