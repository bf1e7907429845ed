//! `share`: links to the public URLs of private previews.

use clap::{Args, Subcommand, ValueHint};
use jiff::Timestamp;

use crate::{
    api::{LinkState, NewLinkRequest, RevokeRequest, RevokedView, ShareView},
    cli::{
        args::Selected,
        context::Context,
        exit::{Failure, Outcome},
        output::{table, text},
        selector::Selector,
    },
    model::{Code, GrantId, Lifetime, Problem},
};

#[derive(Debug, Args)]
pub struct ShareArgs {
    #[command(subcommand)]
    command: ShareCommand,
}

#[derive(Debug, Subcommand)]
enum ShareCommand {
    /// List who may visit the public URLs: links, and whether everyone may
    Ls(Selected),
    /// Make a link to the public URL of an instance, and print it
    New {
        #[command(flatten)]
        selected: Selected,
        /// How long it is good for, such as `2h`, or `never`
        #[arg(long, value_name = "DURATION")]
        expires: Option<Lifetime>,
        /// Whom it is for, to be shown by `share ls`
        #[arg(long, value_name = "TEXT")]
        label: Option<String>,
        /// Show it as a QR code too
        #[arg(long)]
        qr: bool,
    },
    /// Take links back; who came by them is put out at once
    Revoke {
        /// Ids of links, as `share ls` shows them
        #[arg(
            value_name = "ID",
            required_unless_present = "all_of",
            conflicts_with = "all_of"
        )]
        ids: Vec<GrantId>,
        /// Every link of this instance: a name, an id or a directory (with a `/`, or `.`)
        #[arg(long, value_name = "NAME|DIR", value_hint = ValueHint::DirPath)]
        all_of: Option<String>,
    },
}

pub async fn run(context: &mut Context, args: ShareArgs) -> Outcome {
    match args.command {
        ShareCommand::Ls(selected) => ls(context, &selected).await,
        ShareCommand::New {
            selected,
            expires,
            label,
            qr,
        } => new(context, &selected, NewLinkRequest { label, expires }, qr).await,
        ShareCommand::Revoke { ids, all_of } => revoke(context, ids, all_of).await,
    }
}

async fn ls(context: &mut Context, selected: &Selected) -> Outcome {
    let client = context.client().await?;
    let view = match &selected.instance {
        None => client.shares().await?,
        Some(asked) => {
            let selector = Selector::of(context, Some(asked))?;
            client
                .share(&selector.reference)
                .await
                .map_err(|error| selector.explain(error))?
        }
    };
    let now = Timestamp::now();
    let rows: Vec<_> = view.shares.iter().flat_map(|it| rows(it, now)).collect();
    let none = rows.is_empty();
    context.printer.view(&view, || {
        if none {
            return String::new();
        }
        table::columns(["NAME", "ID", "STATE", "ENDS", "LABEL"], rows)
    })?;
    if none {
        context
            .printer
            .note("no links; `codemate-preview share new` makes one");
    }
    Ok(0)
}

fn rows(share: &ShareView, now: Timestamp) -> Vec<[String; 5]> {
    let name = share.name.to_string();
    let ends = |end: Option<Timestamp>| match end {
        Some(end) if end > now => format!("in {}", text::age(now, end)),
        Some(_) => "over".to_owned(),
        None => "never".to_owned(),
    };
    let everyone = share.public.then(|| {
        let until = ends(share.public_until);
        let dash = || "-".to_owned();
        [name.clone(), dash(), "public".to_owned(), until, dash()]
    });
    let links = share.links.iter().map(|link| {
        let (state, end) = match link.state {
            LinkState::Good => ("good", ends(link.expires)),
            LinkState::Expired => ("expired", "over".to_owned()),
            LinkState::Revoked => ("revoked", "over".to_owned()),
        };
        let label = link.label.as_deref().unwrap_or("-");
        [
            name.clone(),
            link.id.to_string(),
            state.to_owned(),
            end,
            text::harmless(label),
        ]
    });
    let ports = share.ports.iter().map(|port| {
        let dash = || "-".to_owned();
        let what = format!("port {port}");
        [name.clone(), dash(), what, dash(), dash()]
    });
    everyone.into_iter().chain(ports).chain(links).collect()
}

async fn new(
    context: &mut Context,
    selected: &Selected,
    request: NewLinkRequest,
    qr: bool,
) -> Outcome {
    let selector = Selector::of(context, selected.instance.as_deref())?;
    let client = context.client().await?;
    let view = client
        .new_link(&selector.reference, &request)
        .await
        .map_err(|error| selector.explain(error))?;
    if qr {
        context.printer.qr(view.link.reveal());
    }
    context
        .printer
        .view(&view, || view.link.reveal().to_owned())?;
    Ok(0)
}

async fn revoke(context: &mut Context, ids: Vec<GrantId>, all_of: Option<String>) -> Outcome {
    let client = context.client().await?;
    let orders = match &all_of {
        Some(asked) => {
            let selector = Selector::of(context, Some(asked))?;
            let all = RevokeRequest {
                links: Vec::new(),
                all: true,
            };
            let revoked = client
                .revoke_links(&selector.reference, &all)
                .await
                .map_err(|error| selector.explain(error))?;
            return render(context, &revoked);
        }
        None => by_instance(&client.shares().await?.shares, ids)?,
    };
    let mut revoked = RevokedView {
        revoked: Vec::new(),
    };
    for (instance, links) in orders {
        let request = RevokeRequest { links, all: false };
        let view = client.revoke_links(&instance, &request).await?;
        revoked.revoked.extend(view.revoked);
    }
    render(context, &revoked)
}

/// Whose each link is. None is taken back unless there is every one.
fn by_instance(
    shares: &[ShareView],
    ids: Vec<GrantId>,
) -> Result<Vec<(String, Vec<GrantId>)>, Failure> {
    let mut orders: Vec<(String, Vec<GrantId>)> = Vec::new();
    for id in ids {
        let has = |share: &&ShareView| share.links.iter().any(|link| link.id == id);
        let Some(share) = shares.iter().find(has) else {
            let problem = Problem::new(Code::NotFound, format!("there is no link `{id}`"))
                .next(&["codemate-preview", "share", "ls"], "lists every link");
            return Err(problem.into());
        };
        let instance = share.instance.to_string();
        match orders.iter_mut().find(|(of, _)| *of == instance) {
            Some((_, links)) => links.push(id),
            None => orders.push((instance, vec![id])),
        }
    }
    Ok(orders)
}

fn render(context: &mut Context, view: &RevokedView) -> Outcome {
    context.printer.view(view, String::new)?;
    context.printer.note(&match view.revoked.len() {
        0 => "none of them was good any more".to_owned(),
        1 => "the link is taken back".to_owned(),
        many => format!("{many} links are taken back"),
    });
    Ok(0)
}
