//! Programs that hold tunnels. None outlives the agent, however that ends.
//!
//! Each is recorded before it is started, is ended by the kernel when the agent ends
//! ([`die_with_parent`]), leads a process group, and carries a mark in its environment that its
//! children inherit. What gets past all that is ended by the next agent ([`Programs::reap`]), which
//! signals nothing that it cannot tell to be the recorded process or a carrier of the mark.

mod die_with_parent;
mod ledger;
mod orphans;
mod output_lines;
mod process;
mod running;
mod spawner;

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs, io,
    os::{
        fd::OwnedFd,
        unix::{fs::PermissionsExt as _, net::UnixStream, process::CommandExt as _},
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use rustix::process::Pid;
use tokio::time::timeout;

use crate::{
    config::Inherited,
    model::{InstanceId, Secret, TunnelKind},
    store::{Store, StoreError, TunnelRecord},
    task::Scope,
    tunnel::{Tools, TunnelError, TunnelTiming},
};

pub use die_with_parent::die_with_parent;
pub use ledger::Ledger;
pub use running::{ProgramExit, Running};

/// How long starting a program may take: the file may have to be fetched from somewhere.
const STARTING: Duration = Duration::from_secs(10);

/// What starting programs and ending them takes.
#[derive(Clone)]
pub struct Programs {
    store: Arc<Store>,
    wrapper: PathBuf,
    inherited: Inherited,
    timing: TunnelTiming,
    scope: Scope,
}

/// A program to start. Secrets go into its environment and nowhere else.
#[derive(Debug, Clone)]
pub struct Launch {
    pub program: PathBuf,
    pub args: Vec<OsString>,
    /// Beside what every program inherits.
    pub env: BTreeMap<String, Secret>,
}

impl Launch {
    pub fn new(program: PathBuf) -> Self {
        Self {
            program,
            args: Vec::new(),
            env: BTreeMap::new(),
        }
    }

    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.insert(name.to_owned(), Secret::new(value));
        self
    }

    /// For people.
    fn name(&self) -> String {
        let name = self.program.file_name().unwrap_or(self.program.as_os_str());
        name.to_string_lossy().into_owned()
    }
}

impl Programs {
    pub fn new(tools: &Tools) -> Self {
        Self {
            store: Arc::clone(&tools.store),
            wrapper: tools.wrapper.clone(),
            inherited: tools.inherited.clone(),
            timing: tools.timing.clone(),
            scope: tools.scope.clone(),
        }
    }

    /// Begin the record of a tunnel. What an earlier attempt under this key left running is ended,
    /// and what it left at the provider is in the record.
    pub async fn ledger(
        &self,
        kind: TunnelKind,
        key: &str,
        instances: Vec<InstanceId>,
    ) -> Result<Ledger, TunnelError> {
        Ledger::open(self, kind, key, instances).await
    }

    /// Start a program and have it recorded. It runs when this returns, or may have ended again.
    pub async fn start(&self, ledger: &Ledger, launch: Launch) -> Result<Running, TunnelError> {
        ledger.change(|record| record.process = None).await?;
        let (name, mark) = (launch.name(), ledger.record().mark);
        let unusable = |error: io::Error| TunnelError::ProgramUnusable {
            program: name.clone(),
            why: error.to_string(),
        };
        let (news, theirs) = UnixStream::pair().map_err(unusable)?;
        let command = self.command(&launch, &mark, theirs);
        let child = spawner::spawn(command).await.map_err(unusable)?;
        let running = Running::new(self, child, name.clone(), mark).map_err(unusable)?;
        let listening = self
            .scope
            .spawn_blocking(move || die_with_parent::listen(news));
        let said = match timeout(STARTING, listening).await {
            Ok(Ok(said)) => said,
            Ok(Err(error)) => Err(io::Error::other(error)),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        };
        if let Err(error) = said {
            running.end().await;
            return Err(unusable(error));
        }
        let process = Pid::from_raw(running.pid()).and_then(process::identify);
        if let Err(error) = ledger.change(|record| record.process = process).await {
            running.end().await;
            return Err(error);
        }
        Ok(running)
    }

    fn command(&self, launch: &Launch, mark: &str, theirs: UnixStream) -> Command {
        let mut command = Command::new(&self.wrapper);
        command
            .arg0("codemate-preview")
            .arg("tether")
            .arg(std::process::id().to_string())
            .arg("--")
            .arg(&launch.program)
            .args(&launch.args)
            .env_clear()
            .envs(self.inherited.iter())
            .envs(
                launch
                    .env
                    .iter()
                    .map(|(name, value)| (name, value.reveal())),
            )
            .env(process::MARK, mark)
            .current_dir("/")
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// How long a program has until it is killed.
    pub(super) fn longest_end(&self) -> Duration {
        self.timing.first_grace + self.timing.second_grace
    }

    /// What programs of ours see of our own environment.
    pub fn inherited(&self) -> &Inherited {
        &self.inherited
    }

    /// Have the disk do something on a thread that may wait.
    pub(super) async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, TunnelError> {
        match self.scope.spawn_blocking(work).await {
            Ok(done) => Ok(done?),
            Err(error) => Err(TunnelError::Unreachable {
                what: "the state directory".to_owned(),
                why: error.to_string(),
            }),
        }
    }

    /// End what the agent before this one left running, and say whether that did it. Its record stays.
    pub(super) async fn reap(&self, left: &TunnelRecord) -> bool {
        orphans::end(left, self).await
    }
}

/// An executable file: at `name` if that is a path, else of that name in the first directory of
/// `path` that has one.
pub fn find(name: &Path, path: Option<&OsStr>) -> Option<PathBuf> {
    let is_program = |file: &PathBuf| {
        fs::metadata(file)
            .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    if name.components().count() > 1 || name.is_absolute() {
        return Some(name.to_owned()).filter(is_program);
    }
    std::env::split_paths(path?)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join(name))
        .find(is_program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_an_executable_file() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (dir.path().join("a"), dir.path().join("b"));
        for (at, mode) in [(&first, 0o644), (&second, 0o755)] {
            fs::create_dir(at).unwrap();
            fs::write(at.join("tool"), "").unwrap();
            fs::set_permissions(at.join("tool"), fs::Permissions::from_mode(mode)).unwrap();
        }
        fs::create_dir(first.join("folder")).unwrap();
        let path = std::env::join_paths([&first, &second]).unwrap();
        let found = |name: &Path| find(name, Some(&path));
        assert_eq!(found(Path::new("tool")), Some(second.join("tool")));
        assert_eq!(found(Path::new("folder")), None);
        assert_eq!(found(&first.join("tool")), None);
        assert_eq!(found(&second.join("tool")), Some(second.join("tool")));
        assert_eq!(find(Path::new("tool"), None), None);
    }
}
