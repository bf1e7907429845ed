//! `completions/` is what the binary prints. `UPDATE_COMPLETIONS=1` writes it anew.

use std::{fs, path::Path};

use crate::help::program::World;

const SCRIPTS: [(&str, &str); 5] = [
    ("bash", "codemate-preview.bash"),
    ("zsh", "_codemate-preview"),
    ("fish", "codemate-preview.fish"),
    ("powershell", "_codemate-preview.ps1"),
    ("elvish", "codemate-preview.elv"),
];

#[test]
fn the_scripts_that_ship_are_current() {
    let world = World::new();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions");
    #[expect(clippy::disallowed_methods, reason = "a test has no settings")]
    let update = std::env::var_os("UPDATE_COMPLETIONS").is_some();
    for (shell, file) in SCRIPTS {
        let ran = world.run(&["completions", shell]);
        assert_eq!(ran.code, Some(0));
        if update {
            fs::write(dir.join(file), &ran.stdout).unwrap();
        }
        let shipped = fs::read_to_string(dir.join(file)).unwrap_or_default();
        assert!(
            shipped == ran.stdout,
            "{file} is old: run the tests with UPDATE_COMPLETIONS=1"
        );
    }
}
