//! The environment that Python projects are installed into.

use crate::model::Install;

/// Where it is inside.
pub const VENV: &str = "/home/app/venv";

/// Makes the environment of Python first, where uv installs into it and no command makes it.
pub fn with_environment(install: &mut Install) {
    let any = |words: &[&str]| {
        let mut commands = install.commands.iter();
        commands.any(|argv| argv.iter().take(words.len()).eq(words.iter()))
    };
    if !any(&["uv", "pip", "install"]) || any(&["uv", "venv"]) || any(&["uv", "sync"]) {
        return;
    }
    let make = [
        "uv",
        "venv",
        "--quiet",
        "--allow-existing",
        "--python",
        "python3",
        VENV,
    ];
    install.commands.insert(0, make.map(str::to_owned).into());
    for fallback in &mut install.fallbacks {
        fallback.command += 1;
    }
}
