//! What `ssh -v` says of itself: when the server listens, with which key it came, and why it ended.
//!
//! Its exit code is 255 for everything, so what went wrong is told by its words. Those are OpenSSH's
//! of the last ten years.

use std::time::Duration;

use super::{TunnelError, arguments::Forward, server::Server};
use crate::{config::SshPreset, tunnel::ProgramExit};

const BY: &str = "the ssh server";
/// How many of the last lines an error tells.
const KEPT: usize = 8;

/// What it says beside what the server says, and nobody has to read.
const CHATTER: [&str; 10] = [
    "debug",
    "OpenSSH_",
    "Authenticated to ",
    "Transferred: ",
    "Bytes per second: ",
    "Allocated port ",
    "Killed by signal",
    "Warning: Permanently added ",
    "Pseudo-terminal will not be allocated",
    "@@@@",
];

/// What one line means.
#[derive(Debug, PartialEq, Eq)]
pub enum OutputEvent {
    /// The server has taken the forwarding, at the port that was asked for.
    Forwarded,
    /// It has chosen this one.
    Listens(u16),
    /// Something that is not `ssh`'s own, or that people should read.
    Said,
    Other,
}

/// All that was said so far.
#[derive(Default)]
pub struct SshOutput {
    /// `SHA256:…` of the key that the server came with.
    pub host_key: Option<String>,
    pub is_in: bool,
    changed: bool,
    /// The server forwards nothing, or not for us.
    forbidden: bool,
    last: Vec<String>,
}

impl SshOutput {
    pub fn take(&mut self, line: &str) -> OutputEvent {
        if let Some(key) = line.strip_prefix("debug1: Server host key: ") {
            self.host_key = key.split_whitespace().nth(1).map(str::to_owned);
        } else if line.starts_with("debug1: Remote: Server has disabled port forwarding") {
            self.forbidden = true;
        } else if line.starts_with("debug1: remote forward success for: ") {
            return OutputEvent::Forwarded;
        } else if let Some(rest) = line.strip_prefix("Allocated port ") {
            let port = rest.split(' ').next().unwrap_or_default().parse();
            return port.map_or(OutputEvent::Other, OutputEvent::Listens);
        } else if line.starts_with("Authenticated to ") {
            self.is_in = true;
        } else if line.starts_with("Host key verification failed") {
            self.changed = true;
        }
        if CHATTER.iter().any(|start| line.starts_with(start)) {
            return OutputEvent::Other;
        }
        if self.last.len() == KEPT {
            self.last.remove(0);
        }
        self.last.push(line.trim().to_owned());
        OutputEvent::Said
    }

    fn tail(&self) -> String {
        self.last.join("\n  ")
    }

    fn has(&self, words: &[&str]) -> bool {
        let has = |line: &String| words.iter().any(|words| line.contains(words));
        self.last.iter().any(has)
    }

    /// It runs, and nobody has said an address for this long.
    pub fn silent(&self, server: &Server, waited: Duration) -> TunnelError {
        let label = server.label().to_owned();
        if self.is_in && !self.last.is_empty() {
            return TunnelError::NoUrl {
                by: label,
                said: self.tail(),
            };
        }
        let what = if self.is_in {
            format!("the URL from `{label}`")
        } else {
            format!("logging in at `{label}`")
        };
        TunnelError::TimedOut { what, waited }
    }

    /// Why it ended by itself. `was_up` if the tunnel had a URL by then.
    pub fn error(
        &self,
        mut ended: ProgramExit,
        server: &Server,
        forward: &Forward,
        was_up: bool,
    ) -> TunnelError {
        if was_up {
            return TunnelError::Lost { why: self.why() };
        }
        if self.has(&["remote port forwarding failed"]) {
            return self.refused(server, forward);
        }
        if let Some(error) = self.not_in(server) {
            return error;
        }
        if self.is_in && !self.last.is_empty() {
            return TunnelError::Rejected {
                by: BY,
                said: self.tail(),
                hint: format!("this is what `{}` said", server.label()),
            };
        }
        ended.last_lines.clone_from(&self.last);
        ended.error()
    }

    fn why(&self) -> String {
        match self.tail() {
            tail if tail.is_empty() => "the server closed the connection".to_owned(),
            tail => tail,
        }
    }

    /// What kept it from being let in, if that did.
    pub fn not_in(&self, server: &Server) -> Option<TunnelError> {
        if self.is_in {
            return None;
        }
        if self.changed {
            let seen = self.host_key.as_deref().unwrap_or("another");
            return Some(server.trust.changed(seen));
        }
        if self.has(&["Permission denied", "Too many authentication failures"]) {
            return Some(self.credential(server));
        }
        if self.has(&["Unable to negotiate", "no matching "]) {
            return Some(TunnelError::Rejected {
                by: BY,
                said: self.tail(),
                hint: "it is too old, or allows too little".to_owned(),
            });
        }
        let unreachable = [
            "connect to host ",
            "Could not resolve hostname ",
            "Connection closed by ",
            "Connection reset by ",
            "Connection timed out",
            "kex_exchange_identification",
            "ssh_exchange_identification",
            "banner exchange",
            "Timeout, server ",
            "Connection to ",
            "Disconnected from ",
            "Received disconnect from ",
        ];
        self.has(&unreachable).then(|| TunnelError::Unreachable {
            what: server.label().to_owned(),
            why: self.why(),
        })
    }

    fn credential(&self, server: &Server) -> TunnelError {
        let hint = match &server.key {
            Some(key) => format!(
                "add `{}.pub` to what the server lets {} in with, or name another key as \
                 `tunnels.ssh.key`",
                key.display(),
                server.who()
            ),
            None => "name a private key the server knows as `tunnels.ssh.key`, or `ssh-add` it to \
                     the agent"
                .to_owned(),
        };
        TunnelError::Credential {
            by: BY,
            said: format!(
                "{} is not let in at `{}`: {}",
                server.who(),
                server.label(),
                self.tail()
            ),
            hint,
        }
    }

    /// The protocol says only "no". A server that forbids it says so beside that; one that was free
    /// to choose a port has no other reason.
    fn refused(&self, server: &Server, forward: &Forward) -> TunnelError {
        let label = server.label();
        let Forward { address, port, .. } = forward;
        let forbids = self.forbidden || *port == 0;
        if forbids && server.preset != SshPreset::Sish {
            return TunnelError::Rejected {
                by: BY,
                said: format!("`{label}` does not listen on {address}:{port}"),
                hint: "it has to allow remote forwarding: with OpenSSH, `AllowTcpForwarding` and \
                       `PermitListen`"
                    .to_owned(),
            };
        }
        TunnelError::HostTaken {
            host: format!("{address}:{port}"),
            said: format!("`{label}` does not listen there for us"),
            hint: "choose another as `tunnels.ssh.remote_port` or `tunnels.ssh.remote_host`; \
                   without a port the server chooses one"
                .to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        OutputEvent::{Forwarded, Listens, Other, Said},
        *,
    };

    /// As OpenSSH 9.2 said it.
    const SAID: &str = "OpenSSH_9.2p1 Debian-2+deb12u10, OpenSSL 3.0.19 27 Jan 2026\n\
        debug1: Connecting to 127.0.0.1 [127.0.0.1] port 40041.\n\
        debug1: Server host key: ssh-ed25519 SHA256:kZyV3sOsRIoK8hCwQnL1Vk0hqf7MvGkVvjW7PZ8yQ0I\n\
        Authenticated to 127.0.0.1 ([127.0.0.1]:40041) using \"publickey\".\n\
        debug1: remote forward success for: listen localhost:0, connect 127.0.0.1:80\n\
        Allocated port 33211 for remote forward to 127.0.0.1:80\n\
        Timeout, server 127.0.0.1 not responding.";

    #[test]
    fn its_own_words_are_told_from_those_that_people_should_read() {
        let mut ssh_output = SshOutput::default();
        let moments: Vec<_> = SAID.lines().map(|line| ssh_output.take(line)).collect();
        assert_eq!(
            moments,
            [Other, Other, Other, Other, Forwarded, Listens(33211), Said]
        );
        assert!(ssh_output.is_in);
        let key = ssh_output.host_key.as_deref().unwrap();
        assert!(key.starts_with("SHA256:kZyV"), "{key}");
        assert_eq!(
            ssh_output.why(),
            "Timeout, server 127.0.0.1 not responding."
        );
    }
}
