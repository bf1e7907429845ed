//! The profile lets the stacks run that people bring: each does its real work as the app's user
//! inside one preview. Slow for its image, so only `make prove-sandbox` does it.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    Test,
    host::{Host, Ran},
};

pub const TESTS: &[Test] = &[("every_stack_runs_under_the_profile", every_stack_runs)];

const IMAGE: &str = "codemate-test/stacks:1";
const SETTINGS: &str = r#"
image = "codemate-test/stacks:1"
port = 8000
[run]
command = ["python3", "-m", "http.server", "8000"]
[limits]
memory = "2GiB"
"#;

/// Each computes 42 somewhere on its way, where only a stack that works does.
const STACKS: [(&str, &str); 8] = [
    (
        "node, npm and esbuild",
        "mkdir -p /tmp/node && cd /tmp/node && npm init -y && npm install --no-audit --no-fund esbuild \
         && echo 'console.log(6 * 7 as number)' > a.ts && ./node_modules/.bin/esbuild a.ts --outfile=a.js && node a.js",
    ),
    (
        "pip and venv",
        "python3 -m venv /tmp/pip && /tmp/pip/bin/pip install -q flask uv && /tmp/pip/bin/python -c 'import flask; print(6 * 7)'",
    ),
    (
        "uv",
        "cd /tmp && /tmp/pip/bin/uv venv /tmp/uv && VIRTUAL_ENV=/tmp/uv /tmp/pip/bin/uv pip install -q markupsafe \
         && /tmp/uv/bin/python -c 'import markupsafe; print(6 * 7)'",
    ),
    (
        "a JDK, with threads",
        "mkdir -p /tmp/jdk && cd /tmp/jdk && echo 'class A { public static void main(String[] a) throws Exception { \
         Thread t = new Thread(() -> System.out.println(6 * 7)); t.start(); t.join(); } }' > A.java && javac A.java && java A",
    ),
    (
        "PostgreSQL",
        "P=$(ls -d /usr/lib/postgresql/*/bin); $P/initdb -D /tmp/pg -A trust && $P/pg_ctl -D /tmp/pg -o '-k /tmp -h 127.0.0.1' -w -l /tmp/pg.log start \
         && psql -h 127.0.0.1 -U app postgres -tAc 'create table t as select * from generate_series(1, 100000)' -c 'select 6 * 7'; \
         s=$?; $P/pg_ctl -D /tmp/pg -m fast stop; exit $s",
    ),
    (
        "Redis, with a snapshot",
        "redis-server --port 6390 --dir /tmp --daemonize yes; until redis-cli -p 6390 ping; do :; done; \
         redis-cli -p 6390 set a $((6 * 7)); redis-cli -p 6390 get a; redis-cli -p 6390 save; redis-cli -p 6390 shutdown",
    ),
    (
        "headless Chromium",
        "echo '<script>document.write(6 * 7)</script>' > /tmp/page.html; chromium --headless --no-sandbox --disable-gpu \
         --user-data-dir=/tmp/chromium --dump-dom file:///tmp/page.html",
    ),
    (
        "strace",
        "strace -f -e trace=execve sh -c 'echo $((6 * 7))' 2>&1 | grep -v exited",
    ),
];

fn every_stack_runs() {
    built();
    let host = Host::new();
    let project = host.project(
        "stacks",
        &[("codemate-preview.toml", SETTINGS), ("index.html", "hello")],
    );
    host.up(&project).url();
    let filter = inside(&host, "grep ^Seccomp: /proc/self/status")
        .ok()
        .stdout;
    assert_eq!(filter.trim(), "Seccomp:\t2");
    let mut broken = Vec::new();
    for (stack, script) in STACKS {
        let ran = inside(&host, script);
        let worked = ran.code == 0 && ran.stdout.contains("42");
        println!("{} {stack}", if worked { "runs  " } else { "breaks" });
        if !worked {
            broken.push((stack, ran));
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    // The control: a program that needs what the profile holds back does fail here.
    let ran = inside(
        &host,
        "chromium --headless --disable-gpu --user-data-dir=/tmp/sandboxed --dump-dom about:blank",
    );
    assert_ne!(ran.code, 0, "{ran:#?}");
}

fn inside(host: &Host, script: &str) -> Ran {
    host.run(&["exec", "stacks", "--", "sh", "-c", script])
}

fn built() {
    let context = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sandbox/stacks");
    let built = Command::new("docker")
        .args(["build", "--quiet", "--tag", IMAGE])
        .arg(context)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(built.success());
}
