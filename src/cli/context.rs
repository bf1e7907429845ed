//! What every command is given: settings, where to print, and the way to the agent.

use std::path::{Path, PathBuf};

use super::{args::Global, exit::Failure, output::Printer};
use crate::{
    client::{self, Client, RemoteEndpoint},
    config::{Env, Paths},
    model::{Code, Credentials, Problem},
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

    /// The agent, started if need be; the one elsewhere where the environment names one.
    pub async fn client(&self) -> Result<Client, Failure> {
        match &self.env.api {
            None => Ok(client::find_or_start(&self.paths()?).await?),
            Some(url) => Ok(client::elsewhere(&RemoteEndpoint {
                url,
                token: self.env.api_token.as_ref().ok_or_else(|| {
                    Problem::new(Code::Credential, "CODEMATE_PREVIEW_TOKEN is not set")
                        .hint("make one there with `codemate-preview token new`")
                })?,
                authorities: self.env.api_ca.as_deref(),
            })
            .await?),
        }
    }

    /// What this environment has for providers.
    pub fn credentials(&self) -> Credentials {
        if self.env.api.is_some() {
            // They are for this host's agent, not for somebody else's.
            return Credentials::default();
        }
        self.env.credentials.clone()
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
