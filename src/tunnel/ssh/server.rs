//! Which server, who one is there, and what is asked of it.

use std::path::PathBuf;

use super::{Tools, TunnelError, TunnelKind, TunnelSpec, host_key::Trust, url_template};
use crate::{
    config::{SshPreset, SshSettings},
    model::PublicUrl,
};

/// Its documentation names this user for those without a key; such a one's address changes.
const WITHOUT_A_KEY: &str = "nokey";
/// Who one is where that does not matter.
const ANYONE: &str = "codemate";

/// The settings with the preset's words for what they do not say.
#[derive(Debug, Clone)]
pub struct Server {
    pub preset: SshPreset,
    pub host: String,
    /// The user's configuration, or 22, when not given.
    pub port: Option<u16>,
    /// The user's configuration, or the user's own name, when not given.
    pub user: Option<String>,
    pub key: Option<PathBuf>,
    pub trust: Trust,
    /// One needs no key there.
    pub open_to_all: bool,
    /// For `plain`.
    url: Option<String>,
    listen: String,
    pub listen_port: Option<u16>,
}

impl Server {
    /// What the settings say of this kind. `[tunnels.ssh]` is about [`TunnelKind::Ssh`] alone; of
    /// it, the others take only the key.
    pub fn of(kind: TunnelKind, tools: &Tools) -> Result<Self, TunnelError> {
        let given = &tools.settings.ssh;
        let settings = match kind {
            TunnelKind::LocalhostRun => built_in(SshPreset::LocalhostRun, given),
            TunnelKind::Pinggy => built_in(SshPreset::Pinggy, given),
            _ => given.clone(),
        };
        let preset = settings.preset.unwrap_or(SshPreset::Plain);
        let key = settings
            .key
            .map(|path| match (path.strip_prefix("~"), &tools.home) {
                (Ok(below), Some(home)) => home.join(below),
                _ => path,
            });
        let host = settings
            .host
            .or(default_host(preset))
            .ok_or_else(|| missing("host", "the name of your own server"))?;
        for (setting, value) in [("host", Some(&host)), ("user", settings.user.as_ref())] {
            // `ssh` would read it as an option.
            if value.is_some_and(|value| value.starts_with('-')) {
                return Err(TunnelError::Settings {
                    what: format!("`tunnels.ssh.{setting}` begins with a dash"),
                    hint: "write a name".to_owned(),
                });
            }
        }
        let user = settings.user.or(default_user(preset, key.is_some()));
        let port = settings.port.or(match preset {
            // Firewalls let it through more often.
            SshPreset::Pinggy => Some(443),
            _ => None,
        });
        if preset == SshPreset::Plain && settings.url.is_none() {
            return Err(missing(
                "url",
                "where the server's port is found, such as `http://example.com:{port}`, or \
                 `https://{name}.example.com` with a reverse proxy there",
            ));
        }
        let pinned = settings.host_key.map(|pin| pinned(&pin)).transpose()?;
        let file = tools.store.tunnels().join("known_hosts");
        Ok(Self {
            trust: Trust::new(&host, port, pinned, file),
            open_to_all: matches!(preset, SshPreset::LocalhostRun | SshPreset::Pinggy),
            listen: settings.remote_host.unwrap_or_else(|| match preset {
                SshPreset::Sish => "{name}".to_owned(),
                _ => "localhost".to_owned(),
            }),
            listen_port: settings.remote_port,
            url: settings.url,
            preset,
            host,
            port,
            user,
            key,
        })
    }

    /// As messages name it.
    pub fn label(&self) -> &str {
        &self.trust.host
    }

    /// Who one is there, for a sentence.
    pub fn who(&self) -> String {
        match &self.user {
            Some(user) => format!("`{user}`"),
            None => "the user that `ssh` takes".to_owned(),
        }
    }

    /// Whom it is asked as and where, for people.
    pub fn described(&self) -> String {
        format!("{} at `{}`", self.who(), self.label())
    }

    /// The address and the port to ask for; port 0 leaves the choice to the server.
    pub fn wants(&self, spec: &TunnelSpec) -> Result<(String, u16), TunnelError> {
        let listen = url_template::fill(&self.listen, &[("name", spec.name.as_str())])?;
        let port = self.listen_port.unwrap_or(match self.preset {
            // At 80 these servers end TLS themselves.
            SshPreset::Sish | SshPreset::LocalhostRun => 80,
            SshPreset::Plain | SshPreset::Pinggy => 0,
        });
        Ok((listen, port))
    }

    /// The URL of a port of a server that does not say one.
    pub fn url(&self, spec: &TunnelSpec, port: u16) -> Result<Option<PublicUrl>, TunnelError> {
        match (self.preset, &self.url) {
            (SshPreset::Plain, Some(text)) => {
                url_template::url(text, spec, &[("port", &port.to_string())]).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Whether the URL is the same after a restart.
    pub fn stable(&self) -> bool {
        match self.preset {
            SshPreset::Plain => {
                let by_port = self
                    .url
                    .as_ref()
                    .is_some_and(|text| text.contains("{port}"));
                !by_port || self.listen_port.is_some_and(|port| port != 0)
            }
            SshPreset::Sish => true,
            SshPreset::LocalhostRun | SshPreset::Pinggy => false,
        }
    }

    /// What to run in a session; a shell if it is empty. `None` where nothing is said.
    pub fn session(&self) -> Option<&'static str> {
        match self.preset {
            SshPreset::Plain => None,
            SshPreset::LocalhostRun => Some("--output json"),
            SshPreset::Sish | SshPreset::Pinggy => Some(""),
        }
    }
}

fn built_in(preset: SshPreset, given: &SshSettings) -> SshSettings {
    SshSettings {
        preset: Some(preset),
        key: given.key.clone(),
        ..SshSettings::default()
    }
}

fn default_host(preset: SshPreset) -> Option<String> {
    match preset {
        SshPreset::Plain | SshPreset::Sish => None,
        SshPreset::LocalhostRun => Some("localhost.run".to_owned()),
        SshPreset::Pinggy => Some("a.pinggy.io".to_owned()),
    }
}

fn default_user(preset: SshPreset, has_key: bool) -> Option<String> {
    let user = match preset {
        SshPreset::Plain => return None,
        SshPreset::LocalhostRun if !has_key => WITHOUT_A_KEY,
        SshPreset::LocalhostRun | SshPreset::Sish | SshPreset::Pinggy => ANYONE,
    };
    Some(user.to_owned())
}

/// In the form that `ssh-keygen -l` prints.
fn pinned(pin: &str) -> Result<String, TunnelError> {
    let pin = pin.trim().trim_end_matches('=');
    // 32 bytes in base64 without padding.
    if pin
        .strip_prefix("SHA256:")
        .is_some_and(|hash| hash.len() == 43)
    {
        return Ok(pin.to_owned());
    }
    Err(TunnelError::Settings {
        what: format!("`{pin}` in `tunnels.ssh.host_key` is no fingerprint of a key"),
        hint: "write it as `ssh-keygen -lf` prints it on the server, such as `SHA256:…`".to_owned(),
    })
}

fn missing(setting: &str, what: &str) -> TunnelError {
    TunnelError::Settings {
        what: format!("`tunnels.ssh.{setting}` is not set"),
        hint: format!("set it in the user's settings to {what}"),
    }
}
