//! The services that a project's compose file names.

/// A service of a compose file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComposeService {
    pub name: String,
    pub image: Option<String>,
    pub file: String,
}

/// The services of a compose file, by its indentation.
pub fn services(text: &str, file: &str) -> Vec<ComposeService> {
    let mut found: Vec<ComposeService> = Vec::new();
    let mut inside = false;
    let mut level = None;
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
        if indent == at
            && let Some(name) = trimmed.strip_suffix(':')
        {
            found.push(ComposeService {
                name: name.trim_matches(['"', '\'']).to_owned(),
                image: None,
                file: file.to_owned(),
            });
        } else if let (Some(image), Some(service)) =
            (trimmed.strip_prefix("image:"), found.last_mut())
        {
            service.image = Some(image.trim().trim_matches(['"', '\'']).to_owned());
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
}
