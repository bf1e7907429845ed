//! What is taken and what is not, over trees with ignore files.

use std::{fs, path::Path};

use super::{exceptions::Exceptions, ignore_files::parse_extra, ignore_rules::IgnoreRules, *};
use crate::source::*;

fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn rules(dir: &RootDir, ignore: &[String], include: &[String]) -> IgnoreRules {
    let exceptions = Exceptions::new(parse_extra(include).unwrap(), include, "web");
    IgnoreRules::load(dir, parse_extra(ignore).unwrap(), exceptions)
}

fn ignored(root: &Path, extra: &[&str], path: &str) -> bool {
    let extra: Vec<String> = extra.iter().map(|&line| line.to_owned()).collect();
    let dir = RootDir::open(root).unwrap();
    let rules = rules(&dir, &extra, &[]);
    let (path, is_dir) = path
        .strip_suffix('/')
        .map_or((path, false), |path| (path, true));
    rules.ignores(&dir, path, is_dir)
}

#[test]
fn gitignore_nests_negates_and_prunes() {
    let dir = tree(&[
        (
            ".gitignore",
            "*.log\nbuild/\n/top\n!keep.log\nout/\n!out/kept\ndoc/*.txt\n\\!x\r\n",
        ),
        ("a/.gitignore", "!*.log\nlocal\n"),
        ("a/b/.gitignore", "/anchored\n"),
    ]);
    let table = [
        ("x.log", true),
        ("keep.log", false),
        ("a/x.log", false),
        ("a/b/x.log", false),
        ("c/x.log", true),
        ("build/", true),
        ("build", false),
        ("c/build/", true),
        ("build/deep/file", true),
        ("top", true),
        ("c/top", false),
        ("out/kept", true),
        ("doc/a.txt", true),
        ("doc/d/a.txt", false),
        ("!x", true),
        ("a/local", true),
        ("local", false),
        ("a/c/local", true),
        ("a/b/anchored", true),
        ("a/anchored", false),
        ("a/b/c/anchored", false),
        (".gitignore", false),
        ("a", false),
    ];
    for (path, expected) in table {
        assert_eq!(ignored(dir.path(), &[], path), expected, "{path}");
    }
}

#[test]
fn some_things_are_never_taken() {
    let dir = tree(&[(".codemateignore", "!node_modules\n!.git\n")]);
    for path in [
        ".git/",
        ".git",
        "a/.git/config",
        "node_modules/",
        "a/node_modules/b/c.js",
        ".venv/",
        "venv/",
        "x/__pycache__/",
        "x/y.pyc",
        ".DS_Store",
        ".codemate/",
        "a.py.swp",
        "a.py~",
    ] {
        assert!(ignored(dir.path(), &[], path), "{path}");
    }
    for path in ["venv", "git", "a.py", ".gitattributes", ".env"] {
        assert!(!ignored(dir.path(), &[], path), "{path}");
    }
}

#[test]
fn our_own_file_is_the_strongest() {
    let dir = tree(&[
        (".gitignore", "dist/\n.env\n"),
        (".dockerignore", "dist\n**/*.map\nlogs\n"),
        (".codemateignore", "!dist/\n!.env\nsecret\n!kept\n"),
        ("a/.codemateignore", "!secret\n"),
    ]);
    let table = [
        ("dist/", false),
        ("dist/a.js", false),
        ("dist/a.map", true),
        (".env", false),
        ("secret", true),
        ("a/secret", false),
        ("logs/x", true),
        ("kept", false),
        ("extra", true),
        ("a/extra", true),
    ];
    for (path, expected) in table {
        assert_eq!(
            ignored(dir.path(), &["extra", "kept"], path),
            expected,
            "{path}"
        );
    }
}

#[test]
fn ignore_files_are_taken_themselves() {
    let dir = tree(&[(".gitignore", ".*\n"), (".dockerignore", "a\nother\n")]);
    for path in [
        ".gitignore",
        ".dockerignore",
        "app/.gitignore",
        ".codemateignore",
        "app/x",
    ] {
        assert!(!ignored(dir.path(), &[], path), "{path}");
    }
    assert!(ignored(dir.path(), &[], "a/.gitignore"));
    assert!(ignored(dir.path(), &[], "other"));
}

#[test]
fn a_bad_pattern_of_the_settings_is_named() {
    let bad = parse_extra(&["a{b".to_owned()]).unwrap_err();
    assert_eq!(
        bad,
        SourceError::BadIgnore {
            pattern: "a{b".to_owned()
        }
    );
}

/// A list of what an image takes, a directory of it, and files that are read by name.
#[test]
fn dockerignore_speaks_of_images() {
    for list in [
        "*\n!dist\n!package.json\n",
        "**\n!dist/**\n",
        "/*\n!/dist\n",
    ] {
        let dir = tree(&[(".dockerignore", list)]);
        for path in ["src/server.js", "package.json", "other"] {
            assert!(!ignored(dir.path(), &[], path), "{list:?} {path}");
        }
    }
    let dir = tree(&[(
        ".dockerignore",
        "*.md\n*.toml\nrequirements*\ndocs\nDockerfile\n",
    )]);
    for (path, expected) in [
        ("README.md", false),
        ("pyproject.toml", false),
        ("requirements-dev.txt", false),
        ("docs/README.md", true),
        ("Dockerfile", true),
        ("notes.md", true),
    ] {
        assert_eq!(ignored(dir.path(), &[], path), expected, "{path}");
    }
}

#[test]
fn the_environments_files_are_taken_whatever_git_says() {
    let dir = tree(&[
        (".gitignore", ".env*\n*.local\n"),
        (".dockerignore", "**/.env\n"),
        ("web/.gitignore", ".env\n"),
    ]);
    for (path, expected) in [
        (".env", false),
        (".env.local", false),
        (".env.development", false),
        (".env.example", false),
        ("web/.env", false),
        ("api/.env", true),
        // A virtual environment of that name.
        (".env/", true),
        (".env/bin/python", true),
        ("x.local", true),
    ] {
        assert_eq!(ignored(dir.path(), &[], path), expected, "{path}");
    }
    assert!(ignored(dir.path(), &[".env"], ".env"), "settings say so");
    fs::write(dir.path().join(".codemateignore"), ".env.local\n").unwrap();
    assert!(ignored(dir.path(), &[], ".env.local"), "our own file does");
    assert!(!ignored(dir.path(), &[], ".env"));
}

#[test]
fn what_the_settings_include_is_taken() {
    let dir = tree(&[
        (".gitignore", "lib/\nbuild/\n*.gen.py\n"),
        (".codemateignore", "/dist/private\n"),
    ]);
    let root = RootDir::open(dir.path()).unwrap();
    let include = ["lib/", "build/static/", "/models.gen.py", "dist/"].map(str::to_owned);
    let rules = rules(&root, &["dist".to_owned()], &include);
    for (path, is_dir, expected) in [
        ("lib", true, false),
        ("lib/greet.py", false, false),
        ("lib/a/x.gen.py", false, false),
        ("build", true, false),
        ("build/static/app.js", false, false),
        ("build/other.js", false, true),
        ("build/other/x.js", false, true),
        ("models.gen.py", false, false),
        ("other.gen.py", false, true),
        ("dist/a.js", false, false),
        ("dist/private", false, true),
        ("lib/node_modules", true, true),
    ] {
        assert_eq!(rules.ignores(&root, path, is_dir), expected, "{path}");
    }
}

/// As `git add -f` leaves it: what git tracks is taken, and what lies beside it is not.
#[test]
fn what_git_tracks_is_taken() {
    let dir = tree(&[
        (".gitignore", "lib/\n"),
        (".dockerignore", "docs\n"),
        ("lib/greet.py", ""),
        ("lib/new.py", ""),
        ("docs/a.md", ""),
    ]);
    let git = |args: &[&str]| {
        let done = std::process::Command::new("git")
            .args(args)
            .current_dir(dir.path())
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("HOME", dir.path())
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    git(&["init", "-q"]);
    let looked = || {
        let root = RootDir::open(dir.path()).unwrap();
        let rules = rules(&root, &[], &[]);
        ["lib/greet.py", "lib/new.py", "docs/a.md"].map(|path| rules.ignores(&root, path, false))
    };
    assert_eq!(looked(), [true, true, true], "nothing is tracked yet");
    git(&["add", "-f", "lib/greet.py", "docs/a.md"]);
    assert_eq!(looked(), [false, true, false]);
}

#[test]
fn each_is_told_with_its_file_and_line() {
    let dir = tree(&[
        (".gitignore", "# made\n*.log\nlib/\n"),
        ("web/.gitignore", "\nout\n"),
        (".dockerignore", "docs\n"),
        (".codemateignore", "secret\n"),
    ]);
    let root = RootDir::open(dir.path()).unwrap();
    let rules = rules(&root, &["tmp/".to_owned()], &[]);
    for (path, told) in [
        (
            "a/x.log",
            "`a/x.log` is left out: line 2 of .gitignore names it (`*.log`)",
        ),
        (
            "lib/greet.py",
            "`lib/` is left out: line 3 of .gitignore names it (`lib/`)",
        ),
        (
            "web/out",
            "`web/out` is left out: line 2 of web/.gitignore names it (`out`)",
        ),
        (
            "docs/a/b",
            "`docs/` is left out: line 1 of .dockerignore names it (`docs`)",
        ),
        (
            "secret",
            "`secret` is left out: line 1 of .codemateignore names it (`secret`)",
        ),
        (
            "tmp/x",
            "`tmp/` is left out: `[sync] ignore` or the template names it (`tmp/`)",
        ),
    ] {
        let left_out = rules.left_out(&root, path, false).unwrap();
        assert_eq!(left_out.to_string(), told);
        let taken = left_out.include();
        assert_eq!(taken.is_some(), path != "secret", "{path}");
        if let Some(include) = taken {
            let rules = self::rules(&root, &["tmp/".to_owned()], &[include]);
            assert_eq!(rules.left_out(&root, path, false), None, "{path}");
        }
    }
    assert_eq!(rules.left_out(&root, "app.py", false), None);
}
