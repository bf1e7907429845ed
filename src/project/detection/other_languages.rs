//! Applications in languages that are not supported yet, by the file that shows each. A table.

use std::sync::LazyLock;

use serde::Serialize;

use crate::project::{files::tree::Tree, templates::pattern::FileGlob};

/// A file, and the language of the application that it shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OtherLanguage {
    pub file: String,
    pub language: &'static str,
    /// An image that such programs are commonly run in.
    pub image: &'static str,
    /// A command that commonly starts them.
    pub command: &'static [&'static str],
}

struct Row {
    /// The first that is there counts.
    globs: &'static [&'static str],
    language: &'static str,
    image: &'static str,
    command: &'static [&'static str],
    /// Where this is there too, it is something else. Empty if nothing makes it so.
    unless: &'static str,
}

const fn row(
    globs: &'static [&'static str],
    language: &'static str,
    image: &'static str,
    command: &'static [&'static str],
) -> Row {
    Row {
        globs,
        language,
        image,
        command,
        unless: "",
    }
}

/// What an application of that language has, and a tool of another project seldom.
const ROWS: [Row; 23] = [
    row(
        &["artisan"],
        "PHP (Laravel)",
        "php:8-cli",
        &["php", "artisan", "serve", "--host", "0.0.0.0"],
    ),
    row(
        &["bin/console", "symfony.lock"],
        "PHP (Symfony)",
        "php:8-cli",
        &["php", "-S", "0.0.0.0:8000", "-t", "public"],
    ),
    row(
        &[
            "wp-config*.php",
            "index.php",
            "public/index.php",
            "web/index.php",
        ],
        "PHP",
        "php:8-cli",
        &["php", "-S", "0.0.0.0:8000"],
    ),
    row(
        &["Gemfile", "config.ru", "config/application.rb"],
        "Ruby",
        "ruby:3",
        &["bundle", "exec", "rackup", "-o", "0.0.0.0"],
    ),
    // Hexo, which is of Node.js, has a file of that name.
    Row {
        globs: &["_config.yml"],
        language: "Ruby (Jekyll)",
        image: "ruby:3",
        command: &["bundle", "exec", "jekyll", "serve", "-H", "0.0.0.0"],
        unless: "package.json",
    },
    row(
        &["go.mod", "main.go", "cmd/*/main.go"],
        "Go",
        "golang:1",
        &["go", "run", "."],
    ),
    row(&["pom.xml"], "Java", "maven:3", &["mvn", "spring-boot:run"]),
    row(
        &["build.gradle", "build.gradle.kts"],
        "Java or Kotlin",
        "gradle:8",
        &["gradle", "bootRun"],
    ),
    row(
        &["build.sbt", "build.sc"],
        "Scala",
        "sbtscala/scala-sbt",
        &["sbt", "run"],
    ),
    row(
        &["project.clj", "deps.edn"],
        "Clojure",
        "clojure",
        &["clojure", "-M", "-m", "main"],
    ),
    row(
        &["*.csproj", "*.fsproj", "*.sln", "*.slnx", "*/*.csproj"],
        ".NET",
        "mcr.microsoft.com/dotnet/sdk:8.0",
        &["dotnet", "run"],
    ),
    row(&["mix.exs"], "Elixir", "elixir:1", &["mix", "phx.server"]),
    row(
        &["rebar.config"],
        "Erlang",
        "erlang:27",
        &["rebar3", "shell"],
    ),
    row(
        &["gleam.toml"],
        "Gleam",
        "ghcr.io/gleam-lang/gleam",
        &["gleam", "run"],
    ),
    row(&["Package.swift"], "Swift", "swift:6", &["swift", "run"]),
    row(
        &["shard.yml"],
        "Crystal",
        "crystallang/crystal",
        &["shards", "run"],
    ),
    row(&["pubspec.yaml"], "Dart", "dart:stable", &["dart", "run"]),
    row(
        &["stack.yaml", "*.cabal", "cabal.project"],
        "Haskell",
        "haskell:9",
        &["cabal", "run"],
    ),
    row(&["Cargo.toml"], "Rust", "rust:1", &["cargo", "run"]),
    row(
        &["dune-project"],
        "OCaml",
        "ocaml/opam",
        &["dune", "exec", "./main.exe"],
    ),
    row(
        &["app.R", "server.R", "plumber.R", "DESCRIPTION"],
        "R",
        "rocker/r-ver:4",
        &["Rscript", "app.R"],
    ),
    row(
        &["hugo.toml", "hugo.yaml", "archetypes/default.md"],
        "Go (Hugo)",
        "hugomods/hugo",
        &["hugo", "server", "--bind", "0.0.0.0"],
    ),
    row(&["*.pl", "cpanfile"], "Perl", "perl:5", &["perl", "app.pl"]),
];

/// Deno's own: beside a `package.json` it may be either, and that is looked into first.
const DENO: Row = Row {
    globs: &["deno.json", "deno.jsonc", "deno.lock"],
    language: "Deno",
    image: "denoland/deno",
    command: &["deno", "task", "start"],
    unless: "",
};

/// Said where nothing else is there to say.
const LAST: [Row; 6] = [
    row(
        &["*.php"],
        "PHP",
        "php:8-cli",
        &["php", "-S", "0.0.0.0:8000"],
    ),
    row(
        &["composer.json"],
        "PHP",
        "php:8-cli",
        &["php", "-S", "0.0.0.0:8000"],
    ),
    row(&["*.rb"], "Ruby", "ruby:3", &["ruby", "app.rb"]),
    row(&["*.go"], "Go", "golang:1", &["go", "run", "."]),
    row(
        &["*.java", "src/main/java/**/*.java"],
        "Java",
        "eclipse-temurin:21",
        &["java", "Main.java"],
    ),
    row(
        &["*.ipynb", "*/*.ipynb"],
        "Jupyter notebooks",
        "quay.io/jupyter/base-notebook",
        &["jupyter", "lab", "--ip", "0.0.0.0"],
    ),
];

static GLOBS: LazyLock<Vec<(&'static Row, Vec<FileGlob>)>> = LazyLock::new(|| compiled(&ROWS));
static LAST_GLOBS: LazyLock<Vec<(&'static Row, Vec<FileGlob>)>> = LazyLock::new(|| compiled(&LAST));

fn compiled(rows: &'static [Row]) -> Vec<(&'static Row, Vec<FileGlob>)> {
    let globs = |row: &'static Row| {
        row.globs
            .iter()
            .map(|glob| FileGlob::new(glob).expect("a constant"))
            .collect()
    };
    rows.iter().map(|row| (row, globs(row))).collect()
}

/// The application of another language that stands at the top of `tree`.
pub fn application(tree: &dyn Tree) -> Option<OtherLanguage> {
    found(tree, &GLOBS).or_else(|| deno(tree))
}

/// That, or what else shows what the files are written in.
pub fn anything(tree: &dyn Tree) -> Option<OtherLanguage> {
    application(tree).or_else(|| found(tree, &LAST_GLOBS))
}

fn found(tree: &dyn Tree, rows: &[(&'static Row, Vec<FileGlob>)]) -> Option<OtherLanguage> {
    rows.iter().find_map(|(row, globs)| {
        let fits = |glob: &FileGlob| tree.files().iter().find(|path| glob.fits(path));
        let is_else = tree.files().iter().any(|path| path == row.unless);
        Some(of(row, globs.iter().find_map(fits).filter(|_| !is_else)?))
    })
}

fn of(row: &'static Row, file: &str) -> OtherLanguage {
    OtherLanguage {
        file: file.to_owned(),
        language: row.language,
        image: row.image,
        command: row.command,
    }
}

/// A project of Deno's, unless npm's manifest says how it is run without Deno.
fn deno(tree: &dyn Tree) -> Option<OtherLanguage> {
    let has = |name: &str| tree.files().iter().any(|file| file == name);
    let file = DENO.globs.iter().find(|name| has(name))?;
    let by_npm = crate::project::commands::npm_scripts::choose(tree)
        .is_some_and(|it| !it.text.contains("deno"));
    (!by_npm).then(|| of(&DENO, file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::files::tree::memory::MemoryTree;

    #[test]
    fn a_language_is_named_with_the_file_that_shows_it() {
        for (files, file, language) in [
            (&["Gemfile", "config.ru"][..], "Gemfile", "Ruby"),
            (&["config.ru"], "config.ru", "Ruby"),
            (&["Gemfile", "package.json"], "Gemfile", "Ruby"),
            (
                &["artisan", "composer.json", "public/index.php"],
                "artisan",
                "PHP (Laravel)",
            ),
            (&["index.php", "style.css"], "index.php", "PHP"),
            (&["go.mod", "main.go"], "go.mod", "Go"),
            (&["pom.xml"], "pom.xml", "Java"),
            (&["build.gradle.kts"], "build.gradle.kts", "Java or Kotlin"),
            (&["Shop/Shop.csproj"], "Shop/Shop.csproj", ".NET"),
            (&["Cargo.toml", "src/main.rs"], "Cargo.toml", "Rust"),
            (&["mix.exs"], "mix.exs", "Elixir"),
            (&["deno.json", "main.ts", "index.html"], "deno.json", "Deno"),
        ] {
            let tree = MemoryTree::new(files.iter().map(|&path| (path, "")));
            let found = application(&tree).expect(language);
            assert_eq!((found.file.as_str(), found.language), (file, language));
        }
        let tree = MemoryTree::new([("composer.json", "{}"), ("app.py", "")]);
        assert_eq!(application(&tree), None);
        assert_eq!(anything(&tree).map(|it| it.language), Some("PHP"));
        let npm = r#"{"scripts":{"start":"node a.js"}}"#;
        let tree = MemoryTree::new([("deno.json", "{}"), ("package.json", npm)]);
        assert_eq!(application(&tree), None);
    }
}
