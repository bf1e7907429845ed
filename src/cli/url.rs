//! `url`: where an instance can be reached.

use clap::Args;
use serde::Serialize;

use super::{
    args::Selected,
    context::Context,
    exit::{Failure, Outcome},
    selector::Selector,
};
use crate::{
    api::InstanceView,
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
    let url = if args.local {
        urls.local.clone()
    } else {
        best(&context.client().await?, &view, urls).await?
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
        .instance(&selector.reference)
        .await
        .map_err(|error| selector.explain(error))
}

pub fn reachable(view: &InstanceView) -> Result<&Urls, Failure> {
    if let Some(urls) = view.phase.urls() {
        return Ok(urls);
    }
    if let Phase::Failed { cause, .. } = &view.phase {
        return Err(cause.clone().into());
    }
    let name = view.name.as_str();
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
