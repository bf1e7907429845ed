//! The arguments that `ssh` is run with.

use std::ffi::OsString;

use super::{Timing, TunnelError, TunnelSpec, server::Server};

/// What the server is asked to listen on, and where that leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    pub address: String,
    /// 0 leaves the choice to the server.
    pub port: u16,
    pub to: std::net::SocketAddr,
}

impl Forward {
    pub fn of(server: &Server, spec: &TunnelSpec) -> Result<Self, TunnelError> {
        let (address, port) = server.wants(spec)?;
        Ok(Self {
            address,
            port,
            to: spec.target,
        })
    }
}

/// What holds whatever the user's own configuration says of the server.
const ALWAYS: [&str; 8] = [
    // Nobody is there to answer.
    "BatchMode=yes",
    // A tunnel that leads nowhere is none.
    "ExitOnForwardFailure=yes",
    // A connection that is shared does not end with the program.
    "ControlMaster=no",
    "ControlPath=none",
    // A command of the configuration would stand in the way of ours.
    "RemoteCommand=none",
    "PermitLocalCommand=no",
    "UpdateHostKeys=no",
    "VisualHostKey=no",
];

/// Without a forwarding it only logs in.
pub fn of(
    server: &Server,
    forward: Option<&Forward>,
    timing: &Timing,
) -> Result<Vec<OsString>, TunnelError> {
    // What it says of itself is known by `-v` alone: when the server listens, and with which key
    // it came. No terminal, no agent and no display goes over there.
    let mut args: Vec<OsString> = ["-v", "-T", "-a", "-x"].map(OsString::from).into();
    let mut option = |text: String| args.extend(["-o".into(), text.into()]);
    for text in ALWAYS {
        option(text.to_owned());
    }
    option(format!(
        "ConnectTimeout={}",
        timing.connect.as_secs().max(1)
    ));
    option(format!(
        "ServerAliveInterval={}",
        timing.keepalive.as_secs().max(1)
    ));
    option(format!("ServerAliveCountMax={}", timing.missed));
    for text in server.trust.options()? {
        option(text);
    }
    if let Some(key) = &server.key {
        option("IdentitiesOnly=yes".to_owned());
        args.extend(["-i".into(), key.into()]);
    }
    if let Some(port) = server.port {
        args.extend(["-p".into(), port.to_string().into()]);
    }
    if let Some(user) = &server.user {
        args.extend(["-l".into(), user.into()]);
    }
    if let Some(Forward { address, port, to }) = forward {
        args.extend(["-R".into(), format!("{address}:{port}:{to}").into()]);
    }
    let session = server.session().filter(|_| forward.is_some());
    if session.is_none() {
        args.push("-N".into());
    }
    // After `--` nothing is an option, so the command may begin with dashes.
    args.extend(["--".into(), server.host.as_str().into()]);
    args.extend(
        session
            .filter(|command| !command.is_empty())
            .map(OsString::from),
    );
    Ok(args)
}
