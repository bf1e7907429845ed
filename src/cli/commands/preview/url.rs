//! `url`: where an instance can be reached.

use std::collections::BTreeSet;

use clap::Args;
use serde::Serialize;

use crate::{
    api::{InstanceQuery, InstanceView, SourceRef},
    cli::{
        args::Selected,
        context::Context,
        exit::{Failure, Outcome},
        selector::Selector,
    },
    client::Client,
    model::{Code, Phase, Problem, TunnelState, Urls},
};

#[derive(Debug, Args)]
pub struct UrlArgs {
    #[command(flatten)]
    pub selected: Selected,
    /// The public URL, and an error if there is none
    #[arg(long, conflicts_with = "local")]
    pub public: bool,
    /// The URL on this host
    #[arg(long)]
    pub local: bool,
    /// The URL of another port that is listened on inside
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Show it as a QR code too
    #[arg(long)]
    pub qr: bool,
}

#[derive(Serialize)]
struct UrlView<'a> {
    url: String,
    urls: &'a Urls,
}

pub async fn run(context: &mut Context, args: UrlArgs) -> Outcome {
    let view = look(context, &args.selected).await?;
    let urls = reachable(&view)?;
    if args.public && urls.public.is_none() {
        return Err(no_public(&view));
    }
    let of_app = matches!(view.phase, Phase::Ready { port, .. } if args.port == Some(port));
    let url = match args.port.filter(|_| !of_app) {
        Some(port) if args.public => public_port(&context.client().await?, &view, port).await?,
        Some(port) => of_port(&urls.local, port),
        None if args.local => urls.local.clone(),
        None => best(&context.client().await?, &view, urls).await?,
    };
    if args.qr {
        context.printer.qr(&url);
    }
    let url = UrlView { url, urls };
    context.printer.view(&url, || url.url.clone())?;
    Ok(0)
}

/// What opens the preview: a link to the public URL where that is private, which the agent makes
/// as it is asked; else the public URL, else the local one.
pub async fn best(client: &Client, view: &InstanceView, urls: &Urls) -> Result<String, Failure> {
    if urls.public.is_none() {
        return Ok(urls.best());
    }
    let own = client.own_link(view.id.as_str()).await?;
    Ok(own
        .link
        .map_or_else(|| own.url.to_string(), |link| link.reveal().to_owned()))
}

/// Where a port is found, asked for by its number before the host.
fn of_port(url: &str, port: u16) -> String {
    url.replacen("://", &format!("://{port}--"), 1)
}

/// A port's public URL, if visitors may ask for it.
async fn public_port(client: &Client, view: &InstanceView, port: u16) -> Result<String, Failure> {
    let shares = client.share(view.id.as_str()).await?.shares;
    let open: BTreeSet<u16> = shares.iter().flat_map(|it| it.ports.clone()).collect();
    if open.contains(&port) {
        let own = client.own_link(view.id.as_str()).await?;
        let link = own.link.map(|link| link.reveal().to_owned());
        return Ok(of_port(&link.unwrap_or_else(|| own.url.to_string()), port));
    }
    let name = view.name.as_str();
    let problem = Problem::new(
        Code::Policy,
        format!("port {port} of `{name}` is not open to visitors"),
    );
    let SourceRef::Local { directory } = &view.source else {
        let hint = "`codemate-preview up --expose` opens those that are named with it";
        return Err(problem.hint(hint).into());
    };
    let mut argv = vec![
        "codemate-preview".to_owned(),
        "up".to_owned(),
        directory.clone(),
    ];
    if shares.iter().any(|share| share.public) {
        argv.push("--public".to_owned());
    }
    for port in open.into_iter().chain([port]) {
        argv.extend(["--expose".to_owned(), port.to_string()]);
    }
    Err(problem.next_owned(argv, "opens it").into())
}

fn no_public(view: &InstanceView) -> Failure {
    let name = view.name.as_str();
    let why = match view.tunnel.as_ref().map(|tunnel| &tunnel.state) {
        Some(TunnelState::Failed { problem } | TunnelState::Waiting { problem, .. }) => {
            return problem.clone().into();
        }
        Some(_) => "its tunnel is being opened",
        None => "it has no tunnel",
    };
    Problem::new(Code::Tunnel, format!("`{name}` has no public URL: {why}"))
        .next(
            &["codemate-preview", "tunnel", "start", name],
            "opens a tunnel",
        )
        .into()
}

pub async fn look(context: &Context, args: &Selected) -> Result<InstanceView, Failure> {
    let selector = Selector::of(context, args.instance.as_deref())?;
    let client = context.client().await?;
    client
        .instance(&selector.reference, &InstanceQuery::default())
        .await
        .map_err(|error| selector.explain(error))
}

pub fn reachable(view: &InstanceView) -> Result<&Urls, Failure> {
    if let Some(urls) = view.urls() {
        return Ok(urls);
    }
    if let Phase::Failed { cause, .. } = &view.phase {
        return Err(cause.clone().into());
    }
    let name = view.name.as_str();
    if view.without_page {
        return Err(Problem::new(
            Code::NotFound,
            format!("`{name}` is a program without a port, so it has no URL"),
        )
        .next(&["codemate-preview", "logs", name], "shows what it writes")
        .into());
    }
    let phase = view.phase.kind().as_str();
    Err(Problem::new(
        Code::NotFound,
        format!("`{name}` has no URL now: it is {phase}"),
    )
    .retryable()
    .next(
        &["codemate-preview", "wait", name],
        "wait until it is ready",
    )
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_stands_before_the_host() {
        for (url, want) in [
            (
                "http://shop.localhost:7070",
                "http://3001--shop.localhost:7070",
            ),
            (
                "https://a.example/?__cm=x",
                "https://3001--a.example/?__cm=x",
            ),
        ] {
            assert_eq!(of_port(url, 3001), want);
        }
    }
}
