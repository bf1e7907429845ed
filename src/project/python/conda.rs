//! `environment.yml`: what conda would bring in, as pip's kind of installer is told it.

use super::sources::{Kind, Source, has};
use crate::project::{
    requirements::{self, Requirements},
    tree::Tree,
};

/// The lines of an `environment.yml` that name packages; its format is kept to by its tool.
pub fn read(tree: &dyn Tree, cap: usize) -> Option<Source> {
    let file = [
        "environment.yml",
        "environment.yaml",
        "conda.yml",
        "conda.yaml",
    ]
    .into_iter()
    .find(|file| has(tree, file))?;
    let text = tree.read(file, cap)?;
    let (mut inside, mut pip) = (false, false);
    let mut words = Vec::new();
    let mut names = Requirements::new();
    for line in text.lines() {
        let line = line.split(" #").next().unwrap_or("").trim_end();
        let Some(item) = line.trim_start().strip_prefix("- ") else {
            if !line.is_empty() && !line.starts_with([' ', '#']) {
                (inside, pip) = (line.starts_with("dependencies:"), false);
            }
            continue;
        };
        let item = item.trim().trim_matches(['"', '\'']);
        if !inside {
            continue;
        }
        if item == "pip:" {
            pip = true;
            continue;
        }
        let word = if pip { item.to_owned() } else { of_conda(item) };
        if let Some(named) = requirements::named(&word)
            && !IS_OF_CONDA.contains(&named.name.as_str())
        {
            requirements::add(&mut names, named, file);
            words.push(word);
        } else if pip && word.starts_with("-r ") {
            words.extend(word.split_whitespace().map(str::to_owned));
        }
    }
    (!words.is_empty()).then(|| Source::new(Kind::Conda, words, names))
}

/// What conda brings that is no package of Python's, or has another name there.
const IS_OF_CONDA: [&str; 12] = [
    "python",
    "pip",
    "nodejs",
    "conda",
    "cudatoolkit",
    "ffmpeg",
    "git",
    "make",
    "gcc",
    "openssl",
    "sqlite",
    "ca-certificates",
];

/// `numpy=1.21=py39` as pip writes it.
fn of_conda(item: &str) -> String {
    let item = item.rsplit("::").next().unwrap_or(item);
    match item.split_once('=') {
        Some((name, version))
            if !version.starts_with('=') && !name.ends_with(['<', '>', '!', '~']) =>
        {
            let version = version.split('=').next().unwrap_or(version);
            format!("{}=={}.*", name.trim(), version.trim_end_matches(".*"))
        }
        _ => item.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::tree::memory::MemoryTree;

    #[test]
    fn packages_of_both_kinds_are_read() {
        let text = "name: x\nchannels:\n  - conda-forge\ndependencies:\n  - python=3.9\n  - numpy=1.21=py39\n\
            \x20 - conda-forge::pandas>=1 # it\n  - pip\n  - pip:\n    - flask==2.0\n    - -r more.txt\nprefix: /x\n";
        let found = read(&MemoryTree::new([("environment.yml", text)]), 1 << 16).unwrap();
        assert_eq!(
            found.words,
            ["numpy==1.21.*", "pandas>=1", "flask==2.0", "-r", "more.txt"]
        );
        assert!(found.names.contains_key("pandas"));
    }
}
