//! Who we are: a key in a file, the user's agent, or whatever `ssh` finds by itself.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{TunnelError, server::Server};

/// What there is to log in with, for people.
pub fn describe_login(server: &Server, agent: Option<&Path>) -> Result<String, TunnelError> {
    check_key(server, agent)?;
    if let Some(path) = &server.key {
        return Ok(format!("the key `{}`", path.display()));
    }
    let refuse = |said: String, hint: &str| {
        Err(TunnelError::Credential {
            by: "this program",
            said,
            hint: hint.to_owned(),
        })
    };
    match agent {
        _ if server.open_to_all => Ok("no key is needed".to_owned()),
        Some(socket) if is_socket(socket) => {
            Ok(format!("the keys of the agent at `{}`", socket.display()))
        }
        Some(socket) => refuse(
            format!("there is no agent at `{}`", socket.display()),
            "start an agent, or name a key as `tunnels.ssh.key`",
        ),
        None => Ok("the keys that `ssh` finds by itself".to_owned()),
    }
}

/// Whether the key of the settings is a private one that can be used. `ssh` has nobody to ask for a
/// passphrase.
pub fn check_key(server: &Server, agent: Option<&Path>) -> Result<(), TunnelError> {
    let Some(path) = &server.key else {
        return Ok(());
    };
    let shown = path.display();
    let refuse = |said: String, hint: String| {
        Err(TunnelError::Credential {
            by: "this program",
            said,
            hint,
        })
    };
    let text = match fs::metadata(path).and_then(|about| Ok((about, fs::read_to_string(path)?))) {
        Ok((about, _)) if about.mode() & 0o077 != 0 => {
            let mode = about.mode() & 0o777;
            let said = format!("others on this host can use the key `{shown}` (mode {mode:o})");
            return refuse(said, format!("`chmod 600 {shown}`"));
        }
        Ok((_, text)) => text,
        Err(error) => {
            let said = format!("the key `{shown}` cannot be read: {error}");
            return refuse(
                said,
                "name a private key as `tunnels.ssh.key`, or leave it out to use the agent".into(),
            );
        }
    };
    if !text.contains(" PRIVATE KEY-----") {
        let said = format!("`{shown}` is no private key");
        let hint = if text.trim_start().starts_with("ssh-") {
            "it is a public key; name the file without `.pub`"
        } else {
            "name a key as `ssh-keygen -t ed25519` makes it"
        };
        return refuse(said, hint.to_owned());
    }
    // An agent may have it open.
    if agent.is_none() && has_passphrase(&text) {
        return refuse(
            format!("the key `{shown}` has a passphrase"),
            format!("`ssh-add {shown}` and leave `tunnels.ssh.key` out, or name a key without one"),
        );
    }
    Ok(())
}

/// OpenSSH's own format names the cipher first; older ones say it in a header.
fn has_passphrase(text: &str) -> bool {
    const MAGIC: &[u8] = b"openssh-key-v1\0";
    let body: String = text.lines().filter(|line| !line.contains('-')).collect();
    match STANDARD.decode(body.trim()) {
        Ok(bytes) if bytes.starts_with(MAGIC) => {
            !bytes[MAGIC.len()..].starts_with(b"\0\0\0\x04none")
        }
        _ => text.contains("ENCRYPTED"),
    }
}

fn is_socket(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    fs::metadata(path).is_ok_and(|about| about.file_type().is_socket())
}
