//! Whether a command starts several servers at once, by its words and those of the scripts it runs.

use std::collections::BTreeSet;

use crate::project::{detection::project_view::ProjectView, templates::format::Predicate};

/// Programs that run several others side by side.
const RUNNERS: [&str; 14] = [
    "concurrently",
    "foreman",
    "honcho",
    "lerna",
    "mprocs",
    "npm-run-all",
    "npm-run-all2",
    "overmind",
    "pm2-runtime",
    "run-p",
    "stmux",
    "supervisord",
    "turbo",
    "wireit",
];
/// Of package managers and workspace tools: the same script of several packages.
const WORDS: [&str; 4] = ["--parallel", "--recursive", "run-many", "foreach"];
/// Servers of pages under development.
const PAGES: [&str; 5] = [
    "vite",
    "react-scripts",
    "@angular/cli",
    "webpack-dev-server",
    "parcel",
];
/// Servers of APIs.
const APIS: [&str; 8] = [
    "express",
    "fastify",
    "koa",
    "@hapi/hapi",
    "@nestjs/core",
    "@hono/node-server",
    "polka",
    "restify",
];
const MANAGERS: [&str; 4] = ["npm", "pnpm", "yarn", "bun"];
/// More scripts than lead from one to another in any project.
const MOST: usize = 32;

pub fn starts_several(project: &ProjectView<'_>, argv: &[String]) -> bool {
    if holds_both(project) {
        return true;
    }
    let mut seen = BTreeSet::new();
    let mut texts = vec![argv.join(" ")];
    while let Some(text) = texts.pop() {
        if seen.len() == MOST || !seen.insert(text.clone()) {
            continue;
        }
        if is_several(&text) {
            return true;
        }
        texts.extend(called(project, &text));
    }
    false
}

/// A server of pages that a program of the project's own starts beside its API says so nowhere.
fn holds_both(project: &ProjectView<'_>) -> bool {
    let any = |names: &[&str]| {
        names.iter().any(|name| {
            let predicate = Predicate {
                dep: Some(format!("npm:{name}")),
                ..Predicate::default()
            };
            project.holds(&predicate).is_some()
        })
    };
    any(&PAGES) && any(&APIS)
}

fn is_several(text: &str) -> bool {
    let words = || words(text);
    words().any(|word| {
        let name = word.rsplit('/').next().unwrap_or(word);
        let name = name.split('@').next().unwrap_or(name);
        RUNNERS.contains(&name) || WORDS.contains(&word)
    }) || words().any(|word| word == "pnpm") && words().any(|word| word == "-r")
        || text.lines().any(is_in_background)
}

/// A single `&` between two commands, or after one of a script of several lines.
fn is_in_background(line: &str) -> bool {
    let line = line
        .replace("&&", "  ")
        .replace(">&", "  ")
        .replace("&>", "  ");
    line.contains('&')
}

/// The texts of the scripts that it runs.
fn called(project: &ProjectView<'_>, text: &str) -> Vec<String> {
    let words: Vec<&str> = words(text).collect();
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        if MANAGERS.contains(word) {
            let script = words[at + 1..]
                .iter()
                .find(|it| !it.starts_with('-') && **it != "run");
            let pointer = script
                .map(|script| format!("/scripts/{}", script.replace('~', "~0").replace('/', "~1")));
            let texts =
                pointer.and_then(|pointer| project.values("package.json", Some(&pointer), None));
            found.extend(texts.into_iter().flatten());
        }
        let path = word.strip_prefix("./").unwrap_or(word);
        if path.rsplit_once('.').is_some_and(|(_, end)| end == "sh") && project.has_file(path) {
            found.extend(project.text(path).map(|text| text.to_string()));
        }
    }
    found
}

/// Without quotes, of a shell's text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|end: char| end.is_whitespace() || "\"'`;|()&".contains(end))
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_side_by_side_is_known_by_its_words() {
        for text in [
            "concurrently \"npm:dev:*\"",
            "npx concurrently -k 'npm run api' 'npm run web'",
            "npm-run-all --parallel api web",
            "run-p dev:*",
            "turbo run dev",
            "npx turbo@latest dev",
            "pnpm -r dev",
            "pnpm --parallel dev",
            "lerna run dev --stream",
            "nx run-many -t serve",
            "vite & node server.js",
            "node api.js & vite",
            "honcho start",
            "./node_modules/.bin/concurrently a b",
            "#!/bin/sh\nnode api.js &\nexec vite\n",
        ] {
            assert!(is_several(text), "{text}");
        }
        for text in [
            "vite",
            "next dev --turbo",
            "next dev --turbopack",
            "tsc && node dist/index.js",
            "node server.js > log 2>&1",
            "node server.js &> log",
            "nodemon server.js",
            "npm run build && npm start",
            "flask run -r",
        ] {
            assert!(!is_several(text), "{text}");
        }
    }
}
