//! The scripts of `package.json`: which one serves the app, whether it watches its files by itself,
//! and what has to be built before it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    program_table::{ProgramUse, used_for},
    shell_words::commands,
};
use crate::project::files::{
    manifest,
    tree::{Tree, relative},
};

/// The script that is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    pub name: String,
    /// What it runs, with what npm runs before it.
    pub text: String,
    /// Whether what it calls is known to serve something.
    pub serves: bool,
    /// An edit is seen without a restart.
    pub watches: bool,
    /// The command that makes what it runs, where that is not there.
    pub build: Option<String>,
}

/// The usual names, the likeliest first.
const NAMES: [&str; 20] = [
    "dev",
    "start:dev",
    "develop",
    "dev:server",
    "server:dev",
    "dev:start",
    "start-dev",
    "start:development",
    "start:watch",
    "watch:server",
    "watch",
    "start",
    "serve",
    "start:server",
    "server",
    "start:local",
    "local",
    "web",
    "run",
    "start:prod",
];
const BUILDS: [&str; 8] = [
    "build",
    "build:server",
    "compile",
    "build:ts",
    "build:dev",
    "tsc",
    "transpile",
    "build:prod",
];
/// Directories that hold what was built.
const BUILT: [&str; 9] = [
    "dist", "build", "lib", "out", "output", ".output", "compiled", "bin", "target",
];
/// How far scripts that run scripts are followed.
const DEEPEST: u8 = 5;

/// Of the scripts that serve, the first by name; else of those that may.
pub fn choose(tree: &dyn Tree) -> Option<Script> {
    let manifest = manifest::json(tree, "package.json")?;
    let scripts: BTreeMap<&str, &str> = manifest
        .get("scripts")?
        .as_object()?
        .iter()
        .filter_map(|(name, text)| Some((name.as_str(), text.as_str()?)))
        .collect();
    let is_usual = |name: &&str| NAMES.contains(name);
    let others = scripts
        .keys()
        .copied()
        .filter(|name| !is_usual(name) && name.starts_with("dev:"));
    let named: Vec<(&str, ScriptEffect)> = NAMES
        .into_iter()
        .chain(others)
        .filter_map(|name| Some((name, work(&scripts, scripts.get(name)?, 0))))
        .collect();
    let of = |is: fn(&ScriptEffect) -> bool| named.iter().find(|(_, work)| is(work)).cloned();
    // Whatever its name, what runs a known server is meant for people to look at.
    let by_what_it_runs = || {
        let others = scripts
            .iter()
            .filter(|(name, _)| !is_usual(name) && !is_of_tests(name));
        let mut others = others.map(|(name, text)| (*name, work(&scripts, text, 0)));
        others.find(|(_, work)| work.does == ProgramUse::Serves { watches: true })
    };
    let (name, work) = of(|work| matches!(work.does, ProgramUse::Serves { .. }))
        .or_else(|| of(|work| work.does == ProgramUse::Unknown))
        .or_else(by_what_it_runs)?;
    let before = scripts.get(format!("pre{name}").as_str());
    let text = match before {
        Some(before) => format!("{before} && {}", scripts[name]),
        None => scripts[name].to_owned(),
    };
    Some(Script {
        name: name.to_owned(),
        text,
        serves: work.does != ProgramUse::Unknown,
        watches: work.does == ProgramUse::Serves { watches: true },
        build: if work.builds || before.is_some() {
            None
        } else {
            build(tree, &scripts, &manifest, &work)
        },
    })
}

/// Whether a script of this name serves what tests visit, or what was built.
fn is_of_tests(name: &str) -> bool {
    let mut parts = name.split([':', '-', '_']);
    parts.any(|part| {
        matches!(
            part,
            "test" | "tests" | "e2e" | "cypress" | "lint" | "build" | "debug" | "preview" | "prod"
        )
    })
}

/// What a script comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ScriptEffect {
    does: ProgramUse,
    /// It builds something itself.
    builds: bool,
    /// The files that it has `node` and the like run, and programs that serve what was built.
    runs: Vec<String>,
}

fn work(scripts: &BTreeMap<&str, &str>, text: &str, depth: u8) -> ScriptEffect {
    let mut work = ScriptEffect {
        does: ProgramUse::Builds,
        builds: false,
        runs: Vec::new(),
    };
    if depth >= DEEPEST {
        work.does = ProgramUse::Unknown;
        return work;
    }
    for command in commands(text) {
        for part in simple(scripts, &command, depth) {
            work.builds |= part.builds;
            work.runs.extend(part.runs);
            work.does = match (work.does, part.does) {
                // What does not watch has to be restarted, whatever watches beside it.
                (ProgramUse::Serves { watches: a }, ProgramUse::Serves { watches: b }) => {
                    ProgramUse::Serves { watches: a && b }
                }
                (a, b) => a.max(b),
            };
        }
    }
    work
}

/// One simple command, or those that it runs in its turn.
fn simple(scripts: &BTreeMap<&str, &str>, words: &[String], depth: u8) -> Vec<ScriptEffect> {
    let words: Vec<&str> = bare(words);
    let Some((program, args)) = words.split_first() else {
        return Vec::new();
    };
    let program = program.rsplit('/').next().unwrap_or(program);
    let plain: Vec<&str> = args
        .iter()
        .copied()
        .filter(|it| !it.starts_with('-'))
        .collect();
    let named = |name: &str| scripts.get(name).map(|text| work(scripts, text, depth + 1));
    let elsewhere = ScriptEffect {
        does: ProgramUse::Serves { watches: true },
        builds: false,
        runs: Vec::new(),
    };
    match program {
        "npm" | "pnpm" | "yarn" | "bun" if is_of_another_directory(args) => {
            if plain
                .iter()
                .any(|it| matches!(*it, "install" | "ci" | "i" | "build"))
            {
                return Vec::new();
            }
            vec![elsewhere]
        }
        "npm" | "pnpm" | "yarn" | "bun" => {
            let name = plain
                .iter()
                .find(|it| !matches!(**it, "run" | "run-script" | "exec" | "dlx" | "x"));
            let Some(name) = name else {
                return Vec::new();
            };
            if let Some(work) = named(name) {
                return vec![work];
            }
            if matches!(*name, "install" | "i" | "ci" | "add" | "test" | "link") {
                return Vec::new();
            }
            // A program by way of its manager, such as `yarn next dev`, or a file that bun runs.
            let at = args.iter().position(|it| it == name).unwrap_or(0);
            let rest: Vec<String> = args[at..].iter().map(|&it| it.to_owned()).collect();
            if program == "bun" {
                return vec![single("bun", args, name)];
            }
            simple(scripts, &rest, depth + 1)
        }
        "concurrently" | "conc" => args
            .iter()
            .filter(|it| it.contains(' ') || it.contains(':') || !it.starts_with('-'))
            .flat_map(|it| match it.strip_prefix("npm:") {
                Some(pattern) => fitting(scripts, pattern, depth),
                None if it.contains(' ') => vec![work(scripts, it, depth + 1)],
                None => Vec::new(),
            })
            .collect(),
        "run-p" | "run-s" | "npm-run-all" | "npm-run-all2" | "run-z" => plain
            .iter()
            .flat_map(|it| fitting(scripts, it, depth))
            .collect(),
        "turbo" | "nx" | "lerna" | "moon" | "rush" => {
            let serves = |it: &&str| {
                ["dev", "start", "serve", "develop"].iter().any(|verb| {
                    *it == *verb
                        || it.ends_with(&format!(":{verb}"))
                        || it.starts_with(&format!("{verb}:"))
                })
            };
            let does = if plain.iter().any(serves) {
                ProgramUse::Serves { watches: true }
            } else {
                ProgramUse::Builds
            };
            vec![ScriptEffect { does, ..elsewhere }]
        }
        _ => {
            let file = plain.first().copied().unwrap_or("");
            vec![single(program, args, file)]
        }
    }
}

fn single(program: &str, args: &[&str], file: &str) -> ScriptEffect {
    let does = used_for(program, args);
    let mut runs = Vec::new();
    match (program, does) {
        ("next" | "nuxt" | "vite" | "astro" | "gatsby", ProgramUse::Serves { watches: false }) => {
            runs.push(format!("{program} {file}"));
        }
        (_, ProgramUse::Serves { .. }) => {
            let path = |it: &&&str| !it.starts_with('-') && (it.contains('/') || it.contains('.'));
            runs.extend(args.iter().filter(path).map(|&it| it.to_owned()));
            if !file.is_empty() {
                runs.push(file.to_owned());
            }
        }
        _ => {}
    }
    ScriptEffect {
        does,
        builds: does == ProgramUse::Builds && program != "echo",
        runs,
    }
}

/// The scripts that `dev:*` stands for.
fn fitting(scripts: &BTreeMap<&str, &str>, pattern: &str, depth: u8) -> Vec<ScriptEffect> {
    let fits = |name: &str| match pattern.split_once('*') {
        None => name == pattern,
        Some((before, after)) => {
            name.len() >= before.len() + after.trim_matches('*').len() && name.starts_with(before)
        }
    };
    scripts
        .iter()
        .filter(|(name, _)| fits(name))
        .map(|(_, text)| work(scripts, text, depth + 1))
        .collect()
}

fn is_of_another_directory(args: &[&str]) -> bool {
    args.iter().any(|arg| {
        let flag = arg.split('=').next().unwrap_or(arg);
        matches!(
            flag,
            "--prefix"
                | "--cwd"
                | "-C"
                | "--dir"
                | "--filter"
                | "-F"
                | "-w"
                | "--workspace"
                | "-r"
                | "--recursive"
                | "workspace"
        )
    })
}

/// Without the variables and the programs that only lead to another.
fn bare(words: &[String]) -> Vec<&str> {
    const LEADING: [&str; 14] = [
        "cross-env",
        "cross-env-shell",
        "env",
        "npx",
        "bunx",
        "exec",
        "time",
        "dotenv",
        "env-cmd",
        "dotenvx",
        "dotenv-flow",
        "nice",
        "sudo",
        "--",
    ];
    let mut rest: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut led = false;
    while let Some(first) = rest.first() {
        let is_variable = first.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        });
        let is_flag = led && first.starts_with('-');
        if LEADING.contains(first) {
            led = true;
        } else if is_flag {
            // `-e FILE` and `-f FILE` take a word of their own.
            if matches!(*first, "-e" | "-f" | "--env-file" | "--file") && rest.len() > 1 {
                rest.remove(0);
            }
        } else if !is_variable {
            break;
        }
        rest.remove(0);
    }
    rest
}

/// What makes the first file that the script runs and that is not there.
fn build(
    tree: &dyn Tree,
    scripts: &BTreeMap<&str, &str>,
    manifest: &Value,
    work: &ScriptEffect,
) -> Option<String> {
    let serves_built = |run: &&String| {
        [
            "next start",
            "nuxt start",
            "nuxt preview",
            "vite preview",
            "astro preview",
            "gatsby serve",
        ]
        .contains(&run.as_str())
    };
    let is_built = |run: &&String| {
        let Some(path) = relative(run) else {
            return false;
        };
        let top = path.split('/').next().unwrap_or("");
        let there = |file: &String| {
            *file == path
                || file.starts_with(&format!("{path}."))
                || file.starts_with(&format!("{path}/"))
        };
        let in_build = path.split('/').any(|name| BUILT.contains(&name));
        !top.is_empty() && in_build && !tree.files().iter().any(there)
    };
    if !work
        .runs
        .iter()
        .any(|run| serves_built(&run) || is_built(&run))
    {
        return None;
    }
    if let Some(name) = BUILDS.iter().find(|name| scripts.contains_key(**name)) {
        return Some(format!("npm run {name}"));
    }
    let typescript = ["dependencies", "devDependencies"].iter().any(|section| {
        manifest
            .pointer(&format!("/{section}/typescript"))
            .is_some()
    });
    let configured = tree.files().iter().any(|file| file == "tsconfig.json");
    (typescript && configured).then(|| "npx tsc".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::files::tree::memory::MemoryTree;

    fn chosen(scripts: &str, files: &[&str]) -> Option<Script> {
        let manifest = format!("{{\"scripts\":{{{scripts}}}}}");
        let files = files.iter().map(|&path| (path, ""));
        let tree = MemoryTree::new(files.chain([("package.json", manifest.as_str())]));
        choose(&tree)
    }

    /// Scripts, the one that is run, and whether it watches its files.
    const SERVING: [(&str, &str, bool); 25] = [
        (
            r#""docs:build":"vitepress build docs","docs:dev":"vitepress dev docs","docs:preview":"vitepress preview docs""#,
            "docs:dev",
            true,
        ),
        (
            r#""build":"tsup","dev":"tsup --watch","storybook":"storybook dev -p 6006","test:ui":"vite""#,
            "storybook",
            true,
        ),
        (
            r#""start":"node a.js","storybook":"storybook dev""#,
            "start",
            false,
        ),
        (
            r#""start":"./serve.sh","docs:dev":"vuepress dev""#,
            "start",
            false,
        ),
        (r#""start":"node a.js","dev":"nodemon a.js""#, "dev", true),
        (
            r#""start":"node a.js","dev":"webpack --watch""#,
            "start",
            false,
        ),
        (r#""start":"node a.js","dev":"tsc -w""#, "start", false),
        (
            r#""start":"node a.js","dev":"babel src -d lib -w""#,
            "start",
            false,
        ),
        (
            r#""start":"node a.js","dev":"npm run watch","watch":"rollup -c -w""#,
            "start",
            false,
        ),
        (
            r#""start":"nest start","start:dev":"nest start --watch""#,
            "start:dev",
            true,
        ),
        (
            r#""dev":"cross-env NODE_ENV=development node --flag a.js""#,
            "dev",
            false,
        ),
        (
            r#""dev":"concurrently \"tsc -w\" \"nodemon dist/a.js\"""#,
            "dev",
            true,
        ),
        (
            r#""dev":"concurrently \"npm:dev:*\"","dev:a":"tsc -w","dev:b":"node b.js""#,
            "dev",
            false,
        ),
        (
            r#""dev":"concurrently -k \"npm run server\" \"npm run client\"","server":"nodemon s","client":"npm start --prefix client""#,
            "dev",
            true,
        ),
        (
            r#""dev":"run-p dev:*","dev:css":"tailwindcss -w","dev:app":"tsx watch a.ts""#,
            "dev",
            true,
        ),
        (r#""dev":"yarn next dev""#, "dev", true),
        (r#""dev":"dotenv -e .env.local -- next dev""#, "dev", true),
        (r#""dev":"turbo run dev""#, "dev", true),
        (r#""serve":"node a.js","test":"jest""#, "serve", false),
        (
            r#""server":"nodemon a.js","build":"webpack""#,
            "server",
            true,
        ),
        (r#""dev":"gulp","start":"gulp prod""#, "dev", false),
        (r#""dev":"gulp","start":"node a.js""#, "start", false),
        (r#""start":"node ./bin/www""#, "start", false),
        (r#""dev":"bun run --hot src/index.ts""#, "dev", true),
        (
            r#""dev:api":"node api.js","lint":"eslint .""#,
            "dev:api",
            false,
        ),
    ];

    #[test]
    fn the_script_that_serves_is_run() {
        for (scripts, name, watches) in SERVING {
            let script = chosen(scripts, &["bin/www"]).expect(scripts);
            assert_eq!(
                (script.name.as_str(), script.watches),
                (name, watches),
                "{scripts}"
            );
        }
        for scripts in [
            r#""test":"jest""#,
            r#""dev":"tsc -w","build":"tsc""#,
            r#""start":"echo hi""#,
            "",
        ] {
            assert_eq!(chosen(scripts, &[]), None, "{scripts}");
        }
    }

    #[test]
    fn what_is_not_there_is_built_first() {
        for (scripts, files, expected) in [
            (
                r#""build":"tsc","start":"node dist/index.js""#,
                &[][..],
                Some("npm run build"),
            ),
            (
                r#""build":"tsc","start":"node dist""#,
                &[],
                Some("npm run build"),
            ),
            (
                r#""build":"tsc","start":"node ./build/server""#,
                &[],
                Some("npm run build"),
            ),
            (
                r#""compile":"tsc","start":"NODE_ENV=production node lib/a""#,
                &[],
                Some("npm run compile"),
            ),
            (
                r#""build":"next build","start":"next start""#,
                &[],
                Some("npm run build"),
            ),
            (
                r#""build":"tsc","start":"node dist/index.js""#,
                &["dist/index.js"],
                None,
            ),
            (
                r#""build":"tsc","start":"npm run build && node dist/index.js""#,
                &[],
                None,
            ),
            (
                r#""build":"tsc","prestart":"npm run build","start":"node dist/index.js""#,
                &[],
                None,
            ),
            (r#""build":"tsc","start":"node server.js""#, &[], None),
            (
                r#""build":"tsc","dev":"tsc -w & nodemon dist/a.js""#,
                &[],
                None,
            ),
        ] {
            let script = chosen(scripts, files).expect(scripts);
            assert_eq!(script.build.as_deref(), expected, "{scripts}");
        }
    }
}
