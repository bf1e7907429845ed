//! The services that a project's compose file names, read by its indentation.

/// What compose files are called, in the order in which they count.
pub const FILES: [&str; 4] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
];

/// A service of a compose file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ComposeService {
    pub name: String,
    pub image: Option<String>,
    pub file: String,
    /// The directory that it is built from, as it is written.
    pub build: Option<String>,
    pub has_ports: bool,
    /// Names and values as they are written, in order.
    pub environment: Vec<(String, String)>,
    /// Paths of files with more of them.
    pub env_files: Vec<String>,
    /// What is mounted, as it is written: a path or a volume's name, and the path inside.
    pub mounts: Vec<(String, String)>,
}

impl ComposeService {
    /// A line below the service: its own key and value, or one line of what stands below `key`.
    fn take(&mut self, key: &str, rest: &str, is_own: bool) {
        let value = plain(rest);
        match (key, is_own) {
            ("image", true) => self.image = Some(value),
            ("build", true) if !value.is_empty() => self.build = Some(value),
            ("build", false) => {
                let context = rest.strip_prefix("context:").map(plain);
                self.build = context.or_else(|| self.build.take());
            }
            ("ports", _) => self.has_ports = true,
            ("env_file", true) if !value.is_empty() => self.env_files.push(value),
            ("env_file", false) => {
                let path = rest.trim_start_matches("- ").trim_start_matches("path:");
                self.env_files.push(plain(path));
            }
            ("volumes", false) => {
                let item = plain(rest.trim_start_matches("- "));
                let mut parts = item.split(':');
                if let (Some(from), Some(to)) = (parts.next(), parts.next())
                    && to.starts_with('/')
                {
                    self.mounts.push((from.to_owned(), to.to_owned()));
                }
            }
            ("environment", false) => {
                let pair = match rest.strip_prefix("- ") {
                    Some(item) => plain(item)
                        .split_once('=')
                        .map(|(name, value)| (name.to_owned(), value.to_owned())),
                    None => rest
                        .split_once(':')
                        .map(|(name, value)| (plain(name), plain(value))),
                };
                self.environment.extend(pair);
            }
            _ => {}
        }
    }
}

/// Without the quotes around it and what a `#` begins after it.
fn plain(text: &str) -> String {
    let text = text.trim();
    for quote in ['"', '\''] {
        if let Some(rest) = text.strip_prefix(quote) {
            return rest.split(quote).next().unwrap_or(rest).to_owned();
        }
    }
    text.split(" #").next().unwrap_or(text).trim().to_owned()
}

/// The services of a compose file.
pub fn services(text: &str, file: &str) -> Vec<ComposeService> {
    let mut found: Vec<ComposeService> = Vec::new();
    let mut inside = false;
    // How far services are indented, and their keys.
    let (mut level, mut inner) = (None, None);
    let mut key = String::new();
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        if indent == 0 {
            inside = trimmed == "services:";
            continue;
        }
        if !inside {
            continue;
        }
        let at = *level.get_or_insert(indent);
        if indent == at {
            inner = None;
            if let Some(name) = trimmed.strip_suffix(':') {
                found.push(ComposeService {
                    name: plain(name),
                    file: file.to_owned(),
                    ..ComposeService::default()
                });
            }
            continue;
        }
        let Some(service) = found.last_mut() else {
            continue;
        };
        // A list may stand as far to the left as the key that it belongs to.
        if indent == *inner.get_or_insert(indent) && !trimmed.starts_with("- ") {
            let (own, rest) = trimmed.split_once(':').unwrap_or((trimmed, ""));
            own.clone_into(&mut key);
            service.take(&key, rest, true);
        } else {
            service.take(&key, trimmed, false);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_services_of_a_compose_file_are_named() {
        let text = "version: '3'\nservices:\n  # the store\n  db:\n    image: \"postgres:16\"\n    environment:\n      POSTGRES_DB: x\n\n  web:\n    build: .\nvolumes:\n  data:\n";
        let found = services(text, "compose.yaml");
        let told: Vec<_> = found
            .iter()
            .map(|it| (it.name.as_str(), it.image.as_deref()))
            .collect();
        assert_eq!(told, [("db", Some("postgres:16")), ("web", None)]);
    }

    #[test]
    fn what_a_service_is_built_from_and_told_is_read_in_either_form() {
        let text = "services:\n  web:\n    build:\n      context: ./web\n      dockerfile: Dockerfile\n    ports:\n    - \"8000:8000\"\n    env_file:\n      - docker/dev.env\n    environment:\n    - DEBUG=1 # while developing\n    - 'NAME=a shop'\n  api:\n    build: api\n    env_file: .env.dev\n    volumes:\n      - .:/code\n      - \"kept:/data:rw\"\n      - /var/lib/x\n    environment:\n      SECRET_KEY: \"a#b\"\n      LEVEL: info\n";
        let found = services(text, "compose.yml");
        let (web, api) = (&found[0], &found[1]);
        assert_eq!(web.build.as_deref(), Some("./web"));
        assert!(web.has_ports && !api.has_ports);
        assert_eq!(web.env_files, ["docker/dev.env"]);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            web.environment,
            [pair("DEBUG", "1"), pair("NAME", "a shop")]
        );
        assert_eq!(api.build.as_deref(), Some("api"));
        assert_eq!(api.env_files, [".env.dev"]);
        assert_eq!(
            api.environment,
            [pair("SECRET_KEY", "a#b"), pair("LEVEL", "info")]
        );
    }
}
