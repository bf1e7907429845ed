//! `doctor`: check that everything needed is there, and say what to do about what is not.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use serde::Serialize;
use tokio::net::{TcpStream, lookup_host};

use super::probe;
use crate::{
    api::{CheckTunnelsRequest, TunnelCheckView, TunnelVerdict},
    cli::{
        context::Context,
        exit::Outcome,
        output::{Paint, text},
    },
    client::{self, Client},
    config::Env,
    model::Code,
};

#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Check the tunnels too, and ask their providers
    #[arg(long)]
    pub tunnel: bool,
    /// Try to get out of a throw-away preview, and show what held
    #[arg(long, conflicts_with = "tunnel")]
    pub probe: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckStatus {
    Ok,
    /// It works, but less well.
    Warning,
    Failed,
}

#[derive(Debug, Serialize)]
pub struct DoctorFinding {
    id: &'static str,
    status: CheckStatus,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

#[derive(Serialize)]
struct FindingsView {
    findings: Vec<DoctorFinding>,
}

pub async fn run(context: &mut Context, args: DoctorArgs) -> Outcome {
    if args.probe {
        return probe::run(context).await;
    }
    context.printer.busy("checking");
    let paths = context.paths()?;
    let mut findings = vec![
        directory("state", &paths.state_dir),
        directory("runtime", &paths.runtime_dir),
    ];
    let agent = client::find_or_start(&paths).await;
    findings.push(match &agent {
        Ok(client) => ok(
            "agent",
            format!(
                "pid {}, version {}",
                client.hello().pid,
                client.hello().version
            ),
        ),
        Err(error) => {
            let problem = error.problem();
            failed("agent", problem.message, problem.hint.unwrap_or_default())
        }
    });
    let agent = agent.ok();
    if let Some(client) = &agent {
        findings.extend(engine_findings(client).await);
        findings.push(images(client).await);
        findings.push(gateway(client.hello().gateway_port).await);
        if args.tunnel {
            findings.extend(tunnels(context, client).await);
        }
    }
    findings.push(watches(Path::new("/proc/sys/fs/inotify")));
    findings.push(authorities(&context.env));
    findings.push(names().await);
    let view = FindingsView { findings };
    let bad = view
        .findings
        .iter()
        .any(|finding| finding.status == CheckStatus::Failed);
    let paint = context.printer.paint();
    let rendered = || render(&view.findings, paint);
    if bad {
        return context
            .printer
            .bad_view(&view, Code::Docker.exit_code(), rendered);
    }
    context.printer.view(&view, rendered)?;
    Ok(0)
}

/// What the agent says of the engine it found.
async fn engine_findings(client: &Client) -> Vec<DoctorFinding> {
    let engine = match client.status().await {
        Ok(hello) => hello.engine,
        Err(error) => {
            return vec![failed(
                "engine",
                error.problem().message,
                "codemate-preview agent restart",
            )];
        }
    };
    vec![match engine {
        Some(engine) => ok(
            "engine",
            format!(
                "{}, API {} at {}",
                engine.product, engine.api, engine.endpoint
            ),
        ),
        None => failed(
            "engine",
            "no Docker answers",
            "start Docker, or set DOCKER_HOST",
        ),
    }]
}

async fn images(client: &Client) -> DoctorFinding {
    match client.images().await {
        Ok(view) => {
            let built = view
                .images
                .iter()
                .filter(|image| image.built.is_some())
                .count();
            ok(
                "images",
                format!(
                    "{built} of {} are built; others are when needed",
                    view.images.len()
                ),
            )
        }
        Err(error) => failed(
            "images",
            error.problem().message,
            "codemate-preview images build",
        ),
    }
}

async fn tunnels(context: &Context, client: &Client) -> Vec<DoctorFinding> {
    let request = CheckTunnelsRequest {
        kind: None,
        online: true,
        credentials: context.credentials(),
    };
    let view = match client.check_tunnels(&request).await {
        Ok(view) => view,
        Err(error) => {
            let problem = error.problem();
            return vec![failed(
                "tunnels",
                problem.message,
                problem.hint.unwrap_or_default(),
            )];
        }
    };
    let finding = |check: TunnelCheckView| DoctorFinding {
        id: check.kind.as_str(),
        status: match check.verdict {
            TunnelVerdict::Good => CheckStatus::Ok,
            TunnelVerdict::Doubtful | TunnelVerdict::Absent => CheckStatus::Warning,
            TunnelVerdict::Bad => CheckStatus::Failed,
        },
        detail: check.detail,
        fix: check.fix,
    };
    view.checks.into_iter().map(finding).collect()
}

async fn gateway(port: u16) -> DoctorFinding {
    const TIMEOUT: Duration = Duration::from_secs(1);
    let connected = tokio::time::timeout(TIMEOUT, TcpStream::connect(("127.0.0.1", port))).await;
    match connected {
        Ok(Ok(_)) => ok("gateway", format!("port {port} answers")),
        _ => failed(
            "gateway",
            format!("port {port} does not answer"),
            "codemate-preview agent restart",
        ),
    }
}

fn directory(id: &'static str, path: &Path) -> DoctorFinding {
    let shown = path.display();
    let tried = fs::create_dir_all(path).and_then(|()| tempfile::tempfile_in(path).map(|_| ()));
    match tried {
        Ok(()) => ok(id, format!("`{shown}` can be written")),
        Err(error) => failed(
            id,
            format!("`{shown}` cannot be written: {error}"),
            "make it writable, or set CODEMATE_PREVIEW_STATE_DIR",
        ),
    }
}

/// Each watched directory takes one watch of the user's share.
fn watches(limits: &Path) -> DoctorFinding {
    const WATCHES: u64 = 65_536;
    const INSTANCES: u64 = 128;
    let read = |name: &str| {
        fs::read_to_string(limits.join(name))
            .ok()?
            .trim()
            .parse::<u64>()
            .ok()
    };
    match (read("max_user_watches"), read("max_user_instances")) {
        (Some(watches), Some(instances)) if watches < WATCHES || instances < INSTANCES => warning(
            "inotify",
            format!("{watches} watches and {instances} instances are few for large projects"),
            "sysctl fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=1024",
        ),
        (Some(watches), Some(instances)) => ok(
            "inotify",
            format!("{watches} watches, {instances} instances"),
        ),
        _ => ok("inotify", "not used on this system".to_owned()),
    }
}

/// What containers get to trust, so that they work behind a proxy that re-signs.
fn authorities(env: &Env) -> DoctorFinding {
    const USUAL: [&str; 4] = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
    ];
    if let Some(named) = &env.ssl_cert_file {
        return if named.is_file() {
            ok(
                "ca",
                format!("`{}`, named by SSL_CERT_FILE", named.display()),
            )
        } else {
            failed(
                "ca",
                format!(
                    "SSL_CERT_FILE names `{}`, which is no file",
                    named.display()
                ),
                "correct SSL_CERT_FILE",
            )
        };
    }
    match USUAL.iter().map(PathBuf::from).find(|path| path.is_file()) {
        Some(path) => ok("ca", format!("`{}`", path.display())),
        None => warning(
            "ca",
            "this host has no bundle of certificate authorities",
            "install ca-certificates",
        ),
    }
}

/// Browsers resolve these names by themselves; other programs ask the system.
async fn names() -> DoctorFinding {
    const NAME: &str = "preview.localhost";
    let is_here = lookup_host((NAME, 80))
        .await
        .is_ok_and(|mut found| found.all(|address| address.ip().is_loopback()));
    if is_here {
        return ok("names", format!("`{NAME}` is this host"));
    }
    warning(
        "names",
        format!("`{NAME}` is not resolved to this host"),
        "browsers do it by themselves; for curl add `--resolve`, or use systemd-resolved or nss-myhostname",
    )
}

fn render(findings: &[DoctorFinding], paint: Paint) -> String {
    let lines = findings.iter().map(|finding| {
        let sign = match finding.status {
            CheckStatus::Ok => paint.good("✓"),
            CheckStatus::Warning => paint.warn("!"),
            CheckStatus::Failed => paint.bad("✗"),
        };
        let line = format!(
            "{sign} {:<8} {}",
            finding.id,
            text::harmless(&finding.detail)
        );
        match &finding.fix {
            Some(fix) => format!(
                "{line}\n           {} {}",
                paint.note("fix:"),
                text::harmless(fix)
            ),
            None => line,
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn ok(id: &'static str, detail: String) -> DoctorFinding {
    DoctorFinding {
        id,
        status: CheckStatus::Ok,
        detail,
        fix: None,
    }
}

fn warning(id: &'static str, detail: impl Into<String>, fix: &str) -> DoctorFinding {
    DoctorFinding {
        id,
        status: CheckStatus::Warning,
        detail: detail.into(),
        fix: Some(fix.to_owned()),
    }
}

fn failed(id: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> DoctorFinding {
    let fix = fix.into();
    DoctorFinding {
        id,
        status: CheckStatus::Failed,
        detail: detail.into(),
        fix: (!fix.is_empty()).then_some(fix),
    }
}
