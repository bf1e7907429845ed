//! `FailureKind`: what went wrong, finer than a [`Code`](super::problem::Code).

use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident = $text:literal: $remedy:literal;)+) => {
        /// The text form is stable; programs match it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum FailureKind {
            $(
                $(#[doc = $doc])+
                #[serde(rename = $text)]
                $kind,
            )+
            /// A kind of a newer version.
            #[serde(other, rename = "unknown")]
            Unknown,
        }

        impl FailureKind {
            /// Every kind that this version tells.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// The same text as on the wire.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $text,)+
                    Self::Unknown => "unknown",
                }
            }

            /// What it means and what helps, for the page of errors.
            pub fn cause_and_remedy(self) -> (&'static str, &'static str) {
                match self {
                    $(Self::$kind => (concat!($($doc),+), $remedy),)+
                    Self::Unknown => ("", ""),
                }
            }
        }
    };
}

kinds! {
    /// The preview has no running container.
    NotRunning = "not-running":
        "Start it with the command that is printed.";
    /// A database or another service that the app needs does not answer.
    ServiceMissing = "service-missing":
        "Give the variable that is named the address of a service that the internet reaches. A preview cannot reach this machine; its owner can open an address with `reach` in `config.toml`.";
    /// A variable that the app needs is not set.
    VariableMissing = "variable-missing":
        "Set it with `secret set`, or start with the sample that the project brings.";
    /// A package that the app or its command needs is not installed.
    ModuleMissing = "module-missing":
        "Add the package to the project's manifest.";
    /// A file that the app needs is not inside.
    FileMissing = "file-missing":
        "The message names the file, and the rule that left it out if one did.";
    /// What a build of the project makes is not there.
    BuildMissing = "build-missing":
        "Run the build before the start.";
    /// The tables of the app's database have not been made.
    NotMigrated = "not-migrated":
        "Run the migration inside with the command that is printed.";
    /// A package has to be compiled, and what that takes is not there.
    NeedsBuilding = "needs-building":
        "Take a release of the package with a prebuilt file, or an image that has the compiler and headers.";
    /// An installation needs git, which is not there.
    NeedsGit = "needs-git":
        "Depend on a published release, or take an image that has git.";
    /// A package does not take the version of Python or Node it was given.
    VersionUnsupported = "version-unsupported":
        "Choose another version with `version` in `codemate-preview.toml`.";
    /// A package or a version of it does not exist, or its registry did not answer.
    PackageUnavailable = "package-unavailable":
        "Correct the name or the version in the manifest that is named.";
    /// Two packages ask for what contradicts each other.
    DependencyConflict = "dependency-conflict":
        "Relax one of the requirements that are named.";
    /// The lock file does not agree with the manifest, or was made on another system.
    LockMismatch = "lock-mismatch":
        "Install without the lock file with the command that is printed, or make it anew.";
    /// It used more memory than it may.
    OutOfMemory = "out-of-memory":
        "Give it more with `--memory`.";
    /// A port that the app wants is taken inside.
    PortTaken = "port-taken":
        "Have one of the two programs listen elsewhere.";
    /// The app writes or listens where it may not.
    NotAllowed = "not-allowed":
        "Have it write below its home or in `/tmp`.";
    /// The command started the app in the background and ended.
    RunsInBackground = "runs-in-background":
        "Start the app in the foreground.";
    /// The system allows no more watched files.
    WatchLimit = "watch-limit":
        "Have the watcher poll, or raise `fs.inotify.max_user_watches` on this host.";
    /// Node's OpenSSL refuses an old hash that a bundler uses.
    OldOpenssl = "old-openssl":
        "Start with `NODE_OPTIONS=--openssl-legacy-provider`.";
    /// The app is written for Python 2.
    Python2 = "python-2":
        "Port it, or bring an image that has Python 2.";
    /// The app refuses the name it is visited by.
    HostRefused = "host-refused":
        "Allow `.localhost` in the app.";
    /// The app failed in its own code.
    AppError = "app-error":
        "Correct the line that is named.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_kind_is_its_wire_form() {
        for kind in FailureKind::ALL {
            let wire = serde_json::to_value(kind).unwrap();
            assert_eq!(wire, kind.as_str());
        }
    }

    #[test]
    fn a_kind_of_a_newer_version_is_read() {
        let kind: FailureKind = serde_json::from_str("\"from-tomorrow\"").unwrap();
        assert_eq!(kind, FailureKind::Unknown);
    }
}
