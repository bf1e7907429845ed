//! Which key a server has: the one the settings name, else the one it had first.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::PathBuf,
};

use russh::keys::{HashAlg, PublicKey};

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
    pub fn new(host: &str, port: u16, pinned: Option<String>, file: PathBuf) -> Self {
        let host = if port == 22 {
            host.to_owned()
        } else {
            format!("[{host}]:{port}")
        };
        Self { host, pinned, file }
    }

    /// Whether a server with this key is the right one. A first key is kept on disk before it is
    /// believed.
    ///
    /// Any other key than the known one is refused, of another algorithm too: a stranger would
    /// offer just that.
    pub fn check(&self, key: &PublicKey) -> Result<(), TunnelError> {
        let seen = fingerprint(key);
        if let Some(pinned) = &self.pinned {
            return if *pinned == seen {
                Ok(())
            } else {
                Err(self.changed(
                    seen,
                    pinned.clone(),
                    "set `tunnels.ssh.host_key` to the new one if the server really has it; of a \
                     server with several keys it has to be the first of ED25519, ECDSA, RSA"
                        .to_owned(),
                ))
            };
        }
        // Held until the line is written, so that two first connections agree.
        let (mut file, text) = self.open().map_err(|error| self.unusable(&error))?;
        let known = keys_of(&self.host, &text);
        if known.iter().any(|known| known.key_data() == key.key_data()) {
            return Ok(());
        }
        if !known.is_empty() {
            let expected: Vec<String> = known.iter().map(fingerprint).collect();
            let hint = format!(
                "someone may be in between; if the server really has a new key, remove the line of \
                 `{}` from `{}`",
                self.host,
                self.file.display()
            );
            return Err(self.changed(seen, expected.join(" or "), hint));
        }
        let mut write = || {
            let key = key.to_openssh().map_err(io::Error::other)?;
            let gap = if text.is_empty() || text.ends_with('\n') {
                ""
            } else {
                "\n"
            };
            file.write_all(format!("{gap}{} {key}\n", self.host).as_bytes())?;
            file.sync_all()
        };
        write().map_err(|error| self.unusable(&error))
    }

    /// The keys it had; none if nothing is known.
    pub fn known(&self) -> Vec<PublicKey> {
        std::fs::read_to_string(&self.file)
            .map(|text| keys_of(&self.host, &text))
            .unwrap_or_default()
    }

    /// The file, locked, and what is in it.
    fn open(&self) -> io::Result<(File, String)> {
        if let Some(dir) = self.file.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.file)?;
        file.lock()?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        Ok((file, text))
    }

    fn changed(&self, seen: String, expected: String, hint: String) -> TunnelError {
        TunnelError::HostKeyChanged {
            host: self.host.clone(),
            seen,
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

pub fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

/// The keys on the lines of a host. Names are not hashed here: the file is ours.
fn keys_of(host: &str, text: &str) -> Vec<PublicKey> {
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(names, _)| names.split(',').any(|name| name == host))
        .filter_map(|(_, key)| PublicKey::from_openssh(key).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    const ONE: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const OTHER: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X";

    fn key(text: &str) -> PublicKey {
        PublicKey::from_openssh(text).unwrap()
    }

    fn trust(dir: &tempfile::TempDir, port: u16, pinned: Option<String>) -> Trust {
        Trust::new("host.test", port, pinned, dir.path().join("t/known_hosts"))
    }

    #[test]
    fn the_first_key_is_kept_for_its_host_and_port_and_another_refused() {
        let dir = tempfile::tempdir().unwrap();
        let here = trust(&dir, 2222, None);
        assert!(here.known().is_empty());
        here.check(&key(ONE)).unwrap();
        here.check(&key(ONE)).unwrap();
        assert_eq!(here.known(), [key(ONE)]);
        trust(&dir, 22, None).check(&key(OTHER)).unwrap();
        let text = fs::read_to_string(&here.file).unwrap();
        assert_eq!(text, format!("[host.test]:2222 {ONE}\nhost.test {OTHER}\n"));
        let mode = fs::metadata(&here.file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let error = here.check(&key(OTHER)).unwrap_err();
        let TunnelError::HostKeyChanged {
            host,
            seen,
            expected,
            hint,
        } = error
        else {
            panic!("{error}");
        };
        assert_eq!(host, "[host.test]:2222");
        assert_eq!(seen, fingerprint(&key(OTHER)));
        assert_eq!(expected, fingerprint(&key(ONE)));
        assert!(hint.contains("t/known_hosts"), "{hint}");
    }

    #[test]
    fn a_pin_is_the_only_key_and_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let pinned = trust(&dir, 22, Some(fingerprint(&key(ONE))));
        pinned.check(&key(ONE)).unwrap();
        assert!(pinned.check(&key(OTHER)).is_err());
        assert!(!pinned.file.exists());
    }

    #[test]
    fn a_file_that_cannot_be_read_is_no_reason_to_believe() {
        let dir = tempfile::tempdir().unwrap();
        let here = trust(&dir, 22, None);
        fs::create_dir_all(&here.file).unwrap();
        let error = here.check(&key(ONE)).unwrap_err();
        assert!(matches!(error, TunnelError::Settings { .. }), "{error}");
    }
}
