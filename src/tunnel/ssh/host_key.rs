//! Which key a server has: the one the settings name, else the one it had first.

use std::{
    fs::{DirBuilder, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::PathBuf,
};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};

use super::TunnelError;

/// Where a server's key is looked up, and what the settings say of it.
#[derive(Debug, Clone)]
pub struct Trust {
    /// As the `known_hosts` of OpenSSH has it: `host`, or `[host]:port`.
    pub host: String,
    /// `SHA256:…`
    pub pinned: Option<String>,
    pub file: PathBuf,
}

impl Trust {
    pub fn new(host: &str, port: Option<u16>, pinned: Option<String>, file: PathBuf) -> Self {
        let host = match port {
            None | Some(22) => host.to_owned(),
            Some(port) => format!("[{host}]:{port}"),
        };
        Self { host, pinned, file }
    }

    /// What has `ssh` believe the right server alone. Once a key is kept, a key of another algorithm
    /// is refused too, for a stranger would offer just that.
    pub fn options(&self) -> Result<Vec<String>, TunnelError> {
        // The name in the file does not depend on what the user's configuration makes of the host.
        let alias = format!("HostKeyAlias={}", self.host);
        let others = "GlobalKnownHostsFile=/dev/null".to_owned();
        if let Some(pinned) = &self.pinned {
            return Ok(vec![
                alias,
                others,
                "UserKnownHostsFile=/dev/null".to_owned(),
                "StrictHostKeyChecking=yes".to_owned(),
                // The key is known by its fingerprint, so it is believed when it comes with that.
                format!(
                    "KnownHostsCommand=/bin/sh -c 'test \"$1\" != \"{pinned}\" || echo \"$2 $3 $4\"' \
                     sh %f %H %t %K"
                ),
            ]);
        }
        let known = self.known().map_err(|error| self.unusable(&error))?;
        let strict = if known.is_empty() {
            "accept-new"
        } else {
            "yes"
        };
        let file = self.file.display().to_string().replace('%', "%%");
        Ok(vec![
            alias,
            others,
            format!("UserKnownHostsFile=\"{file}\""),
            format!("StrictHostKeyChecking={strict}"),
            "HashKnownHosts=no".to_owned(),
        ])
    }

    /// The fingerprints of the keys that it had; none if nothing is known. The file is there after
    /// it, for its user alone.
    fn known(&self) -> io::Result<Vec<String>> {
        if let Some(dir) = self.file.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.file)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        Ok(text
            .lines()
            .filter_map(|line| line.split_once(' '))
            .filter(|(names, _)| names.split(',').any(|name| name == self.host))
            .filter_map(|(_, key)| fingerprint(key))
            .collect())
    }

    /// The server has come with another key than was expected.
    pub fn changed(&self, seen: &str) -> TunnelError {
        let (expected, hint) = match &self.pinned {
            Some(pinned) => (
                pinned.clone(),
                "set `tunnels.ssh.host_key` to the new one if the server really has it; of a \
                 server with several keys it has to be the first of ED25519, ECDSA, RSA"
                    .to_owned(),
            ),
            None => (
                self.known().unwrap_or_default().join(" or "),
                format!(
                    "someone may be in between; if the server really has a new key, remove the \
                     line of `{}` from `{}`",
                    self.host,
                    self.file.display()
                ),
            ),
        };
        TunnelError::HostKeyChanged {
            host: self.host.clone(),
            seen: seen.to_owned(),
            expected,
            hint,
        }
    }

    fn unusable(&self, error: &io::Error) -> TunnelError {
        TunnelError::Settings {
            what: format!("`{}` cannot be used: {error}", self.file.display()),
            hint:
                "it holds the keys of ssh servers; make it readable and writable, or pin the key \
                   as `tunnels.ssh.host_key`"
                    .to_owned(),
        }
    }
}

/// Of a key as a line of `known_hosts` has it: its kind, then its bytes in Base64.
fn fingerprint(key: &str) -> Option<String> {
    let bytes = STANDARD.decode(key.split_whitespace().nth(1)?).ok()?;
    let hash = STANDARD_NO_PAD.encode(digest(&SHA256, &bytes));
    Some(format!("SHA256:{hash}"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

    fn options(trust: &Trust) -> String {
        trust.options().unwrap().join("\n")
    }

    #[test]
    fn the_first_key_is_believed_and_then_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a 100%/known_hosts");
        let trust = Trust::new("host.test", Some(2222), None, file.clone());
        let first = options(&trust);
        assert!(first.contains("HostKeyAlias=[host.test]:2222\n"), "{first}");
        assert!(first.contains("a 100%%/known_hosts\"\n"), "{first}");
        assert!(first.contains("=accept-new"), "{first}");
        fs::write(&file, format!("host.test {KEY}\n")).unwrap();
        assert_eq!(options(&trust), first, "that is another port");
        fs::write(&file, format!("[host.test]:2222 {KEY}\n")).unwrap();
        let later = options(&trust);
        assert!(later.contains("StrictHostKeyChecking=yes"), "{later}");
        let TunnelError::HostKeyChanged { expected, hint, .. } = trust.changed("SHA256:x") else {
            panic!("no such error");
        };
        assert_eq!(expected, fingerprint(KEY).unwrap());
        assert!(hint.contains("known_hosts"), "{hint}");
    }

    #[test]
    fn a_pin_is_the_only_key_and_needs_no_file() {
        let pin = fingerprint(KEY).unwrap();
        assert_eq!(pin.len(), "SHA256:".len() + 43);
        let trust = Trust::new("host.test", None, Some(pin.clone()), "/none".into());
        let said = options(&trust);
        assert!(said.contains(&pin) && !said.contains("/none"), "{said}");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_no_reason_to_believe() {
        let dir = tempfile::tempdir().unwrap();
        let trust = Trust::new("host.test", None, None, dir.path().to_owned());
        let error = trust.options().unwrap_err();
        assert!(matches!(error, TunnelError::Settings { .. }), "{error}");
    }
}
