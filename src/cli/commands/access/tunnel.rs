//! `tunnel`: the public URLs of running instances, and what each kind of tunnel needs.

use clap::{Args, Subcommand};

use crate::{
    api::{CheckTunnelsRequest, OpenTunnelRequest, TunnelCheckView, TunnelVerdict, TunnelView},
    cli::{
        args::{Selected, tunnel_kinds},
        context::Context,
        event_stream,
        exit::Outcome,
        output::{Paint, table, text},
        selector::Selector,
    },
    model::{Code, TunnelKind, TunnelState, TunnelStatus, Verification},
};

#[derive(Debug, Args)]
pub struct TunnelArgs {
    #[command(subcommand)]
    command: TunnelCommand,
}

#[derive(Debug, Subcommand)]
enum TunnelCommand {
    /// List tunnels and how they are
    Ls,
    /// Give a running instance a public URL, or one of another kind
    Start {
        #[command(flatten)]
        selected: Selected,
        /// The kind of tunnel; the one it had, or the default, when not given
        #[arg(long = "tunnel", value_name = "KIND", value_parser = tunnel_kinds())]
        kind: Option<TunnelKind>,
        /// Show the URL as a QR code too
        #[arg(long)]
        qr: bool,
    },
    /// Take the public URL of an instance away
    Stop(Selected),
    /// Check what each kind of tunnel needs
    Doctor {
        /// This kind alone
        #[arg(value_name = "KIND", value_parser = tunnel_kinds())]
        kind: Option<TunnelKind>,
        /// Ask nothing of the providers
        #[arg(long)]
        offline: bool,
    },
}

pub async fn run(context: &mut Context, args: TunnelArgs) -> Outcome {
    match args.command {
        TunnelCommand::Ls => ls(context).await,
        TunnelCommand::Start { selected, kind, qr } => start(context, &selected, kind, qr).await,
        TunnelCommand::Stop(selected) => stop(context, &selected).await,
        TunnelCommand::Doctor { kind, offline } => doctor(context, kind, !offline).await,
    }
}

async fn ls(context: &mut Context) -> Outcome {
    let view = context.client().await?.tunnels().await?;
    context.printer.view(&view, || {
        if view.tunnels.is_empty() {
            return String::new();
        }
        table::columns(
            ["NAME", "KIND", "STATE", "URL"],
            view.tunnels.iter().map(row),
        )
    })?;
    if view.tunnels.is_empty() {
        context
            .printer
            .note("no tunnels; `codemate-preview tunnel start` opens one");
    }
    Ok(0)
}

fn row(tunnel: &TunnelView) -> [String; 4] {
    let url = tunnel.now.state.url();
    [
        tunnel.name.to_string(),
        tunnel.now.kind.to_string(),
        state(&tunnel.now.state),
        url.map_or_else(|| "-".to_owned(), ToString::to_string),
    ]
}

/// In one line, for `status`.
pub fn in_a_line(now: &TunnelStatus) -> String {
    format!("{}, {}", now.kind, state(&now.state))
}

fn state(state: &TunnelState) -> String {
    let rendered = match state {
        TunnelState::Opening => "opening".to_owned(),
        TunnelState::Ready {
            verified: Verification::EndToEnd,
            ..
        } => "ready".to_owned(),
        TunnelState::Ready {
            verified: Verification::Unverified { reason },
            ..
        } => format!("not verified: {reason}"),
        TunnelState::Waiting { problem, .. } => format!("waiting: {}", problem.message),
        TunnelState::Down { why, .. } => format!("down: {why}"),
        TunnelState::Failed { problem } => format!("closed: {}", problem.message),
    };
    text::harmless(rendered.lines().next().unwrap_or_default())
}

async fn start(
    context: &mut Context,
    selected: &Selected,
    kind: Option<TunnelKind>,
    qr: bool,
) -> Outcome {
    let selector = Selector::of(context, selected.instance.as_deref())?;
    let request = OpenTunnelRequest {
        kind,
        credentials: context.credentials(),
    };
    let client = context.client().await?;
    let mut lines = client
        .open_tunnel(&selector.reference, &request)
        .await
        .map_err(|error| selector.explain(error))?;
    let result = event_stream::to_result(&mut lines, &mut context.printer).await?;
    if qr {
        event_stream::show_qr(&result, &mut context.printer);
    }
    event_stream::conclude(&result, &mut context.printer)
}

async fn stop(context: &mut Context, selected: &Selected) -> Outcome {
    let selector = Selector::of(context, selected.instance.as_deref())?;
    let client = context.client().await?;
    let view = client
        .close_tunnel(&selector.reference)
        .await
        .map_err(|error| selector.explain(error))?;
    context.printer.view(&view, String::new)?;
    context.printer.note(if view.closed {
        "the public URL is gone"
    } else {
        "it had no tunnel"
    });
    Ok(0)
}

async fn doctor(context: &mut Context, kind: Option<TunnelKind>, online: bool) -> Outcome {
    context.printer.busy("checking");
    let request = CheckTunnelsRequest {
        kind,
        online,
        credentials: context.credentials(),
    };
    let view = context.client().await?.check_tunnels(&request).await?;
    let paint = context.printer.paint();
    // Whoever names a kind wants it to work; otherwise one that is not set up is no failure.
    let bad = view.checks.iter().any(|check| match check.verdict {
        TunnelVerdict::Good | TunnelVerdict::Doubtful => false,
        TunnelVerdict::Absent => kind.is_some(),
        TunnelVerdict::Bad => true,
    });
    let rendered = || render(&view.checks, paint);
    if bad {
        return context
            .printer
            .bad_view(&view, Code::Tunnel.exit_code(), rendered);
    }
    context.printer.view(&view, rendered)?;
    Ok(0)
}

fn render(checks: &[TunnelCheckView], paint: Paint) -> String {
    let lines = checks.iter().map(|check| {
        let sign = match check.verdict {
            TunnelVerdict::Good => paint.good("✓"),
            TunnelVerdict::Doubtful => paint.warn("!"),
            TunnelVerdict::Absent => paint.faint("-"),
            TunnelVerdict::Bad => paint.bad("✗"),
        };
        let fix = match &check.fix {
            Some(fix) => format!("\n  {} {}", paint.note("fix:"), text::harmless(fix)),
            None => String::new(),
        };
        let kind = check.kind.as_str();
        format!("{sign} {kind:<16} {}{fix}", text::harmless(&check.detail))
    });
    lines.collect::<Vec<_>>().join("\n")
}
