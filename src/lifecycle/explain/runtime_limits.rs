//! What the app meets inside that is none of its own: memory, ports, watchers, OpenSSL, an old
//! language.

use std::sync::LazyLock;

use regex::Regex;

use super::{ExplainRule, Explanation, output::Output, project::ProjectFacts};
use crate::{
    lifecycle::remedy::taken,
    model::{FailureKind, NextStep, Size},
};

macro_rules! pattern {
    ($name:ident, $text:literal) => {
        static $name: LazyLock<Regex> =
            LazyLock::new(|| Regex::new($text).expect("the pattern is fixed"));
    };
}

pattern!(
    MEMORY,
    r"JavaScript heap out of memory|Reached heap limit|^MemoryError\b|Cannot allocate memory|std::bad_alloc|Killed signal terminated program|exit code 137|signal: 9, SIGKILL"
);
pattern!(
    OPENSSL,
    r"ERR_OSSL_EVP_UNSUPPORTED|digital envelope routines::unsupported|0308010C"
);
pattern!(
    WATCHERS,
    r"ENOSPC: System limit for number of file watchers|inotify watch limit reached|inotify instance limit reached|EMFILE: too many open files, watch"
);
pattern!(
    TAKEN,
    r"(?:EADDRINUSE|[Aa]ddress already in use|Port (?<a>\d+) is (?:already )?in use)(?:.*?[:\s)](?<b>\d{2,5})\b)?"
);
pattern!(
    PORT_REFUSED,
    r"(?:listen EACCES: permission denied|bind\(\) to) \S*?:(?<port>\d+)"
);
pattern!(
    READ_ONLY,
    r"(?:EROFS: read-only file system, \w+ '(?<a>[^']+)'|Read-only file system: '(?<b>[^']+)')"
);
pattern!(
    NOT_ALLOWED,
    r"(?:EACCES: permission denied, \w+ '(?<a>/[^']+)'|Permission denied: '(?<b>/[^']+)')"
);
pattern!(
    PRINT,
    r"Missing parentheses in call to 'print'|multiple exception types must be parenthesized|Missing parentheses in call to 'exec'|leading zeros in decimal integer literals|TabError: inconsistent use of tabs"
);
pattern!(
    HOST,
    r"Invalid HTTP_HOST header: '(?<host>[^']+)'|(?:Invalid Host header|Blocked request\. This host \(\x22(?<vite>[^\x22]+)\x22\) is not allowed)"
);
pattern!(NO_OPTION, r"(?:Error: )?[Nn]o such option:? '?--app");
pattern!(
    COLLECTIONS,
    r"(?:module 'collections' has no attribute|cannot import name) '(?<name>Callable|Mapping|MutableMapping|Iterable|MutableSet|Sequence|Hashable)'(?: from 'collections')?"
);
pattern!(PM2, r"\[PM2\]|pm2 start|\[STREAMING\] Now streaming");
pattern!(FOREVER, r"Forever processing file|forever start");

/// What is looked for, in this order.
const RULES: [ExplainRule; 12] = [
    old_openssl,
    memory,
    watchers,
    background,
    port_refused,
    port_taken,
    not_allowed,
    host_refused,
    old_python,
    no_option,
    gone_from_collections,
    drifted_apart,
];

pub fn explain(output: &Output, known: &ProjectFacts<'_>) -> Option<Explanation> {
    RULES.iter().find_map(|rule| rule(output, known))
}

fn old_openssl(output: &Output, known: &ProjectFacts<'_>) -> Option<Explanation> {
    let step = known.up_with(
        &["--env", "NODE_OPTIONS=--openssl-legacy-provider"],
        "starts it with the old hashes allowed",
    );
    output.has(&OPENSSL).then(|| {
        Explanation::new(
            FailureKind::OldOpenssl,
            "a bundler uses a hash that the OpenSSL of this Node refuses",
        )
        .hint("Node can be told to take it, with `NODE_OPTIONS=--openssl-legacy-provider`; a bundler of today does without")
        .next(step)
    })
}

fn memory(output: &Output, known: &ProjectFacts<'_>) -> Option<Explanation> {
    let had = known.memory.unwrap_or(1 << 30);
    let (kind, step) = more_memory(had, known.up.clone());
    output.has(&MEMORY).then(|| {
        let had = Size(had);
        Explanation::new(
            kind,
            format!("it needs more memory than the {had} it may use"),
        )
        .hint("give it more with `--memory`, or `[limits] memory` in codemate-preview.toml")
        .next(step)
    })
}

fn watchers(output: &Output, known: &ProjectFacts<'_>) -> Option<Explanation> {
    let step = known.up_with(
        &[
            "--env",
            "CHOKIDAR_USEPOLLING=1",
            "--env",
            "WATCHPACK_POLLING=true",
        ],
        "starts it with watchers that poll",
    );
    output.has(&WATCHERS).then(|| {
        Explanation::new(
            FailureKind::WatchLimit,
            "this host allows no more watched files",
        )
        .hint("`sysctl fs.inotify.max_user_watches=524288` on this host allows more; a watcher that polls needs none")
        .next(step)
    })
}

fn background(output: &Output, known: &ProjectFacts<'_>) -> Option<Explanation> {
    (output.has(&PM2) || output.has(&FOREVER)).then(|| {
        let mut explained = Explanation::new(
            FailureKind::RunsInBackground,
            "the start command put the app into the background and ended",
        )
        .hint("start the app itself, such as `node server.js`, or `pm2-runtime` in place of `pm2 start`, with `[run] command` in codemate-preview.toml");
        explained.next.extend(pm2_in_front(known));
        explained
    })
}

/// The command that starts what a script gives to `pm2 start`, in the foreground.
fn pm2_in_front(known: &ProjectFacts<'_>) -> Option<NextStep> {
    let manifest = known.package_json()?;
    let rest = ["start", "dev", "serve"]
        .iter()
        .filter_map(|name| manifest["scripts"].get(name)?.as_str())
        .find_map(|script| script.split_once("pm2 start "))?
        .1;
    let words = ["npx", "pm2-runtime"].into_iter();
    let argv: Vec<String> = words
        .chain(rest.split_whitespace())
        .map(|word| format!("{word:?}"))
        .collect();
    let setting = format!("run.command = [{}]", argv.join(", "));
    Some(known.up_with(&["--config", &setting], "starts it in the foreground"))
}

fn port_refused(output: &Output, _: &ProjectFacts<'_>) -> Option<Explanation> {
    let found = output.last(&PORT_REFUSED)?;
    Some(
        Explanation::new(
            FailureKind::NotAllowed,
            format!("it may not listen on port {}", &found["port"]),
        )
        .hint("have it listen on `PORT`, or on any port above 1023"),
    )
}

fn port_taken(output: &Output, _: &ProjectFacts<'_>) -> Option<Explanation> {
    let found = output.last(&TAKEN)?;
    let port = found.name("a").or_else(|| found.name("b"));
    let port = port.map_or("its port".to_owned(), |it| format!("port {}", it.as_str()));
    Some(
        Explanation::new(
            FailureKind::PortTaken,
            format!("{port} is taken inside, by another of the project's own programs"),
        )
        .hint("have each program listen on a port of its own; only one can have `PORT`"),
    )
}

fn not_allowed(output: &Output, _: &ProjectFacts<'_>) -> Option<Explanation> {
    let found = output
        .last(&READ_ONLY)
        .or_else(|| output.last(&NOT_ALLOWED))?;
    let path = found.name("a").or_else(|| found.name("b"))?.as_str();
    Some(
        Explanation::new(
            FailureKind::NotAllowed,
            format!("it may not write to `{path}`"),
        )
        .hint("have it write below its own directory, its home or `/tmp`: the rest is read-only inside"),
    )
}

fn host_refused(output: &Output, known: &ProjectFacts<'_>) -> Option<Explanation> {
    let found = output.last(&HOST)?;
    let host = found.name("host").or_else(|| found.name("vite"));
    let host = host.map_or("the name it is visited by".to_owned(), |it| {
        format!("`{}`", it.as_str())
    });
    Some(
        Explanation::new(FailureKind::HostRefused, format!("the app refuses {host}"))
            .hint("allow `.localhost` in the app (`ALLOWED_HOSTS`, `server.allowedHosts`), or set `[proxy] host = \"localhost\"` in codemate-preview.toml")
            .next(known.up_with(
                &["--config", "proxy.host = \"localhost\""],
                "tells the app that it is visited as localhost",
            )),
    )
}

fn old_python(output: &Output, _: &ProjectFacts<'_>) -> Option<Explanation> {
    let is_old = output.has(&PRINT) && output.says("SyntaxError") || output.says("TabError");
    is_old.then(|| python_2("its syntax is Python 2's"))
}

fn no_option(output: &Output, _: &ProjectFacts<'_>) -> Option<Explanation> {
    output.has(&NO_OPTION).then(|| {
        Explanation::new(
            FailureKind::VersionUnsupported,
            "this Flask is older than 2.2 and has no `--app`",
        )
        .hint("name the app with `FLASK_APP`, and start it with `[run] command = [\"flask\", \"run\", \"--port\", \"${port}\"]` in codemate-preview.toml")
    })
}

fn gone_from_collections(output: &Output, _: &ProjectFacts<'_>) -> Option<Explanation> {
    let found = output.last(&COLLECTIONS)?;
    Some(
        Explanation::new(
            FailureKind::VersionUnsupported,
            format!(
                "a package takes `{}` from where Python had it before 3.10",
                &found["name"]
            ),
        )
        .hint("take a newer release of the package that the last lines name; Python 3.9 is the last it runs on"),
    )
}

/// A package that was installed without a bound on what it needs, which has moved on since.
fn drifted_apart(output: &Output, _: &ProjectFacts<'_>) -> Option<Explanation> {
    let release = taken("python", output.lines())?;
    Some(
        Explanation::new(FailureKind::DependencyConflict, release.because).hint(format!(
            "name a release of the time of the others in the manifest, such as `{}`",
            release.packages.join(" ")
        )),
    )
}

/// Whether these lines tell that there was not memory enough.
pub fn tells_of_memory(lines: &[String]) -> bool {
    Output::new(lines).has(&MEMORY)
}

/// The command that starts it with twice the memory it had.
pub fn more_memory(had: u64, mut up: Vec<String>) -> (FailureKind, NextStep) {
    let more = format!("{}MiB", (had >> 20).max(512) * 2);
    up.extend(["--memory".to_owned(), more.clone()]);
    let step = NextStep {
        argv: up,
        why: format!("starts it with {more}"),
    };
    (FailureKind::OutOfMemory, step)
}

pub fn python_2(said: &str) -> Explanation {
    Explanation::new(
        FailureKind::Python2,
        format!("the project is for Python 2, which is not supported: {said}"),
    )
    .hint("port it to Python 3, or bring it up in an image of your own with `--image`")
}
