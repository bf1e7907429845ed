//! Whether a directory is its user's alone, so that what is found in it can be trusted.

use std::{fs, io, os::unix::fs::MetadataExt, path::Path};

/// Why the socket in a directory could be somebody else's.
#[derive(Debug)]
pub enum NotPrivate {
    Io(io::Error),
    /// A link: whoever made it decides where it leads.
    Link,
    NoDirectory,
    Owner(u32),
    /// Others may enter it, or put things there.
    Mode(u32),
}

/// The directory itself is looked at, never what a link leads to.
pub fn is_private(dir: &Path) -> Result<(), NotPrivate> {
    let known = fs::symlink_metadata(dir).map_err(NotPrivate::Io)?;
    if known.is_symlink() {
        return Err(NotPrivate::Link);
    }
    if !known.is_dir() {
        return Err(NotPrivate::NoDirectory);
    }
    if known.uid() != rustix::process::geteuid().as_raw() {
        return Err(NotPrivate::Owner(known.uid()));
    }
    if known.mode() & 0o077 != 0 {
        return Err(NotPrivate::Mode(known.mode() & 0o777));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn only_an_own_closed_directory_is_private() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("dir");
        fs::create_dir(&dir).unwrap();
        let mode = |mode| fs::set_permissions(&dir, fs::Permissions::from_mode(mode)).unwrap();
        mode(0o700);
        assert!(is_private(&dir).is_ok());
        mode(0o710);
        assert!(matches!(is_private(&dir), Err(NotPrivate::Mode(0o710))));
        mode(0o700);
        let link = root.path().join("link");
        symlink(&dir, &link).unwrap();
        assert!(matches!(is_private(&link), Err(NotPrivate::Link)));
        let file = root.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(matches!(is_private(&file), Err(NotPrivate::NoDirectory)));
        let none = is_private(&root.path().join("none"));
        assert!(matches!(none, Err(NotPrivate::Io(_))));
    }
}
