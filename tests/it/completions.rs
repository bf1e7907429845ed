//! Completion: each script of `completions/` is what the program prints, and the program answers
//! what such a script asks it.

use std::{
    fs, io,
    path::Path,
    process::{Command, Stdio},
};

use crate::help::program::{Ran, World};

const SCRIPTS: [(&str, &str); 5] = [
    ("bash", "codemate-preview.bash"),
    ("zsh", "_codemate-preview"),
    ("fish", "codemate-preview.fish"),
    ("powershell", "_codemate-preview.ps1"),
    ("elvish", "codemate-preview.elv"),
];

#[test]
fn the_scripts_that_ship_are_what_the_program_prints() {
    let world = World::new();
    for (shell, file) in SCRIPTS {
        let ran = world.run(&["completions", shell]);
        assert_eq!(ran.code, Some(0));
        assert_eq!(ran.stdout, fs::read_to_string(shipped(file)).unwrap());
        let asks = [
            format!("COMPLETE={shell} codemate-preview"),
            format!("COMPLETE = \"{shell}\"\ncodemate-preview"),
        ];
        assert!(asks.iter().any(|ask| ran.stdout.contains(ask)), "{file}");
    }
}

#[test]
fn each_shell_is_given_code_that_asks_again() {
    let world = World::new();
    for (shell, _) in SCRIPTS {
        let ran = asked(&world, shell, &[]);
        assert_eq!(ran.code, Some(0), "{}", ran.all());
        for part in ["codemate-preview", "COMPLETE", shell, "--"] {
            assert!(ran.stdout.contains(part), "{shell} lacks {part}");
        }
    }
}

#[test]
fn each_shell_is_answered_commands_flags_and_values() {
    let world = World::new();
    for (shell, _) in SCRIPTS {
        let complete = |words: &[&str]| {
            let ran = asked(&world, shell, words);
            assert_eq!(ran.code, Some(0), "{}", ran.all());
            values(&ran.stdout)
        };
        assert_eq!(complete(&["do"]), ["doctor", "down"], "{shell}");
        assert_eq!(complete(&["up", "--tun"]), ["--tunnel"], "{shell}");
        assert_eq!(
            complete(&["up", "--tunnel", "cloudf"]),
            ["cloudflare", "cloudflare-quick"],
            "{shell}"
        );
        // The tether is for the agent alone.
        assert!(!complete(&[""]).contains(&"tether".to_owned()), "{shell}");
    }
}

#[test]
fn a_shell_nobody_knows_is_a_usage_error() {
    let ran = asked(&World::new(), "tcsh", &["do"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("tcsh") && ran.stderr.contains("bash, "));
    assert_eq!(ran.stdout, "");
}

#[test]
fn nothing_is_completed_where_the_variable_says_no() {
    for no in ["", "0"] {
        let ran = World::new().run_with(&["--version"], |command| {
            command.env("COMPLETE", no);
        });
        assert!(ran.stdout.starts_with("codemate-preview "), "{}", ran.all());
    }
}

#[test]
fn bash_completes_by_the_script_that_ships() {
    let program = Path::new(env!("CARGO_BIN_EXE_codemate-preview"));
    let script = r#"
        PATH=$(dirname "$1"):$PATH
        source "$2"
        registered=$(complete -p codemate-preview)
        function=${registered##*-F }
        COMP_WORDS=(codemate-preview up --tun) COMP_CWORD=2 COMP_TYPE=9
        "${function% *}" codemate-preview --tun up
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let bash = Command::new("bash")
        .args(["--norc", "--noprofile", "-c", script, "bash"])
        .arg(program)
        .arg(shipped("codemate-preview.bash"))
        .stdin(Stdio::null())
        .output();
    match bash {
        Ok(output) => assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "--tunnel\n",
            "{output:?}"
        ),
        // A machine without bash has nothing to complete in.
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::NotFound),
    }
}

fn shipped(file: &str) -> std::path::PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("completions").join(file)
}

/// What a shell is answered that completes the last of these words; with none, the code that asks.
fn asked(world: &World, shell: &str, words: &[&str]) -> Ran {
    let mut args = vec!["--"];
    if !words.is_empty() {
        args.push("codemate-preview");
    }
    args.extend(words);
    world.run_with(&args, |command| {
        command
            .env("COMPLETE", shell)
            .env("_CLAP_IFS", "\n")
            .env("_CLAP_COMPLETE_INDEX", words.len().to_string());
    })
}

/// The candidates, without what some shells show beside them.
fn values(answer: &str) -> Vec<String> {
    let mut values: Vec<String> = answer
        .lines()
        .map(|line| line.split(['\t', ':']).next().unwrap().to_owned())
        .collect();
    values.sort_unstable();
    values
}
