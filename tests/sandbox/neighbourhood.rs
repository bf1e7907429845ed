//! A host of its own for an engine, in a namespace, and behind it another one that is all the rest of
//! the world: nothing that is sent here leaves this machine. All of it goes when dropped.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
};

use tempfile::TempDir;

use crate::host::until;

/// The host's side of the link to the world, of which 10.77.0.2 is the other.
pub const UPLINK: &str = "10.77.0.1";
/// An address of the host's that is no private one.
pub const PUBLIC: &str = "198.51.100.1";
/// Who answers for names, in the world.
pub const RESOLVER: &str = "10.77.0.53";

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Root, and the programs that make namespaces and engines.
pub fn can_be() -> bool {
    let root = fs::metadata("/proc/self").is_ok_and(|it| {
        use std::os::unix::fs::MetadataExt;
        it.uid() == 0
    });
    let has = |program: &str| {
        let found = Command::new("sh")
            .args(["-c", &format!("command -v {program}")])
            .stdout(Stdio::null())
            .status();
        found.is_ok_and(|status| status.success())
    };
    root && ["ip", "nsenter", "dockerd", "python3"].into_iter().all(has)
}

pub struct Neighbourhood {
    host: String,
    world: String,
    listeners: Vec<Child>,
    engine: Option<Child>,
    dir: TempDir,
}

impl Neighbourhood {
    /// Everything that is not the host's leads to the world, which answers at these addresses.
    pub fn new(answering: &BTreeSet<String>) -> Self {
        let mut this = Self::before_a_world(answering);
        this.listen("world", "80,443,3128,53", "53,123", Some("u0"));
        this.listen("host", "18080", "18053", None);
        this.start_engine();
        this
    }

    /// One whose world is this Python program, which says `up`.
    pub fn with_world(answering: &BTreeSet<String>, program: &str, argument: &str) -> Self {
        let mut this = Self::before_a_world(answering);
        let mut command = enter(&this.world);
        command.args(["python3", "-c", program, argument]);
        this.begin("world", command);
        this.start_engine();
        this
    }

    fn before_a_world(answering: &BTreeSet<String>) -> Self {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let unique = format!("{}-{count}", std::process::id());
        let this = Self {
            host: format!("cmh-{unique}"),
            world: format!("cmw-{unique}"),
            listeners: Vec::new(),
            engine: None,
            dir: tempfile::tempdir().unwrap(),
        };
        this.lay_out();
        this.answer_at(answering);
        this
    }

    fn lay_out(&self) {
        let (host, world) = (&self.host, &self.world);
        for netns in [host, world] {
            ip(&["netns", "add", netns]);
            inside(netns, &["ip", "link", "set", "lo", "up"]);
        }
        let pair = format!("ip link add u0 type veth peer name u0 netns {world}");
        inside(host, &pair.split(' ').collect::<Vec<_>>());
        let steps: [(&str, &str); 10] = [
            (host, "addr add 10.77.0.1/24 dev u0"),
            (host, "-6 addr add fd77::1/64 dev u0 nodad"),
            (host, "addr add 198.51.100.1/32 dev u0"),
            (host, "link set u0 up"),
            (world, "addr add 10.77.0.2/24 dev u0"),
            (world, "-6 addr add fd77::2/64 dev u0 nodad"),
            (world, "link set u0 up"),
            (host, "route add default via 10.77.0.2"),
            (host, "-6 route add default via fd77::2"),
            (world, "route add default via 10.77.0.1"),
        ];
        for (netns, step) in steps {
            let words: Vec<&str> = std::iter::once("ip").chain(step.split(' ')).collect();
            inside(netns, &words);
        }
        inside(
            world,
            &["ip", "-6", "route", "add", "default", "via", "fd77::1"],
        );
    }

    fn answer_at(&self, addresses: &BTreeSet<String>) {
        let steps: String = addresses
            .iter()
            .map(|address| {
                if address.contains(':') {
                    format!("addr add {address}/128 dev lo nodad\n")
                } else {
                    format!("addr add {address}/32 dev lo\n")
                }
            })
            .collect();
        let mut batch = enter(&self.world)
            .args(["ip", "-batch", "-"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = batch.stdin.take().unwrap();
        stdin.write_all(steps.as_bytes()).unwrap();
        drop(stdin);
        assert!(batch.wait().unwrap().success(), "{steps}");
    }

    fn listen(&mut self, which: &str, tcp: &str, udp: &str, interface: Option<&str>) {
        let netns = if which == "world" {
            &self.world
        } else {
            &self.host
        };
        let mut command = enter(netns);
        command
            .args(["python3", "-c", include_str!("listener.py"), tcp, udp])
            .args(interface);
        self.begin(which, command);
    }

    fn begin(&mut self, which: &str, mut command: Command) {
        let log = self.log(which);
        command.stdout(File::create(&log).unwrap());
        self.listeners.push(command.spawn().unwrap());
        until("listeners in the namespaces", || {
            fs::read_to_string(&log)
                .unwrap()
                .contains("up")
                .then_some(())
        });
    }

    fn log(&self, which: &str) -> PathBuf {
        self.dir.path().join(which)
    }

    /// What arrived in the world or at the host's listeners so far.
    pub fn arrived(&self, which: &str) -> String {
        // A line that crosses a page of the file can be seen half written.
        until("the last line to be whole", || {
            let text = fs::read_to_string(self.log(which)).unwrap();
            (text.is_empty() || text.ends_with('\n')).then_some(text)
        })
    }

    pub fn socket(&self) -> String {
        format!("unix://{}", self.dir.path().join("docker.sock").display())
    }

    fn start_engine(&mut self) {
        let dir = self.dir.path();
        let at = |name: &str| dir.join(name).display().to_string();
        let log = File::options()
            .create(true)
            .append(true)
            .open(dir.join("engine.log"))
            .unwrap();
        let config = dir.join("daemon.json");
        fs::write(&config, "{}").unwrap();
        // Files of an engine that was killed, which would be taken for those of one that runs.
        for left in ["pid", "exec/containerd/containerd.pid"] {
            let _ = fs::remove_file(dir.join(left));
        }
        let mut command = enter(&self.host);
        command
            .args([
                "dockerd",
                "--data-root",
                &at("data"),
                "--exec-root",
                &at("exec"),
            ])
            .args(["--pidfile", &at("pid"), "-H", &self.socket()])
            .args(["--config-file", &config.display().to_string()])
            .args(["--cgroup-parent", &format!("/{}", self.host)])
            .args(["--ipv6", "--fixed-cidr-v6", "fd77:1::/64"])
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        self.engine = Some(command.spawn().unwrap());
        until("an engine of its own", || {
            let ended = self.engine.as_mut().unwrap().try_wait().unwrap();
            if ended.is_some() {
                let log = fs::read_to_string(self.dir.path().join("engine.log")).unwrap();
                let tail: Vec<&str> = log.lines().rev().take(5).collect();
                panic!("the engine ended: {tail:#?}");
            }
            self.docker(&["version"]).map(drop).ok()
        });
    }

    /// As after a crash of the engine, with whatever it leaves.
    pub fn restart_engine(&mut self) {
        let mut engine = self.engine.take().unwrap();
        engine.kill().unwrap();
        engine.wait().unwrap();
        self.start_engine();
    }

    /// Docker's command line on this engine; what it printed, or why it failed.
    pub fn docker(&self, args: &[&str]) -> Result<String, String> {
        let output = Command::new("docker")
            .args(["-H", &self.socket()])
            .args(args)
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(text(&output.stderr))
        }
    }

    /// Give this engine an image of the shared one's.
    pub fn copy_image(&self, image: &str) {
        let script = format!("docker save {image} | docker -H {} load", self.socket());
        let copied = Command::new("sh")
            .args(["-c", &script])
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(copied.success(), "{image}");
    }

    /// An image that holds the prober and nothing else.
    pub fn prober_image(&self) -> &'static str {
        let root = self.dir.path().join("image");
        fs::create_dir_all(&root).unwrap();
        fs::copy(prober(self.dir.path()), root.join("prober")).unwrap();
        let script = format!(
            "tar -C {} -c . | docker -H {} import - prober:1",
            root.display(),
            self.socket()
        );
        let imported = Command::new("sh")
            .args(["-c", &script])
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(imported.success());
        "prober:1"
    }

    /// What an engine that did not end by itself left running, which names this directory.
    fn end_shims(&self) {
        let ours = self.dir.path().display().to_string();
        for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let told = fs::read(process.path().join("cmdline")).unwrap_or_default();
            let is_shim = String::from_utf8_lossy(&told).contains(&format!("{ours}/exec"));
            let pid = process.file_name();
            if is_shim && pid != *std::process::id().to_string() {
                let _ = Command::new("kill").arg("-9").arg(pid).status();
            }
        }
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for Neighbourhood {
    fn drop(&mut self) {
        if self.engine.is_some() {
            if let Ok(all) = self.docker(&["ps", "-aq"]) {
                let all: Vec<&str> = all.lines().collect();
                let _ = self.docker(&[&["rm", "-f"], &all[..]].concat());
            }
            let id = self.engine.as_ref().map_or(0, Child::id).to_string();
            let _ = Command::new("kill").arg(id).stderr(Stdio::null()).status();
        }
        if let Some(mut engine) = self.engine.take() {
            let _ = engine.wait();
        }
        for mut listener in self.listeners.drain(..) {
            let _ = listener.kill();
            let _ = listener.wait();
        }
        self.end_shims();
        for netns in [&self.host, &self.world] {
            let _ = Command::new("ip").args(["netns", "del", netns]).status();
        }
        // The engine's group in each hierarchy, or in the only one. It is empty by now.
        for group in [
            PathBuf::from("/sys/fs/cgroup").join(&self.host),
            PathBuf::from("/sys/fs/cgroup/*").join(&self.host),
        ] {
            let remove = format!("rmdir {} 2>/dev/null", group.display());
            let _ = Command::new("sh").args(["-c", &remove]).status();
        }
        // What an engine that was killed left mounted.
        if let Ok(mounts) = fs::read_to_string("/proc/self/mounts") {
            let ours = self.dir.path().display().to_string();
            let points = mounts.lines().filter_map(|line| line.split(' ').nth(1));
            for point in points.filter(|point| point.starts_with(&ours)) {
                let _ = Command::new("umount")
                    .args(["-l", point])
                    .stderr(Stdio::null())
                    .status();
            }
        }
    }
}

fn enter(netns: &str) -> Command {
    let mut command = Command::new("nsenter");
    // Not `ip netns exec`, which would also give it a mount namespace of its own.
    command
        .arg(format!("--net=/run/netns/{netns}"))
        .stdin(Stdio::null());
    command
}

#[track_caller]
fn ip(args: &[&str]) {
    let done = Command::new("ip").args(args).status().unwrap();
    assert!(done.success(), "ip {args:?}");
}

/// The prober, compiled; it needs nothing of an image.
pub fn prober(dir: &Path) -> PathBuf {
    let binary = dir.join("prober");
    if !binary.exists() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/prober.rs");
        let built = Command::new("rustc")
            .args(["--edition=2024", "-O", "-Ctarget-feature=+crt-static"])
            .args(["-Cstrip=symbols", "--crate-name", "prober", "-o"])
            .args([&binary, &source])
            .status()
            .unwrap();
        assert!(built.success());
    }
    binary
}

#[track_caller]
fn inside(netns: &str, words: &[&str]) {
    let done = enter(netns).args(words).status().unwrap();
    assert!(done.success(), "{netns}: {words:?}");
}
