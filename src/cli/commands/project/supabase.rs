//! `supabase`: signing in and out, what is wrong, and the SQL of our tables.

use clap::{Args, Subcommand};

use crate::{
    api::{FindingState, FindingView, FindingsView, SignInRequest, SupabaseRequest},
    cli::{
        context::Context,
        exit::{Failure, Outcome},
        output::{Paint, text},
    },
    model::{Code, Problem, Secret},
};

#[derive(Debug, Args)]
pub struct SupabaseArgs {
    #[command(subcommand)]
    command: SupabaseCommand,
}

#[derive(Debug, Subcommand)]
enum SupabaseCommand {
    /// Sign in as a user of the project, so that row-level security lets files be read
    Login {
        /// Asked for when not given
        #[arg(long)]
        email: Option<String>,
        /// Read the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Sign out, at the server too
    Logout,
    /// Show who requests are made as
    Status,
    /// Check URL, key, row-level security, columns and publication
    Doctor {
        /// The id of a project whose files should be seen
        #[arg(value_name = "PROJECT")]
        project: Option<String>,
    },
    /// Print the SQL of the tables that work best
    Schema,
}

pub async fn run(context: &mut Context, args: SupabaseArgs) -> Outcome {
    match args.command {
        SupabaseCommand::Login {
            email,
            password_stdin,
        } => login(context, email, password_stdin).await,
        SupabaseCommand::Logout => logout(context).await,
        SupabaseCommand::Status => status(context).await,
        SupabaseCommand::Doctor { project } => doctor(context, project).await,
        SupabaseCommand::Schema => {
            let view = context.client().await?.supabase_schema().await?;
            context
                .printer
                .view(&view, || view.sql.trim_end().to_owned())?;
            Ok(0)
        }
    }
}

async fn login(context: &mut Context, email: Option<String>, from_stdin: bool) -> Outcome {
    let email = match email {
        Some(email) => email,
        None => context.printer.ask("Email").ok_or_else(nobody_to_ask)?,
    };
    let password = if from_stdin {
        let mut line = String::new();
        std::io::stdin()
            .read_line(&mut line)
            .map_err(|error| Problem::new(Code::Usage, format!("no password was read: {error}")))?;
        Secret::new(line.trim_end_matches(['\r', '\n']))
    } else {
        let asked = context.printer.ask_secret("Password");
        asked.ok_or_else(nobody_to_ask)?
    };
    let request = SignInRequest {
        email,
        password,
        credentials: context.credentials(),
    };
    let view = context.client().await?.supabase_login(&request).await?;
    context
        .printer
        .view(&view, || format!("signed in as {}", view.user))?;
    Ok(0)
}

fn nobody_to_ask() -> Failure {
    Failure::from(
        Problem::new(Code::Usage, "nobody can be asked who signs in")
            .hint("give `--email` and `--password-stdin`"),
    )
}

async fn logout(context: &mut Context) -> Outcome {
    let request = request(context, None);
    let view = context.client().await?.supabase_logout(&request).await?;
    context.printer.view(&view, String::new)?;
    context.printer.note(match (view.was_in, &view.problem) {
        (false, _) => "nobody was signed in",
        (true, None) => "signed out",
        (true, Some(_)) => "signed out here; the server could not be told",
    });
    Ok(0)
}

async fn status(context: &mut Context) -> Outcome {
    let request = request(context, None);
    let mut view = context.client().await?.check_supabase(&request).await?;
    view.findings
        .retain(|finding| matches!(finding.subject.as_str(), "settings" | "identity"));
    show(context, &view)
}

async fn doctor(context: &mut Context, project: Option<String>) -> Outcome {
    context.printer.busy("checking");
    let request = request(context, project);
    let view = context.client().await?.check_supabase(&request).await?;
    show(context, &view)
}

fn show(context: &mut Context, view: &FindingsView) -> Outcome {
    let paint = context.printer.paint();
    let rendered = || render(&view.findings, paint);
    let bad = |finding: &FindingView| finding.state == FindingState::Bad;
    if view.findings.iter().any(bad) {
        return context
            .printer
            .bad_view(view, Code::Sync.exit_code(), rendered);
    }
    context.printer.view(view, rendered)?;
    Ok(0)
}

fn render(findings: &[FindingView], paint: Paint) -> String {
    let lines = findings.iter().map(|finding| {
        let sign = match finding.state {
            FindingState::Good => paint.good("✓"),
            FindingState::Unsure => paint.warn("!"),
            FindingState::Bad => paint.bad("✗"),
        };
        let fix = finding.hint.as_ref().map_or_else(String::new, |hint| {
            format!("\n  {} {}", paint.note("fix:"), text::harmless(hint))
        });
        let said = text::harmless(&finding.said);
        format!("{sign} {:<9} {said}{fix}", finding.subject)
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn request(context: &Context, project: Option<String>) -> SupabaseRequest {
    SupabaseRequest {
        project,
        credentials: context.credentials(),
    }
}
