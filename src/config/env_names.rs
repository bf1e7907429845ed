//! Which names files of variables have, and samples of such files.

/// Whether a file of that name holds variables of the environment, and no sample of them.
pub fn is_env_name(name: &str) -> bool {
    name == ".flaskenv" || name == ".env" || name.starts_with(".env.") && !is_sample_name(name)
}

/// Whether it is a file to copy, as `.env.example` is.
pub fn is_sample_name(name: &str) -> bool {
    const WORDS: [&str; 7] = [
        "example", "sample", "template", "dist", "default", "defaults", "tpl",
    ];
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix(".txt").unwrap_or(&name);
    let mut words = name.split(['.', '-', '_']);
    let is_env = words.clone().any(|word| word == "env");
    is_env && words.any(|word| WORDS.contains(&word) || word == "required")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_told_from_what_they_are_samples_of() {
        for name in [
            ".env",
            ".env.local",
            ".env.development",
            ".env.development.local",
            ".flaskenv",
        ] {
            assert!(is_env_name(name) && !is_sample_name(name), "{name}");
        }
        for name in [
            ".env.example",
            ".env-example",
            ".env_example",
            ".env.template",
            ".env.sample",
            ".env.dist",
            ".env.local.example",
            "env.example",
            "example.env",
            "sample.env",
            "required_env.txt",
            ".ENV.EXAMPLE",
        ] {
            assert!(is_sample_name(name) && !is_env_name(name), "{name}");
        }
        for name in ["example.py", "env.py", ".envrc", "environment.yml", "env"] {
            assert!(!is_env_name(name) && !is_sample_name(name), "{name}");
        }
    }
}
