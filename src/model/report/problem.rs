//! `Problem`: the one shape an error takes on the wire, in JSON and in a failed phase.

use serde::{Deserialize, Serialize};

use crate::model::{Candidate, FailureKind};

/// What kind of failure it is. The text form is stable; scripts match it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Code {
    #[serde(rename = "E_INTERNAL")]
    Internal,
    #[serde(rename = "E_USAGE")]
    Usage,
    #[serde(rename = "E_NOT_FOUND")]
    NotFound,
    #[serde(rename = "E_CREDENTIAL")]
    Credential,
    #[serde(rename = "E_DOCKER")]
    Docker,
    #[serde(rename = "E_AGENT")]
    Agent,
    #[serde(rename = "E_DETECT")]
    Detect,
    #[serde(rename = "E_CONFIG")]
    Config,
    #[serde(rename = "E_SYNC")]
    Sync,
    #[serde(rename = "E_INSTALL")]
    Install,
    #[serde(rename = "E_APP_EXITED")]
    AppExited,
    #[serde(rename = "E_TIMED_OUT")]
    TimedOut,
    #[serde(rename = "E_TUNNEL")]
    Tunnel,
    #[serde(rename = "E_POLICY")]
    Policy,
    #[serde(rename = "E_INTERRUPTED")]
    Interrupted,
    #[serde(rename = "E_TERMINATED")]
    Terminated,
    /// A code of a newer version.
    #[serde(other, rename = "E_UNKNOWN")]
    Unknown,
}

impl Code {
    /// Every code that this version tells.
    pub const ALL: [Self; 16] = [
        Self::Internal,
        Self::Usage,
        Self::NotFound,
        Self::Credential,
        Self::Docker,
        Self::Agent,
        Self::Detect,
        Self::Config,
        Self::Sync,
        Self::Install,
        Self::AppExited,
        Self::TimedOut,
        Self::Tunnel,
        Self::Policy,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// What it means and what helps, for the page of errors.
    pub fn cause_and_remedy(self) -> (&'static str, &'static str) {
        match self {
            Self::Internal | Self::Unknown => (
                "This program has a fault of its own.",
                "Report it with what `codemate-preview agent logs` says.",
            ),
            Self::Usage => (
                "The command was wrong, or an answer was needed and nobody could be asked.",
                "Correct the command; `--help` names what it takes.",
            ),
            Self::NotFound => (
                "There is no such preview or directory, or the preview is not running.",
                "`codemate-preview ls` lists what there is; `up` starts one.",
            ),
            Self::Credential => (
                "A credential is missing or was refused.",
                "Give another one in the way that the hint names.",
            ),
            Self::Docker => (
                "The Docker engine cannot be reached, or refused what it was asked.",
                "`codemate-preview doctor` says what is missing.",
            ),
            Self::Agent => (
                "The background process cannot be started or reached, or went away.",
                "`codemate-preview agent restart` replaces it; `agent logs` says why.",
            ),
            Self::Detect => (
                "The project was not recognised, or not clearly.",
                "Take one of the commands that are printed, or say in `codemate-preview.toml` how to run it.",
            ),
            Self::Config => (
                "A setting is not valid.",
                "Correct the setting that is named.",
            ),
            Self::Sync => (
                "The files could not be brought in.",
                "Correct the file that is named, or leave it out.",
            ),
            Self::Install => (
                "The dependencies could not be installed.",
                "The kind says why; `codemate-preview logs` has the whole output.",
            ),
            Self::AppExited => (
                "The app ended before it answered, or later.",
                "The kind says why; `codemate-preview logs` has all that it wrote.",
            ),
            Self::TimedOut => (
                "Nothing answered in time.",
                "The message says what was seen last; `[ready]` in `codemate-preview.toml` sets what is waited for.",
            ),
            Self::Tunnel => (
                "There is no public URL.",
                "`codemate-preview tunnel doctor` checks what each tunnel needs.",
            ),
            Self::Policy => (
                "The owner of this host, or a limit, does not allow it.",
                "Ask for less, or change what `config.toml` allows.",
            ),
            Self::Interrupted => ("It was ended by Ctrl-C.", "Run it again."),
            Self::Terminated => ("It was ended by a request to terminate.", "Run it again."),
        }
    }

    /// The process exit code that stands for it.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Internal | Self::Unknown => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Credential => 4,
            Self::Docker | Self::Agent => 5,
            Self::Detect | Self::Config => 6,
            Self::Sync => 7,
            Self::Install => 8,
            Self::AppExited => 9,
            Self::TimedOut => 10,
            Self::Tunnel => 11,
            Self::Policy => 12,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// The same text as on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "E_INTERNAL",
            Self::Usage => "E_USAGE",
            Self::NotFound => "E_NOT_FOUND",
            Self::Credential => "E_CREDENTIAL",
            Self::Docker => "E_DOCKER",
            Self::Agent => "E_AGENT",
            Self::Detect => "E_DETECT",
            Self::Config => "E_CONFIG",
            Self::Sync => "E_SYNC",
            Self::Install => "E_INSTALL",
            Self::AppExited => "E_APP_EXITED",
            Self::TimedOut => "E_TIMED_OUT",
            Self::Tunnel => "E_TUNNEL",
            Self::Policy => "E_POLICY",
            Self::Interrupted => "E_INTERRUPTED",
            Self::Terminated => "E_TERMINATED",
            Self::Unknown => "E_UNKNOWN",
        }
    }
}

/// What happened, to what, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    pub code: Code,
    /// What went wrong, for programs; absent where the code says all there is to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<FailureKind>,
    /// One sentence without a full stop. May be followed by the last lines an app printed.
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Whether the same call may succeed later with nothing changed.
    #[serde(default)]
    pub retryable: bool,
    /// Commands that could help. Never holds a secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub next: Vec<NextStep>,
    /// Where no template fits a project, or several do: how each fared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextStep {
    pub argv: Vec<String>,
    pub why: String,
}

/// Arguments as a line that a shell reads back as the same arguments.
pub fn command_line(argv: &[String]) -> String {
    let quoted = argv.iter().map(|arg| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
        if !arg.is_empty() && arg.chars().all(plain) {
            arg.clone()
        } else {
            format!("'{}'", arg.replace('\'', r"'\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

impl Problem {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            kind: None,
            message: message.into(),
            hint: None,
            retryable: false,
            next: Vec::new(),
            candidates: Vec::new(),
        }
    }

    #[must_use]
    pub fn of(mut self, kind: FailureKind) -> Self {
        self.kind = Some(kind);
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }

    #[must_use]
    pub fn next(mut self, argv: &[&str], why: &str) -> Self {
        self.next.push(NextStep {
            argv: argv.iter().map(|&arg| arg.to_owned()).collect(),
            why: why.to_owned(),
        });
        self
    }

    #[must_use]
    pub fn next_owned(mut self, argv: Vec<String>, why: impl Into<String>) -> Self {
        self.next.push(NextStep {
            argv,
            why: why.into(),
        });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_code_is_its_wire_form() {
        for code in [
            Code::Internal,
            Code::AppExited,
            Code::TimedOut,
            Code::Terminated,
        ] {
            let wire = serde_json::to_value(code).unwrap();
            assert_eq!(wire, code.as_str());
        }
    }

    #[test]
    fn a_command_line_can_be_pasted() {
        let argv = ["up", "a b", "it's", ""].map(str::to_owned);
        assert_eq!(command_line(&argv), r"up 'a b' 'it'\''s' ''");
    }

    #[test]
    fn a_code_of_a_newer_version_is_read() {
        let code: Code = serde_json::from_str("\"E_FROM_TOMORROW\"").unwrap();
        assert_eq!(code, Code::Unknown);
    }
}
