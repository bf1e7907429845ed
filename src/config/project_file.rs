//! The project's own settings: `codemate-preview.toml`, and `.local.toml` for one machine.

use std::{fs, io, path::Path};

use super::{Combine, ConfigError, Env, from_env, from_toml};
use crate::model::Options;

/// Strongest first.
pub const FILES: [&str; 2] = ["codemate-preview.local.toml", "codemate-preview.toml"];

/// What the environment says over what the files in `dir` say.
pub fn project_options(dir: &Path, env: &Env) -> Result<Options, ConfigError> {
    let mut options = from_env(env)?;
    for name in FILES {
        options = options.combine(read(&dir.join(name))?);
    }
    Ok(options)
}

fn read(file: &Path) -> Result<Options, ConfigError> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Options::default()),
        Err(source) => return Err(ConfigError::Read { file: file.to_owned(), source }),
    };
    let options: Options =
        from_toml(&text).map_err(|fault| ConfigError::Invalid { file: file.to_owned(), fault })?;
    match options.schema {
        None | Some(1) => Ok(options),
        Some(schema) => Err(ConfigError::Schema { file: file.to_owned(), schema }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_local_file_is_stronger_and_the_environment_strongest() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILES[1]), "port = 1\nimage = \"a\"\ntemplate = \"t\"\n")
            .unwrap();
        fs::write(dir.path().join(FILES[0]), "port = 2\nimage = \"b\"\n").unwrap();
        let env = Env { port: Some("3".to_owned()), ..Env::default() };
        let options = project_options(dir.path(), &env).unwrap();
        assert_eq!(options.port, Some(3));
        assert_eq!(options.image.as_deref(), Some("b"));
        assert_eq!(options.template.as_deref(), Some("t"));
    }

    #[test]
    fn faults_name_the_file_and_the_line() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(FILES[1]);
        fs::write(&file, "schema = 1\nprot = 5000\n").unwrap();
        let error = project_options(dir.path(), &Env::default()).unwrap_err();
        let problem = error.problem();
        assert!(
            problem.message.contains("codemate-preview.toml`, line 2: unknown key `prot`"),
            "{}",
            problem.message
        );
        assert_eq!(problem.hint.as_deref(), Some("write `port`, or remove the key"));

        fs::write(&file, "schema = 2\n").unwrap();
        let error = project_options(dir.path(), &Env::default()).unwrap_err();
        assert!(matches!(error, ConfigError::Schema { schema: 2, .. }));
    }

    #[test]
    fn no_file_says_nothing() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(project_options(dir.path(), &Env::default()).unwrap(), Options::default());
    }
}
