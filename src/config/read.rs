//! Reading one settings file: absent is empty, anything else wrong is said.

use std::{fs, io, path::Path};

use serde::de::DeserializeOwned;

use super::{ConfigError, from_toml};

pub fn read_toml<T: DeserializeOwned + Default>(file: &Path) -> Result<T, ConfigError> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(T::default()),
        Err(source) => {
            return Err(ConfigError::Read {
                file: file.to_owned(),
                source,
            });
        }
    };
    from_toml(&text).map_err(|fault| ConfigError::Invalid {
        file: file.to_owned(),
        fault,
    })
}
