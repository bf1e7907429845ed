//! `Problem`: the one shape an error takes on the wire, in JSON and in a failed phase.

use serde::{Deserialize, Serialize};

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
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextStep {
    pub argv: Vec<String>,
    pub why: String,
}

impl Problem {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
            retryable: false,
            next: Vec::new(),
        }
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
    fn a_code_of_a_newer_version_is_read() {
        let code: Code = serde_json::from_str("\"E_FROM_TOMORROW\"").unwrap();
        assert_eq!(code, Code::Unknown);
    }
}
