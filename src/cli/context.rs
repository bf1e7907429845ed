//! What every command is given: settings, where to print, and the way to the agent.

use std::path::{Path, PathBuf};

use super::{args::Global, exit::Failure, output::Printer};
use crate::{
    api::Credentials,
    client::{self, Client},
    config::{Env, Paths},
    model::{Code, Problem},
};

pub struct Context {
    pub env: Env,
    pub global: Global,
    pub printer: Printer,
}

impl Context {
    pub fn paths(&self) -> Result<Paths, Failure> {
        Ok(Paths::resolve(&self.env)?)
    }

    /// The agent, started if need be.
    pub async fn client(&self) -> Result<Client, Failure> {
        Ok(client::find_or_start(&self.paths()?).await?)
    }

    /// What this environment has for tunnel providers.
    pub fn credentials(&self) -> Credentials {
        Credentials {
            ngrok: self.env.ngrok_authtoken.clone(),
            cloudflare: self.env.cloudflare_token.clone(),
        }
    }

    /// The directory that is meant when none is named, with its links resolved.
    pub fn directory(&self) -> Result<PathBuf, Failure> {
        canonical(self.global.directory.as_deref().unwrap_or(Path::new(".")))
    }

    /// A directory named on the command line, which is relative to `-C`.
    pub fn resolve(&self, dir: &Path) -> Result<PathBuf, Failure> {
        match &self.global.directory {
            Some(base) => canonical(&base.join(dir)),
            None => canonical(dir),
        }
    }
}

fn canonical(dir: &Path) -> Result<PathBuf, Failure> {
    let missing = |why: String| {
        let problem = Problem::new(Code::Usage, format!("`{}` {why}", dir.display()));
        Failure::from(problem.hint("name the project's directory"))
    };
    let path = dir
        .canonicalize()
        .map_err(|error| missing(format!("cannot be used: {error}")))?;
    if path.is_dir() {
        Ok(path)
    } else {
        Err(missing("is not a directory".to_owned()))
    }
}
