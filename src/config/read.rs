//! Reading one settings file: absent is empty, anything else wrong is said.

use std::{
    fs::OpenOptions,
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use rustix::fs::OFlags;
use serde::de::DeserializeOwned;

use super::{ConfigError, from_toml};

/// Bytes. Who needs more does not write settings.
const LONGEST: u64 = 1 << 20;

pub fn read_toml<T: DeserializeOwned + Default>(file: &Path) -> Result<T, ConfigError> {
    let text = match read(file) {
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

/// A project's settings come from who made the project: a pipe or a device in their place is not
/// waited for, nor read without end.
fn read(file: &Path) -> io::Result<String> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).map_err(io::Error::other)?;
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(file)?;
    let about = opened.metadata()?;
    if about.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !about.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a file",
        ));
    }
    if about.len() > LONGEST {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut text = String::new();
    opened.take(LONGEST).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use rustix::fs::{FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn what_is_no_file_is_neither_waited_for_nor_read() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        mknodat(rustix::fs::CWD, at("pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        symlink("/dev/zero", at("device")).unwrap();
        fs::File::create(at("huge"))
            .unwrap()
            .set_len(1 << 40)
            .unwrap();
        fs::create_dir(at("dir")).unwrap();
        for name in ["pipe", "device", "huge", "dir"] {
            assert!(read(&at(name)).is_err(), "{name}");
        }
        fs::write(at("file"), "a = 1").unwrap();
        assert_eq!(read(&at("file")).unwrap(), "a = 1");
    }
}
