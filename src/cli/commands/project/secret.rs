//! `secret`: values of an instance's environment that are kept by the agent. They are read from a
//! file, a prompt or standard input; never from the command line, which others may see.

use std::{
    collections::BTreeMap,
    io::{IsTerminal as _, Read as _},
    path::PathBuf,
};

use clap::{Args, Subcommand, ValueHint};
use jiff::Timestamp;

use crate::{
    api::{SecretView, SecretsRequest, SecretsView},
    cli::{
        args::Selected,
        context::Context,
        exit::{Failure, Outcome},
        output::{table, text},
        selector::Selector,
        variables::env_file,
    },
    model::{Code, Problem, Secret},
};

#[derive(Debug, Args)]
pub struct SecretArgs {
    #[command(subcommand)]
    command: SecretCommand,
}

#[derive(Debug, Subcommand)]
enum SecretCommand {
    /// Keep a value, asked for without showing it or read from standard input
    ///
    /// It is over what the project's files and `--env-file` say, and under `--env`. It is kept in a
    /// file that only you can read, until it is removed or `down --purge`.
    Set {
        /// The variable
        #[arg(required_unless_present = "from_file")]
        #[arg(value_name = "VARIABLE")]
        variable: Option<String>,
        /// Keep every variable of a file of `KEY=VALUE` lines
        #[arg(long, value_name = "FILE", conflicts_with = "variable", value_hint = ValueHint::FilePath)]
        from_file: Option<PathBuf>,
        #[command(flatten)]
        whose: Whose,
    },
    /// List which there are and when they were set, never the values
    Ls(Selected),
    /// Forget values
    Rm {
        /// The variables
        #[arg(required = true, value_name = "VARIABLE")]
        variables: Vec<String>,
        #[command(flatten)]
        whose: Whose,
    },
}

#[derive(Debug, Args)]
struct Whose {
    /// Whose: a name, an id or a directory; the instance of the current directory if not given
    #[arg(long = "for", value_name = "NAME|DIR", value_hint = ValueHint::DirPath)]
    instance: Option<String>,
}

pub async fn run(context: &mut Context, args: SecretArgs) -> Outcome {
    match args.command {
        SecretCommand::Set {
            variable,
            from_file,
            whose,
        } => {
            let set = match (variable, from_file) {
                (Some(name), _) => {
                    let value = value(context, &name)?;
                    BTreeMap::from([(name, value)])
                }
                (None, Some(file)) => env_file(context, &file)?.into_iter().collect(),
                (None, None) => BTreeMap::new(),
            };
            let request = SecretsRequest {
                set,
                remove: Vec::new(),
            };
            change(context, &whose, &request, "nothing was set").await
        }
        SecretCommand::Rm { variables, whose } => {
            let request = SecretsRequest {
                set: BTreeMap::new(),
                remove: variables,
            };
            change(context, &whose, &request, "there was no such secret").await
        }
        SecretCommand::Ls(selected) => {
            let selector = Selector::of(context, selected.instance.as_deref())?;
            let client = context.client().await?;
            let view = client
                .secrets(&selector.reference)
                .await
                .map_err(|error| selector.explain(error))?;
            context.printer.view(&view, || render(&view))?;
            Ok(0)
        }
    }
}

async fn change(
    context: &mut Context,
    whose: &Whose,
    request: &SecretsRequest,
    nothing: &str,
) -> Outcome {
    let selector = Selector::of(context, whose.instance.as_deref())?;
    let client = context.client().await?;
    let view = client
        .change_secrets(&selector.reference, request)
        .await
        .map_err(|error| selector.explain(error))?;
    context.printer.view(&view, String::new)?;
    context
        .printer
        .note(match (view.changed.is_empty(), view.is_running) {
            (true, _) => nothing,
            (false, true) => {
                "kept; the app has it from its next start: `codemate-preview restart` is one"
            }
            (false, false) => "kept; the app has it from its next start",
        });
    Ok(0)
}

fn render(view: &SecretsView) -> String {
    let now = Timestamp::now();
    let row = |secret: &SecretView| {
        let age = text::age(secret.set, now);
        [text::harmless(&secret.name), format!("{age} ago")]
    };
    table::columns(["NAME", "SET"], view.secrets.iter().map(row))
}

/// The rest of standard input without its last line end, or what is typed unseen.
fn value(context: &mut Context, name: &str) -> Result<Secret, Failure> {
    let none = || {
        Failure::from(
            Problem::new(Code::Usage, format!("no value was given for `{name}`"))
                .hint("pipe it in, or run this in a terminal"),
        )
    };
    if std::io::stdin().is_terminal() {
        return context.printer.ask_secret(name).ok_or_else(none);
    }
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Problem::new(Code::Usage, format!("no value was read: {error}")))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(none());
    }
    Ok(Secret::new(text))
}
