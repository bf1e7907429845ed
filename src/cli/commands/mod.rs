//! The commands, one file each by what they are about, and the match that picks one.

pub(super) mod access;
pub(super) mod agent;
pub(super) mod host;
pub(super) mod preview;
pub(super) mod project;

use super::{args::Command, context::Context, exit::Outcome};
use access::{share, token, tunnel};
use host::{completions, doctor, help, images, prune};
use preview::{down, events, exec, logs, ls, open, restart, status, up, url, wait};
use project::{detect, secret, supabase, sync};

pub(super) async fn dispatch(context: &mut Context, command: Command) -> Outcome {
    match command {
        Command::Up(args) => up::run(context, *args).await,
        Command::Wait(args) => wait::run(context, args).await,
        Command::Down(args) => down::run(context, args).await,
        Command::Ls => ls::run(context).await,
        Command::Status(args) => status::run(context, args).await,
        Command::Url(args) => url::run(context, args).await,
        Command::Open(args) => open::run(context, args).await,
        Command::Logs(args) => logs::run(context, args).await,
        Command::Exec(args) => exec::run(context, args).await,
        Command::Restart(args) => restart::run(context, args).await,
        Command::Events(args) => events::run(context, args).await,
        Command::Detect(args) => detect::run(context, args).await,
        Command::Images(args) => images::run(context, args).await,
        Command::Agent(args) => agent::control(context, args).await,
        Command::Supabase(args) => supabase::run(context, args).await,
        Command::Prune(args) => prune::run(context, args).await,
        Command::Secret(args) => secret::run(context, args).await,
        Command::Sync(args) => sync::run(context, args).await,
        Command::Token(args) => token::run(context, args).await,
        Command::Share(args) => share::run(context, args).await,
        Command::Tunnel(args) => tunnel::run(context, args).await,
        Command::Doctor(args) => doctor::run(context, args).await,
        // It has no output and was run already.
        Command::Tether(_) => Ok(0),
        Command::Completions(args) => completions::run(context, &args),
        Command::Help(args) => help::run(context, &args),
    }
}
