//! Who we are: a key in a file, the user's agent, or nobody.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use russh::{
    client::{AuthResult, Handle},
    keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, agent::client::AgentClient},
};

use super::{
    TunnelError, known_hosts,
    server::Server,
    session::{Client, Fate},
};

const BY: &str = "the ssh server";
/// OpenSSH closes the connection after six attempts.
const MOST_KEYS: usize = 5;

/// One way to say who we are.
#[derive(Debug, Clone)]
pub enum Identity {
    Key {
        path: PathBuf,
        key: Arc<PrivateKey>,
    },
    /// The socket of it.
    Agent(PathBuf),
    Nobody,
}

/// What to try, in this order.
///
/// The agent's keys tell who the user is, so a server that is open to all sees them only if it
/// insists.
pub fn choose(server: &Server, agent: Option<&Path>) -> Result<Vec<Identity>, TunnelError> {
    if let Some(path) = &server.key {
        let key = Arc::new(load(path)?);
        let path = path.clone();
        return Ok(vec![Identity::Key { path, key }]);
    }
    let mut choices = vec![Identity::Nobody];
    if let Some(socket) = agent {
        let at = usize::from(server.open_to_all);
        choices.insert(at, Identity::Agent(socket.to_owned()));
    }
    Ok(choices)
}

/// A private key that can be used as it is.
pub fn load(path: &Path) -> Result<PrivateKey, TunnelError> {
    let shown = path.display();
    let refuse = |said: String, hint: String| {
        Err(TunnelError::Credential {
            by: "this program",
            said,
            hint,
        })
    };
    let text = match fs::metadata(path).and_then(|about| Ok((about, fs::read_to_string(path)?))) {
        Ok((about, _)) if about.mode() & 0o077 != 0 => {
            let mode = about.mode() & 0o777;
            let said = format!("others on this host can use the key `{shown}` (mode {mode:o})");
            return refuse(said, format!("`chmod 600 {shown}`"));
        }
        Ok((_, text)) => text,
        Err(error) => {
            let said = format!("the key `{shown}` cannot be read: {error}");
            return refuse(
                said,
                "name a private key as `tunnels.ssh.key`, or leave it out to use the agent".into(),
            );
        }
    };
    match russh::keys::decode_secret_key(&text, None) {
        Ok(key) => Ok(key),
        Err(russh::keys::Error::KeyIsEncrypted) => refuse(
            format!("the key `{shown}` has a passphrase"),
            format!("`ssh-add {shown}` and leave `tunnels.ssh.key` out, or name a key without one"),
        ),
        Err(error) => {
            let said = format!("`{shown}` is no private key that is understood: {error}");
            let hint = if text.trim_start().starts_with("ssh-") {
                "it is a public key; name the file without `.pub`"
            } else {
                "name a key as `ssh-keygen -t ed25519` makes it"
            };
            refuse(said, hint.to_owned())
        }
    }
}

/// Be let in, by one of them.
pub async fn prove(
    handle: &mut Handle<Client>,
    server: &Server,
    choices: &[Identity],
    fate: &Fate,
) -> Result<(), TunnelError> {
    let mut tried = Vec::new();
    for identity in choices {
        let answer = match identity {
            Identity::Key { path, key } => {
                let print = known_hosts::fingerprint(key.public_key());
                tried.push(format!("the key `{}` ({print})", path.display()));
                with_key(handle, server, key).await
            }
            Identity::Agent(socket) => match with_agent(handle, server, socket).await {
                Ok((answer, keys)) => {
                    tried.push(format!("the agent with {keys} key(s)"));
                    answer
                }
                Err(why) => {
                    tried.push(format!("the agent at `{}`: {why}", socket.display()));
                    continue;
                }
            },
            Identity::Nobody => {
                tried.push("no key".to_owned());
                handle.authenticate_none(&server.user).await
            }
        };
        match answer {
            Ok(AuthResult::Success) => return Ok(()),
            // A server that hangs up after so many keys says so first; a network does not.
            _ if handle.is_closed() && fate.farewell().is_none() => {
                return Err(TunnelError::Unreachable {
                    what: server.label().to_owned(),
                    why: fate.why(),
                });
            }
            Ok(AuthResult::Failure { .. }) => {}
            Err(error) => tried.push(error.to_string()),
        }
        if handle.is_closed() {
            break;
        }
    }
    Err(refused(server, &tried, fate))
}

fn refused(server: &Server, tried: &[String], fate: &Fate) -> TunnelError {
    let mut said = format!(
        "`{}` is not let in at `{}`; tried {}",
        server.user,
        server.label(),
        tried.join(", ")
    );
    if let Some(last) = fate.farewell() {
        said.push_str(": ");
        said.push_str(&last);
    }
    let hint = match &server.key {
        Some(key) => format!(
            "add `{}.pub` to what the server lets `{}` in with, or name another key as \
             `tunnels.ssh.key`",
            key.display(),
            server.user
        ),
        None => "name a private key the server knows as `tunnels.ssh.key`, or `ssh-add` it to the \
                 agent"
            .to_owned(),
    };
    TunnelError::Credential { by: BY, said, hint }
}

async fn with_key(
    handle: &mut Handle<Client>,
    server: &Server,
    key: &Arc<PrivateKey>,
) -> Result<AuthResult, russh::Error> {
    let hash = hash_for(handle, key.algorithm().is_rsa()).await?;
    let key = PrivateKeyWithHashAlg::new(Arc::clone(key), hash);
    handle.authenticate_publickey(&server.user, key).await
}

/// The answer to the last key tried, and how many the agent has.
async fn with_agent(
    handle: &mut Handle<Client>,
    server: &Server,
    socket: &Path,
) -> Result<(Result<AuthResult, russh::Error>, usize), String> {
    let mut agent = AgentClient::connect_uds(socket)
        .await
        .map_err(|error| error.to_string())?;
    let keys = agent
        .request_identities()
        .await
        .map_err(|error| error.to_string())?;
    let mut why = "it has no keys".to_owned();
    let mut last = None;
    for identity in keys.iter().take(MOST_KEYS) {
        let key = identity.public_key().into_owned();
        let hash = match hash_for(handle, key.algorithm().is_rsa()).await {
            Ok(hash) => hash,
            Err(error) => return Ok((Err(error), keys.len())),
        };
        let answer = handle
            .authenticate_publickey_with(&server.user, key, hash, &mut agent)
            .await;
        match answer {
            Ok(AuthResult::Success) => return Ok((Ok(AuthResult::Success), keys.len())),
            Ok(failure) => last = Some(failure),
            // The agent did not sign, such as when its user said no; another key may do.
            Err(error) => why = error.to_string(),
        }
        if handle.is_closed() {
            break;
        }
    }
    last.map(|answer| (Ok(answer), keys.len())).ok_or(why)
}

/// How an RSA key signs: as the server wishes.
async fn hash_for(handle: &Handle<Client>, is_rsa: bool) -> Result<Option<HashAlg>, russh::Error> {
    if is_rsa {
        // One that says nothing is old, but not as old as SHA-1.
        let best = handle.best_supported_rsa_hash().await?;
        Ok(best.unwrap_or(Some(HashAlg::Sha256)))
    } else {
        Ok(None)
    }
}
