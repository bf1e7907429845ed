//! The command line as clap reads it.

use std::{path::PathBuf, time::Duration};

use clap::{
    ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint,
    builder::{PossibleValuesParser, TypedValueParser},
};

use crate::{
    cli::commands::{
        access::{share::ShareArgs, token::TokenArgs, tunnel::TunnelArgs},
        agent::AgentArgs,
        host::{
            completions::CompletionsArgs, doctor::DoctorArgs, help::HelpArgs, images::ImagesArgs,
            prune::PruneArgs, tether::TetherArgs,
        },
        preview::{
            down::DownArgs, events::EventsArgs, exec::ExecArgs, logs::LogsArgs, up::UpArgs,
            url::UrlArgs,
        },
        project::{detect::DetectArgs, secret::SecretArgs, supabase::SupabaseArgs, sync::SyncArgs},
    },
    model::{Name, TunnelChoice, TunnelKind},
};

/// Run any backend project in a hardened container and print a URL that answers.
#[derive(Debug, Parser)]
#[command(
    name = "codemate-preview",
    version,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Exit codes are listed by `codemate-preview help exit-codes`."
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// What is written to standard output: text, one JSON document, or a stream of JSON lines
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// The same as `--format json`
    #[arg(long, global = true, conflicts_with = "format")]
    pub json: bool,
    /// Show no progress; twice: print nothing at all
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub quiet: u8,
    /// Show more of what happens
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Never ask; fail where an answer is needed
    #[arg(long, global = true)]
    pub no_input: bool,
    /// Answer yes to every question
    #[arg(short, long, global = true)]
    pub yes: bool,
    /// Give up after this long, such as `90s`
    #[arg(long, global = true, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub timeout: Option<Duration>,
    /// Work as if started in this directory
    #[arg(short = 'C', long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub directory: Option<PathBuf>,
    /// The name of one of several instances of a directory
    #[arg(long, global = true, value_name = "NAME")]
    pub name: Option<Name>,
    /// When to use colour
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = Colour::Auto)]
    pub color: Colour,
}

impl Global {
    pub fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
    Ndjson,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a project and print its URL
    Up(Box<UpArgs>),
    /// Stop instances
    Down(DownArgs),
    /// List instances
    #[command(visible_alias = "ps")]
    Ls,
    /// Show one instance
    Status(Selected),
    /// Print the URL of an instance
    Url(UrlArgs),
    /// Open an instance in the browser
    Open(Selected),
    /// Print what an instance wrote
    Logs(LogsArgs),
    /// Run a command inside an instance
    Exec(ExecArgs),
    /// Start the app of an instance again
    Restart(Selected),
    /// Wait until an instance is ready
    Wait(Selected),
    /// Print what happened to an instance, or to all of them
    Events(EventsArgs),
    /// Show what a project is recognised as, and why
    Detect(DetectArgs),
    /// List, build and remove base images
    Images(ImagesArgs),
    /// Control the agent, which runs the instances in the background
    Agent(AgentArgs),
    /// Remove what no instance needs any more: volumes, images, mirrors, logs
    Prune(PruneArgs),
    /// Keep values of an instance's environment, away from files and command lines
    Secret(SecretArgs),
    /// Show how far the files of an instance are behind their table
    Sync(SyncArgs),
    /// Sign in at Supabase, and check the tables that files come from
    Supabase(SupabaseArgs),
    /// Make, list and revoke tokens for the agent's API over TCP
    Token(TokenArgs),
    /// Control the public URLs of instances
    Tunnel(TunnelArgs),
    /// Make links to public URLs, and take them back
    Share(ShareArgs),
    /// Become a program that ends with the agent
    #[command(hide = true)]
    Tether(TetherArgs),
    /// Check that everything needed is there
    Doctor(DoctorArgs),
    /// Print the completion script for a shell
    Completions(CompletionsArgs),
    /// Show help for a command, or the exit codes
    Help(HelpArgs),
}

/// One instance; the one of the current directory if nothing is said.
#[derive(Debug, Clone, Args)]
pub struct Selected {
    /// A name, an id or a directory (with a `/`, or `.`)
    #[arg(value_name = "NAME|DIR", value_hint = ValueHint::DirPath)]
    pub instance: Option<String>,
}

pub fn tunnel_kinds() -> impl TypedValueParser<Value = TunnelKind> {
    PossibleValuesParser::new(TunnelKind::ALL.map(TunnelKind::as_str))
        .try_map(|text| text.parse::<TunnelKind>())
}

pub fn tunnel_choices() -> impl TypedValueParser<Value = TunnelChoice> {
    let kinds = TunnelKind::ALL.map(TunnelKind::as_str);
    PossibleValuesParser::new(std::iter::once("none").chain(kinds))
        .try_map(|text| text.parse::<TunnelChoice>())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_flag_is_explained() {
        fn look(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                assert!(
                    argument.get_help().is_some(),
                    "{} {argument}",
                    command.get_name()
                );
            }
            command.get_subcommands().for_each(look);
        }
        look(&Cli::command());
    }
}
