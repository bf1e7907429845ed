//! Each manifest beside the code it is for: what is declared is used.

use std::{fs, path::Path};

use super::sources;

/// Manifest, and for each of its tables the folders that may use what the table declares.
const DECLARED: [(&str, &str, &[&str]); 5] = [
    ("Cargo.toml", "dependencies", &["src/"]),
    (
        "Cargo.toml",
        "dev-dependencies",
        &["src/", "tests/", "benches/"],
    ),
    ("src/guest/Cargo.toml", "dependencies", &["src/guest/"]),
    (
        "tests/cloudflared/Cargo.toml",
        "dev-dependencies",
        &["tests/cloudflared/", "tests/tunnel/"],
    ),
    ("fuzz/Cargo.toml", "dependencies", &["fuzz/", "src/"]),
];

#[test]
fn every_dependency_is_used() {
    let files = sources::files();
    for (manifest, table, folders) in DECLARED {
        let code: Vec<String> = files
            .iter()
            .filter(|file| folders.iter().any(|folder| file.starts_with(folder)))
            .map(|file| code_of(&text_of(file)))
            .collect();
        let unused = unused(&text_of(manifest), table, &code);
        assert!(unused.is_empty(), "{manifest} [{table}]: {unused:?}");
    }
}

/// The control: a crate that is only spoken of, or is part of another name, is not used.
#[test]
fn an_unused_dependency_is_seen() {
    let manifest = "[dependencies]\nan-one = '1'\nalone = '1'\nb = '1'\nc = '1'\nd = '1'\n";
    let code = "use an_one::X;\nuse alone;\n// c::d\nfn f() { bb::d::e(d) }\n";
    let unused = unused(manifest, "dependencies", &[code_of(code)]);
    assert_eq!(unused, ["b", "c", "d"]);
}

fn unused(manifest: &str, table: &str, code: &[String]) -> Vec<String> {
    let manifest: toml::Table = manifest.parse().unwrap();
    let declared = manifest.get(table).and_then(toml::Value::as_table).unwrap();
    declared
        .keys()
        .filter(|name| {
            let name = name.replace('-', "_");
            !code.iter().any(|text| names_crate(text, &name))
        })
        .cloned()
        .collect()
}

/// Whether a path begins with the crate's name, or `use` names it alone.
fn names_crate(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + name.len()..]);
        let is_first = !before.ends_with(|c: char| c.is_alphanumeric() || "_:.".contains(c));
        is_first && (after.starts_with("::") || before.ends_with("use ") && after.starts_with(';'))
    })
}

fn code_of(text: &str) -> String {
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    text.lines().filter(is_code).collect::<Vec<_>>().join("\n")
}

fn text_of(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
