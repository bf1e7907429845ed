//! A sandbox put to the test on this very host: a throw-away preview that tries to get out.
//!
//! Its container is approved and started like any other. What it tries to reach are the agent's own
//! listeners on this host, and addresses of private networks with packets that live for one hop.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    net::TcpListener,
    sync::{Mutex, mpsc, oneshot},
    time::{Instant, timeout},
};

use crate::{
    engine::{
        EngineError,
        link::{Link, OutputLine, RunSpec},
    },
    lifecycle::{Context, LifecycleError, Manager},
    model::{
        ContainerSpec, Egress, ImageInfo, ImageRef, InstanceId, Limits, Name, ProbeRow,
        ProbeVerdict, Sandbox,
    },
    security::{LimitRequest, limits},
    task::Scope,
};

/// For everything between the start of the container and its last answer.
const PATIENCE: Duration = Duration::from_secs(25);
/// Addresses of this host that are listened on.
const MOST_LISTENERS: usize = 8;
const MOST_ROWS: usize = 500;

/// What a preview's environment holds of ours. What a project sets is its own.
const VARIABLES: [&str; 12] = [
    "PATH",
    "HOME",
    "USER",
    "HOSTNAME",
    "PWD",
    "PORT",
    "SSL_CERT_FILE",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
];

/// What came of it all.
#[derive(Debug)]
pub struct SelftestReport {
    pub rows: Vec<ProbeRow>,
    pub took: Duration,
}

/// There is one container to probe from.
static TURN: Mutex<()> = Mutex::const_new(());

impl Manager {
    /// One at a time, and to its end whoever leaves, so that nothing stays.
    pub async fn probe(&self) -> Result<SelftestReport, LifecycleError> {
        let context = self.context.clone();
        let (reply, probed) = oneshot::channel();
        self.scope.spawn(async move {
            let _turn = TURN.lock().await;
            let _ = reply.send(probe(&context).await);
        });
        probed.await.map_err(|_| LifecycleError::ShuttingDown)?
    }
}

async fn probe(context: &Context) -> Result<SelftestReport, LifecycleError> {
    let began = Instant::now();
    let id = InstanceId::of_directory(Path::new("codemate-preview doctor --probe"), None);
    let volume = format!("cmp-{}-{id}-home", context.settings.owner);
    let scope = Scope::new();
    let rows = match timeout(PATIENCE, try_out(context, &id, &volume, &scope)).await {
        Ok(rows) => rows,
        Err(_) => Err(LifecycleError::ProbeStuck { waited: PATIENCE }),
    };
    scope.cancel();
    let gone = async {
        context.engine.remove(&id, Duration::ZERO).await?;
        context.engine.remove_home(&volume).await
    };
    let gone: Result<(), EngineError> = gone.await;
    let rows = rows?;
    gone?;
    Ok(SelftestReport {
        rows,
        took: began.elapsed(),
    })
}

async fn try_out(
    context: &Context,
    id: &InstanceId,
    volume: &str,
    scope: &Scope,
) -> Result<Vec<ProbeRow>, LifecycleError> {
    let egress = context.settings.policy.egress(None)?;
    let limits = limits(LimitRequest::default());
    let (image, info) = image(context).await?;
    let open = egress == Egress::Open;
    let engine = context.engine.abilities().await?;
    let spec = ContainerSpec {
        id: id.clone(),
        name: Name::slug("probe"),
        generation: 1,
        image,
        env: BTreeMap::new(),
        limits,
        sandbox: Sandbox {
            egress,
            ..Sandbox::default()
        },
        home_volume: volume.to_owned(),
    };
    let spec = context.settings.policy.approve(spec, &engine)?;
    for needed in context.engine_images() {
        context.images.ensure(&needed, &|_| {}).await?;
    }
    // What an earlier agent was killed over.
    context.engine.remove(id, Duration::ZERO).await?;
    context.engine.start(&spec).await?;
    // After the start, so that the bridge it is on has its address.
    let listening = Listening::begin(scope).await;
    let (link, _events) = Link::open(context.engine.open_link(id).await?, scope).await?;
    let command = RunSpec {
        argv: command(context, limits, open, &listening.places, &info.env),
        env: Vec::new(),
        cwd: String::new(),
    };
    let (to, mut lines) = mpsc::channel::<OutputLine>(64);
    let read = async {
        let mut rows = Vec::new();
        while let Some(line) = lines.recv().await {
            rows.extend(row(&line.text).filter(|_| !line.stderr && rows.len() < MOST_ROWS));
        }
        rows
    };
    let (exited, mut rows) = tokio::join!(link.run(command, to), read);
    if exited?.code != Some(0) || rows.is_empty() {
        return Err(LifecycleError::ProbeFailed { rows: rows.len() });
    }
    rows.push(listening.seen());
    Ok(rows)
}

/// The smallest that previews run in and that is here: nothing of it is run.
async fn image(context: &Context) -> Result<(ImageRef, ImageInfo), LifecycleError> {
    let needs = context.engine_images();
    let all = context.images.list().await?;
    all.into_iter()
        .filter(|image| !needs.contains(&image.tag))
        .filter_map(|image| Some((image.tag, image.built?)))
        .min_by_key(|(_, built)| built.size_bytes)
        .ok_or(LifecycleError::NoImageToProbe)
}

fn command(
    context: &Context,
    limits: Limits,
    open: bool,
    places: &[SocketAddr],
    image_env: &[String],
) -> Vec<String> {
    let egress = if open { "open" } else { "less" };
    let mut argv = vec!["/.codemate/guest".to_owned(), "probe".to_owned()];
    let mut say = |option: &str, value: String| argv.extend([option.to_owned(), value]);
    say("--egress", egress.to_owned());
    say("--memory", limits.memory_bytes.to_string());
    say("--pids", limits.pids.to_string());
    say("--files", limits.open_files.to_string());
    say(
        "--absent",
        context.settings.config_dir.to_string_lossy().into_owned(),
    );
    for place in places {
        say("--host", place.to_string());
    }
    let of_image = image_env.iter().filter_map(|pair| pair.split('=').next());
    for name in VARIABLES.into_iter().chain(of_image) {
        say("--known", name.to_owned());
    }
    argv
}

/// Of a line `area, tried, result, verdict` with tabs between.
fn row(line: &str) -> Option<ProbeRow> {
    let mut words = line.split('\t').map(str::to_owned);
    let (area, tried, result, verdict) =
        (words.next()?, words.next()?, words.next()?, words.next()?);
    let verdict = match verdict.as_str() {
        "held" => ProbeVerdict::Held,
        // What is not understood is not taken for good.
        _ => ProbeVerdict::Open,
    };
    Some(ProbeRow {
        area,
        tried,
        result,
        verdict,
    })
}

/// Listeners on addresses of this host, for the time of the probe.
struct Listening {
    places: Vec<SocketAddr>,
    accepted: Arc<AtomicUsize>,
}

impl Listening {
    async fn begin(scope: &Scope) -> Self {
        let accepted = Arc::new(AtomicUsize::new(0));
        let mut places = Vec::new();
        let table = tokio::fs::read_to_string("/proc/net/fib_trie").await;
        for address in own_addresses(&table.unwrap_or_default()) {
            if places.len() == MOST_LISTENERS {
                break;
            }
            let Ok(listener) = TcpListener::bind((IpAddr::from(address), 0)).await else {
                continue;
            };
            places.extend(listener.local_addr());
            let (accepted, ended) = (accepted.clone(), scope.token());
            scope.spawn(async move {
                while let Some(Ok(_)) = ended.run_until_cancelled(listener.accept()).await {
                    accepted.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        Self { places, accepted }
    }

    /// What arrived, whatever the preview says of it.
    fn seen(&self) -> ProbeRow {
        let accepted = self.accepted.load(Ordering::Relaxed);
        ProbeRow {
            area: "network".to_owned(),
            tried: format!(
                "connections that came to {} addresses of this host",
                self.places.len()
            ),
            result: accepted.to_string(),
            verdict: match accepted {
                0 => ProbeVerdict::Held,
                _ => ProbeVerdict::Open,
            },
        }
    }
}

/// Of the kernel's table of routes: each local address that is not loopback's.
fn own_addresses(table: &str) -> Vec<Ipv4Addr> {
    let mut found = Vec::new();
    let mut last = None;
    for line in table.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.parse().ok();
        } else if line == "/32 host LOCAL"
            && let Some(address) = last
        {
            let address: Ipv4Addr = address;
            if !address.is_loopback() && !found.contains(&address) {
                found.push(address);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_this_host_are_read_once_each() {
        let table = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n\
            \x20    |-- 198.51.100.0\n        /24 link UNICAST\nLocal:\n\
            \x20    |-- 127.0.0.1\n        /32 host LOCAL\n\
            \x20    |-- 198.51.100.7\n        /32 host LOCAL\n\
            \x20    |-- 198.51.100.255\n        /32 link BROADCAST\n\
            \x20    |-- 198.51.100.7\n        /32 host LOCAL\n";
        assert_eq!(
            own_addresses(table),
            ["198.51.100.7".parse::<Ipv4Addr>().unwrap()]
        );
    }

    #[test]
    fn what_is_not_said_to_hold_is_open() {
        assert_eq!(row("a\tb\tc\theld").unwrap().verdict, ProbeVerdict::Held);
        for line in ["a\tb\tc\topen", "a\tb\tc\t", "a\tb\tc\tHELD"] {
            assert_eq!(row(line).unwrap().verdict, ProbeVerdict::Open, "{line:?}");
        }
        assert_eq!(row("a\tb\tc"), None);
    }
}
