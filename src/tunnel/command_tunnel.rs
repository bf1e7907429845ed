//! `command`: any program that opens a tunnel and says its URL, by the user's settings.

use std::{path::Path, time::Duration};

use async_trait::async_trait;
use regex::Regex;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

use crate::{
    config::CommandSettings,
    model::{PublicUrl, TunnelKind},
    tunnel::{
        Capabilities, Check, Launch, Ledger, Programs, Provider, Report, Stop, Tools, TunnelError,
        TunnelSpec, Verdict, program, url_template,
    },
};

const HINT: &str = "install it, or change the program in `tunnels.command.argv`";
/// How many characters of a line are shown in an error.
const SHOWN: usize = 200;

pub struct CommandTunnel {
    settings: CommandSettings,
    programs: Programs,
    path: Option<std::ffi::OsString>,
    printing: Duration,
}

/// The settings, understood.
struct Plan {
    launch: Launch,
    url: Source,
    limit: Duration,
}

/// Where its URL comes from.
enum Source {
    Known(PublicUrl),
    Printed {
        pattern: Regex,
        /// What is made of `{1}`.
        shape: Option<String>,
    },
}

impl CommandTunnel {
    pub fn new(tools: &Tools) -> Self {
        Self {
            settings: tools.settings.command.clone(),
            programs: Programs::new(tools),
            path: tools.path.clone(),
            printing: tools.timing.printing,
        }
    }

    fn program(&self) -> Result<&str, TunnelError> {
        self.settings
            .argv
            .first()
            .map(String::as_str)
            .ok_or_else(|| TunnelError::Settings {
                what: "`tunnels.command.argv` is not set".to_owned(),
                hint: "set the program and its arguments in the user's settings, such as \
                       `argv = [\"bore\", \"local\", \"{port}\", \"--to\", \"bore.example.com\"]`"
                    .to_owned(),
            })
    }

    fn limit(&self) -> Result<Duration, TunnelError> {
        let Some(text) = &self.settings.timeout else {
            return Ok(self.printing);
        };
        humantime::parse_duration(text).map_err(|error| TunnelError::Settings {
            what: format!("`tunnels.command.timeout` is `{text}`: {error}"),
            hint: "write it such as `30s`".to_owned(),
        })
    }

    fn pattern(&self) -> Result<Option<Regex>, TunnelError> {
        let Some(text) = &self.settings.url_pattern else {
            return Ok(None);
        };
        let pattern = Regex::new(text).map_err(|error| TunnelError::Settings {
            what: format!("`tunnels.command.url_pattern` makes no sense: {error}"),
            hint: "write a regular expression such as `https://[^ ]+`".to_owned(),
        })?;
        Ok(Some(pattern))
    }

    fn source(&self, spec: &TunnelSpec) -> Result<Source, TunnelError> {
        match (self.pattern()?, &self.settings.url) {
            (Some(pattern), shape) => Ok(Source::Printed {
                pattern,
                shape: shape.clone(),
            }),
            (None, Some(url)) => Ok(Source::Known(url_template::url(url, spec, &[])?)),
            (None, None) => Err(TunnelError::Settings {
                what: "neither `url_pattern` nor `url` of `tunnels.command` is set".to_owned(),
                hint: "say how the URL is found in what the program prints, such as \
                       `url_pattern = \"https://[^ ]+\"`, or what it is"
                    .to_owned(),
            }),
        }
    }

    fn found(&self) -> Result<std::path::PathBuf, TunnelError> {
        let name = self.program()?;
        program::find(Path::new(name), self.path.as_deref()).ok_or_else(|| {
            TunnelError::ProgramMissing {
                program: name.to_owned(),
                hint: HINT,
            }
        })
    }

    fn plan(&self, spec: &TunnelSpec) -> Result<Plan, TunnelError> {
        let (port, host) = (spec.target.port().to_string(), spec.target.ip().to_string());
        let values = [
            ("port", port.as_str()),
            ("host", &host),
            ("name", spec.name.as_str()),
        ];
        let mut launch = Launch::new(self.found()?);
        for argument in &self.settings.argv[1..] {
            launch = launch.arg(url_template::fill(argument, &values)?);
        }
        for (name, value) in &self.settings.env {
            launch = launch.env(name, url_template::fill(value, &values)?);
        }
        Ok(Plan {
            launch,
            url: self.source(spec)?,
            limit: self.limit()?,
        })
    }

    async fn run(
        &self,
        plan: Plan,
        (spec, report, stop): (&TunnelSpec, &Report, &Stop),
        ledger: &Ledger,
    ) -> Result<(), TunnelError> {
        let mut running = self.programs.start(ledger, plan.launch).await?;
        let lines = running.lines();
        let left = tokio::select! {
            // What it said before it ended is no use any more.
            biased;
            () = stop.asked() => Some(Ok(())),
            () = running.ended() => None,
            error = follow(lines, &plan.url, plan.limit, (spec, report)) => Some(Err(error)),
        };
        let ended = running.end().await;
        match left {
            None => Err(ended.error()),
            Some(Err(TunnelError::TimedOut { what, waited })) => Err(TunnelError::TimedOut {
                what: match ended.last_lines.last() {
                    Some(line) => format!("{what} (it printed `{}`)", shorten(line)),
                    None => format!("{what} (it printed nothing)"),
                },
                waited,
            }),
            Some(left) => left,
        }
    }
}

/// Report every URL that it prints. Returns only if there is none.
async fn follow(
    mut lines: mpsc::Receiver<String>,
    source: &Source,
    limit: Duration,
    (spec, report): (&TunnelSpec, &Report),
) -> TunnelError {
    let (pattern, shape) = match source {
        Source::Known(url) => {
            report.up(url);
            return std::future::pending().await;
        }
        Source::Printed { pattern, shape } => (pattern, shape.as_deref()),
    };
    let deadline = Instant::now() + limit;
    let mut shown = false;
    loop {
        let line = if shown {
            lines.recv().await
        } else {
            timeout_at(deadline, lines.recv()).await.unwrap_or_default()
        };
        let Some(line) = line else {
            break;
        };
        match url_in(&line, pattern, shape, spec) {
            None => {}
            Some(Ok(url)) => {
                shown = true;
                report.up(&url);
            }
            // The tunnel is there and has a URL.
            Some(Err(error)) if shown => tracing::warn!(%error, "a line of a tunnel's program"),
            Some(Err(error)) => return error,
        }
    }
    if shown {
        // It has closed its output, and says no more.
        return std::future::pending().await;
    }
    tokio::time::sleep_until(deadline).await;
    TunnelError::TimedOut {
        what: "printing a URL that matches `tunnels.command.url_pattern`".to_owned(),
        waited: limit,
    }
}

/// What the pattern finds in a line, made a URL.
fn url_in(
    line: &str,
    pattern: &Regex,
    shape: Option<&str>,
    spec: &TunnelSpec,
) -> Option<Result<PublicUrl, TunnelError>> {
    let captures = pattern.captures(line)?;
    let found = captures.get(1).or(captures.get(0))?.as_str();
    Some(match shape {
        Some(shape) => url_template::url(shape, spec, &[("1", found)]),
        None => found.parse().map_err(|_| TunnelError::NoUrl {
            by: "`tunnels.command.url_pattern`".to_owned(),
            said: shorten(found),
        }),
    })
}

fn shorten(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

#[async_trait]
impl Provider for CommandTunnel {
    fn kind(&self) -> TunnelKind {
        TunnelKind::Command
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            stable_url: self.settings.url.is_some() && self.settings.url_pattern.is_none(),
            settle: Duration::ZERO,
            heal: None,
        }
    }

    fn opening(&self) -> Option<Duration> {
        self.limit().ok()
    }

    async fn check(&self, _online: bool) -> Vec<Check> {
        let found = self.found().and_then(|program| {
            self.pattern()?;
            self.limit()?;
            Ok(program.display().to_string())
        });
        let (verdict, detail, fix) = match found {
            Ok(detail) => (Verdict::Good, detail, None),
            Err(error) => {
                let unset = self.settings.argv.is_empty();
                let verdict = if unset { Verdict::Absent } else { Verdict::Bad };
                (verdict, error.to_string(), error.problem().hint)
            }
        };
        vec![Check {
            kind: self.kind(),
            verdict,
            detail,
            fix,
        }]
    }

    async fn hold(&self, spec: TunnelSpec, report: Report, stop: Stop) -> Result<(), TunnelError> {
        let plan = self.plan(&spec)?;
        let ledger = self
            .programs
            .ledger(self.kind(), spec.id.as_str(), vec![spec.id.clone()])
            .await?;
        let held = self.run(plan, (&spec, &report, &stop), &ledger).await;
        let forgotten = ledger.forget().await;
        held.and(forgotten)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(
        line: &str,
        pattern: &str,
        shape: Option<&str>,
    ) -> Option<Result<String, TunnelError>> {
        let spec = TunnelSpec {
            id: "0123456789ab".parse().unwrap(),
            name: "shop".parse().unwrap(),
            target: "127.0.0.1:81".parse().unwrap(),
            generation: 1,
        };
        url_in(line, &Regex::new(pattern).unwrap(), shape, &spec)
            .map(|url| url.map(|url| url.to_string()))
    }

    #[test]
    fn a_url_is_found_whole_in_part_or_made() {
        let line = "INFO listening at bore.example:3141";
        for (line, pattern, shape, want) in [
            (
                "up: https://a.example/ ok",
                "https://[^ ]+",
                None,
                "https://a.example",
            ),
            (
                "url=<https://a.example>",
                "<(.*)>",
                None,
                "https://a.example",
            ),
            (
                line,
                "listening at (.*)",
                Some("http://{1}"),
                "http://bore.example:3141",
            ),
            (
                line,
                ":([0-9]+)",
                Some("http://{name}.example:{1}"),
                "http://shop.example:3141",
            ),
        ] {
            assert_eq!(
                found(line, pattern, shape).unwrap().unwrap(),
                want,
                "{line}"
            );
        }
        assert!(found(line, "https://[^ ]+", None).is_none());
        assert!(found(line, "listening at (.*)", None).unwrap().is_err());
    }
}
