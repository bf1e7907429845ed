//! `token`: who may use the agent's API over TCP.

use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};

use crate::{
    api::{NewTokenRequest, RevokeTokenRequest, TokenView},
    cli::{
        context::Context,
        exit::{Failure, Outcome},
        output::{table, text},
    },
};

#[derive(Debug, Args)]
pub struct TokenArgs {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make a token and print it, this one time
    New {
        /// What it is for
        #[arg(value_name = "NOTE", default_value = "")]
        note: String,
        /// It may change things, and not only look at them
        #[arg(long)]
        manage: bool,
        /// It reaches this instance and no other
        #[arg(long, value_name = "NAME|ID")]
        instance: Option<String>,
        /// It may name directories of this host as projects
        #[arg(long, requires = "manage")]
        local_dirs: bool,
        /// For how long it is good, such as `30d`; until it is revoked when not given
        #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
        expires_in: Option<Duration>,
    },
    /// List tokens, without what they are
    Ls,
    /// End a token, and what is being done with it
    Revoke {
        /// As `token ls` shows it
        #[arg(value_name = "ID")]
        id: String,
    },
}

pub async fn run(context: &mut Context, args: TokenArgs) -> Outcome {
    match args.command {
        TokenCommand::New {
            note,
            manage,
            instance,
            local_dirs,
            expires_in,
        } => {
            let request = NewTokenRequest {
                note,
                manage,
                instance,
                local_dirs,
                expires: expires_in.map(ends).transpose()?,
            };
            let made = context.client().await?.new_token(&request).await?;
            context
                .printer
                .view(&made, || made.token.reveal().to_owned())?;
            context.printer.note(&format!(
                "it is shown this once; `codemate-preview token revoke {}` ends it",
                made.about.id
            ));
            Ok(0)
        }
        TokenCommand::Ls => ls(context).await,
        TokenCommand::Revoke { id } => {
            let request = RevokeTokenRequest { id };
            let view = context.client().await?.revoke_token(&request).await?;
            context.printer.view(&view, String::new)?;
            context.printer.note(if view.changed {
                "revoked"
            } else {
                "there is no such token"
            });
            Ok(0)
        }
    }
}

fn ends(after: Duration) -> Result<Timestamp, Failure> {
    SignedDuration::try_from(after)
        .ok()
        .and_then(|after| Timestamp::now().checked_add(after).ok())
        .ok_or_else(|| Failure::usage("that long is no time"))
}

async fn ls(context: &mut Context) -> Outcome {
    let view = context.client().await?.tokens().await?;
    context.printer.view(&view, || {
        if view.tokens.is_empty() {
            return String::new();
        }
        table::columns(
            ["ID", "MAY", "INSTANCE", "EXPIRES", "NOTE"],
            view.tokens.iter().map(row),
        )
    })?;
    if view.tokens.is_empty() {
        context
            .printer
            .note("no tokens; `codemate-preview token new` makes one");
    }
    Ok(0)
}

fn row(token: &TokenView) -> [String; 5] {
    let may = match (token.manage, token.local_dirs) {
        (false, _) => "read",
        (true, false) => "manage",
        (true, true) => "manage, local dirs",
    };
    let until = token.expires.map(|at| at.strftime("%F %T UTC").to_string());
    [
        token.id.clone(),
        may.to_owned(),
        token.instance.clone().unwrap_or_else(|| "all".to_owned()),
        until.unwrap_or_else(|| "never".to_owned()),
        text::harmless(&token.note),
    ]
}
