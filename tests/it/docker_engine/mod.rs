//! The Docker engine against a real Docker: what every test here stands on.

mod contract;
mod images;
mod lifecycle;
mod probe;
mod sandbox;
mod stacks;
mod streams;

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use codemate_preview::{
    engine::{
        Engine, ExecOutput, ExecSpec, Owner,
        docker::{Docker, DockerSettings, NetworkSettings},
    },
    model::{ContainerSpec, ImageRef, InstanceId, Name, Sandbox},
    security::{LimitRequest, limits},
};

use crate::help::{
    approve::{approved, approved_of},
    binaries,
};

const OWNER_LABEL: &str = "dev.codemate.preview.owner";

static RIGS: AtomicUsize = AtomicUsize::new(0);

/// A test without its engine is left out by whoever runs the tests, or fails; it never passes.
fn need_docker(test: &str) {
    static THERE: OnceLock<bool> = OnceLock::new();
    let there = *THERE.get_or_init(|| {
        let version = Command::new("docker")
            .args(["version", "--format", "{{.Server.Version}}"])
            .output();
        version.is_ok_and(|output| output.status.success())
    });
    assert!(
        there,
        "{test}: no Docker engine answers; `make test-pure` leaves these tests out"
    );
}

/// Run Docker's command line and give what it printed.
fn docker(args: &[&str]) -> String {
    let output = Command::new("docker")
        .args(args)
        .output()
        .expect("docker is there");
    assert!(
        output.status.success(),
        "docker {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn settings(owner: &str) -> DockerSettings {
    DockerSettings {
        host: None,
        context: None,
        docker_config_dir: PathBuf::from("/nonexistent"),
        home: PathBuf::from("/nonexistent"),
        runtime_dir: None,
        owner: Owner(owner.to_owned()),
        ca_bundle: None,
        guest: binaries::stand_in_bytes(),
        network: NetworkSettings::default(),
    }
}

/// One owner's view of the engine. Everything it made goes when it does.
struct Rig {
    owner: String,
    engine: Docker,
    empty: OnceLock<ImageRef>,
}

impl Rig {
    fn new(test: &str) -> Self {
        Self::with(test, |_| {})
    }

    fn with(test: &str, adjust: impl FnOnce(&mut DockerSettings)) -> Self {
        need_docker(test);
        let owner = format!(
            "test-{}-{}",
            std::process::id(),
            RIGS.fetch_add(1, Ordering::Relaxed)
        );
        let mut settings = settings(&owner);
        adjust(&mut settings);
        Self {
            engine: Docker::connect(settings).unwrap(),
            owner,
            empty: OnceLock::new(),
        }
    }

    /// An image with nothing in it. Made once: another of its name leaves the first without one.
    fn empty_image(&self) -> ImageRef {
        let make = || {
            let tag = format!("codemate-test/{}:empty", self.owner);
            let mut import = Command::new("docker")
                .args(["import", "-", &tag])
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            // An archive without entries is two blocks of nothing.
            import.stdin.take().unwrap().write_all(&[0; 1024]).unwrap();
            assert!(import.wait().unwrap().success());
            tag.parse().unwrap()
        };
        self.empty.get_or_init(make).clone()
    }

    fn id(&self) -> InstanceId {
        InstanceId::of_directory(Path::new(&self.owner), None)
    }

    /// An instance on an image with nothing in it.
    fn spec(&self) -> ContainerSpec {
        ContainerSpec {
            id: self.id(),
            name: Name::slug(&self.owner),
            generation: 1,
            image: self.empty_image(),
            env: BTreeMap::new(),
            limits: limits(LimitRequest::default()),
            sandbox: Sandbox::default(),
            home_volume: format!("cmp-{}-home", self.id()),
        }
    }

    /// The ids of this owner's containers, stopped ones too.
    fn containers(&self) -> Vec<String> {
        let listed = docker(&[
            "ps",
            "-aq",
            "--filter",
            &format!("label={OWNER_LABEL}={}", self.owner),
            "--filter",
            "label=dev.codemate.preview.role=app",
        ]);
        listed.lines().map(str::to_owned).collect()
    }

    /// Run a command of the stand-in; its output, standard error last, and its code.
    async fn run(&self, args: &[&str]) -> (String, i64) {
        let mut session = self.engine.exec(&self.id(), command(args)).await.unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        while let Some(output) = session.read().await.unwrap() {
            match output {
                ExecOutput::Stdout(bytes) => out.extend(bytes),
                ExecOutput::Stderr(bytes) => err.extend(bytes),
            }
        }
        out.extend(err);
        let code = session.exit_code().await.unwrap();
        (String::from_utf8(out).unwrap().trim().to_owned(), code)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let label = format!("label={OWNER_LABEL}={}", self.owner);
        let tags = format!("codemate-test/{}", self.owner);
        let warden = "label=dev.codemate.preview.role=warden";
        // Nothing here may panic: a test may be failing already.
        for (list, remove) in [
            // Told to, it takes the host's table with it.
            (
                vec!["ps", "-aq", "--filter", &label, "--filter", warden],
                vec!["stop"],
            ),
            (vec!["ps", "-aq", "--filter", &label], vec!["rm", "-fv"]),
            (
                vec!["network", "ls", "-q", "--filter", &label],
                vec!["network", "rm"],
            ),
            (
                vec!["volume", "ls", "-q", "--filter", &label],
                vec!["volume", "rm", "-f"],
            ),
            (
                vec!["images", "--format", "{{.Repository}}:{{.Tag}}", &tags],
                vec!["rmi", "-f"],
            ),
        ] {
            let Ok(listed) = Command::new("docker").args(list).output() else {
                return;
            };
            let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
            let names: Vec<&str> = listed.lines().collect();
            if !names.is_empty() {
                let _best_effort = Command::new("docker").args(remove).args(names).output();
            }
        }
    }
}

fn variable(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// A command of the stand-in, with pipes.
fn command(args: &[&str]) -> ExecSpec {
    ExecSpec {
        argv: ["/.codemate/guest"]
            .iter()
            .chain(args)
            .map(|&arg| arg.to_owned())
            .collect(),
        env: BTreeMap::new(),
        cwd: "/".to_owned(),
        tty: false,
        stdin: false,
        size: None,
    }
}
