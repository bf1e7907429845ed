//! Reading one settings file: absent is empty, anything else wrong is said.

use std::{fs, io, path::Path};

use serde::{Serialize, de::DeserializeOwned};

use super::{ConfigError, keys};

pub fn read_toml<T>(file: &Path) -> Result<T, ConfigError>
where
    T: DeserializeOwned + Serialize + Default,
{
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(T::default()),
        Err(source) => return Err(ConfigError::Read { file: file.to_owned(), source }),
    };
    let invalid = |error: toml::de::Error| ConfigError::Invalid {
        file: file.to_owned(),
        reason: error.to_string().trim_end().to_owned(),
    };
    let table: toml::Table = text.parse().map_err(invalid)?;
    if let Some(unknown) = keys::unknown::<T>(&table) {
        return Err(ConfigError::UnknownKey {
            file: file.to_owned(),
            key: unknown.key,
            nearest: unknown.nearest,
        });
    }
    toml::from_str(&text).map_err(invalid)
}
