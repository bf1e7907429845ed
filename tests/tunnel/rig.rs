//! A host of its own for one test: a state directory, programs, and tunnels that hurry.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use codemate_preview::{
    config::{CredentialRegistry, Inherited, TunnelSettings},
    model::{InstanceId, TunnelKind, TunnelState},
    store::Store,
    task::Scope,
    tunnel::{Tools, Tunnel, TunnelTarget, TunnelTiming, Tunnels},
};

use super::world::{Door, PATIENCE, an_id};

/// What a stub program leaves in its directory about each of its runs.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Run {
    pub pid: i32,
    pub args: Vec<String>,
    pub env: std::collections::BTreeMap<String, String>,
    /// Processes that it started and left to themselves.
    pub children: Vec<i32>,
}

/// The directory in which stub programs are told what to do and say what they did.
pub struct Dir(pub PathBuf);

impl Dir {
    pub fn tell(&self, file: &str, text: &str) {
        let (new, at) = (self.0.join(format!(".{file}")), self.0.join(file));
        fs::write(&new, text).unwrap();
        fs::rename(new, at).unwrap();
    }

    pub fn read(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.0.join(file)).ok()
    }

    pub fn remove(&self, file: &str) {
        fs::remove_file(self.0.join(file)).unwrap();
    }

    /// Every run so far, in order. A line that is being written is not there yet.
    pub fn runs(&self) -> Vec<Run> {
        let text = self.read("runs").unwrap_or_default();
        text.split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

pub struct Rig {
    pub dir: Dir,
    pub tools: Tools,
    pub door: Arc<Door>,
    /// Taken away with the rig.
    temporary: Option<tempfile::TempDir>,
}

impl Rig {
    pub async fn new(scope: &Scope) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let mut rig = Self::at(temporary.path(), scope).await;
        rig.temporary = Some(temporary);
        rig
    }

    /// In a directory that others use too.
    pub async fn at(dir: &Path, scope: &Scope) -> Self {
        let mut settings = TunnelSettings::default();
        let door = Arc::new(Door::open(scope).await);
        // Nothing in here leads anywhere but to this door.
        for pattern in ["*.trycloudflare.com", "*.preview.test"] {
            let to = door.addr.to_string();
            settings.resolve.insert(pattern.to_owned(), to);
        }
        let tools = Tools {
            settings,
            credentials: CredentialRegistry::default(),
            store: Arc::new(Store::open(dir.join("state")).unwrap()),
            owner: "0011223344556677".to_owned(),
            path: Some(OsString::from(dir)),
            home: None,
            ca_bundle: None,
            inherited: std::env::vars_os().collect::<Inherited>(),
            wrapper: super::tether(),
            timing: timing(),
            scope: scope.clone(),
        };
        Self {
            dir: Dir(dir.to_owned()),
            tools,
            door,
            temporary: None,
        }
    }

    pub fn tunnels(&self) -> Tunnels {
        Tunnels::new(&self.tools).unwrap()
    }

    pub fn visit(&self) -> TunnelTarget {
        self.visit_of(an_id())
    }

    pub fn visit_of(&self, id: InstanceId) -> TunnelTarget {
        TunnelTarget {
            id,
            name: "shop".parse().unwrap(),
            target: self.door.addr,
            endpoint: self.door.clone(),
        }
    }

    pub fn open(&self, tunnels: &Tunnels, kind: TunnelKind) -> Tunnel {
        tunnels.open(kind, self.visit()).unwrap()
    }

    /// The keys of every record there is.
    pub fn records(&self) -> Vec<String> {
        let records = self.tools.store.load_tunnels().unwrap();
        records.into_iter().map(|record| record.key).collect()
    }
}

/// As in life, but not as slow.
fn timing() -> TunnelTiming {
    let ms = Duration::from_millis;
    TunnelTiming {
        first_grace: ms(400),
        second_grace: ms(400),
        connecting: PATIENCE,
        asking: ms(10),
        looking: ms(20),
        settling: ms(10),
        verifying: ms(10),
        ..TunnelTiming::default()
    }
}

/// Wait for a state that `found` takes.
pub async fn reach<T>(
    tunnel: &mut Tunnel,
    what: &str,
    found: impl Fn(&TunnelState) -> Option<T>,
) -> T {
    let seen = tunnel.states.clone();
    let wait = tunnel.states.wait_for(|state| found(state).is_some());
    let Ok(state) = tokio::time::timeout(PATIENCE, wait).await else {
        panic!("waited in vain for {what}: {:?}", *seen.borrow());
    };
    let state = state.unwrap().clone();
    found(&state).unwrap()
}

/// Wait until the URL is shown, and say it.
pub async fn ready(tunnel: &mut Tunnel) -> String {
    reach(tunnel, "a URL", |state| match state {
        TunnelState::Ready { url, .. } => Some(url.to_string()),
        _ => None,
    })
    .await
}

/// Poll until `found` finds something, while everything else goes on.
pub async fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let polling = async {
        loop {
            if let Some(it) = found() {
                return it;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let Ok(it) = tokio::time::timeout(PATIENCE, polling).await else {
        panic!("waited in vain for: {what}");
    };
    it
}

/// Whether the kernel knows the process, be it as a zombie.
pub fn is_known(pid: i32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// Whether it runs.
pub fn is_alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with('Z') && !rest.starts_with('X'))
}
