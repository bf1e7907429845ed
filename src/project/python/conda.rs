//! `environment.yml`: what conda would bring in, as pip's kind of installer is told it.

use super::{
    package_source::{InstallerKind, PackageSource, has},
    requirement_parser::{self, Requirements},
};
use crate::project::files::tree::Tree;

/// The lines of an `environment.yml` that name packages; its format is kept to by its tool.
pub fn read(tree: &dyn Tree, cap: usize) -> Option<PackageSource> {
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
        if let Some(named) = requirement_parser::named(&word)
            && (pip || !is_of_conda(&named.name))
        {
            requirement_parser::add(&mut names, named, file);
            words.push(word);
        } else if pip && word.starts_with("-r ") {
            words.extend(word.split_whitespace().map(str::to_owned));
        }
    }
    (!words.is_empty()).then(|| PackageSource::new(InstallerKind::Conda, words, names))
}

/// What conda brings that is no package of Python's, or has another name there.
const IS_OF_CONDA: [&str; 37] = [
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
    "vc",
    "zlib",
    "xz",
    "tk",
    "readline",
    "ncurses",
    "icu",
    "freetype",
    "jpeg",
    "qt",
    "bzip2",
    "yaml",
    "zstd",
    "lz4-c",
    "openjpeg",
    "krb5",
    "blas",
    "mkl",
    "intel-openmp",
    "ld-impl-linux-64",
    "wincertstore",
    "postgresql",
    "mysql",
    "redis",
    "tzdata",
];

fn is_of_conda(name: &str) -> bool {
    IS_OF_CONDA.contains(&name)
        || name.starts_with('_')
        || ["lib", "vs20", "mkl-", "mkl_", "ld_impl", "xorg-"]
            .iter()
            .any(|beginning| name.starts_with(beginning))
}

/// `numpy=1.21=py39` as pip writes it.
fn of_conda(item: &str) -> String {
    let item = item.rsplit("::").next().unwrap_or(item);
    match item.split_once('=') {
        Some((name, version))
            if !version.starts_with('=') && !name.ends_with(['<', '>', '!', '~']) =>
        {
            let version = version.split('=').next().unwrap_or(version);
            let version = version.trim_end_matches(".*");
            let is_plain = version.chars().all(|c| c.is_ascii_digit() || c == '.');
            format!(
                "{}=={version}{}",
                name.trim(),
                if is_plain { ".*" } else { "" }
            )
        }
        _ => item.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::files::tree::memory::MemoryTree;

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

    #[test]
    fn what_an_export_lists_of_the_system_is_left_out() {
        let text = "dependencies:\n  - tempita=0.5.3dev=py34_1\n  - libpng=1.6.37=0\n  - vs2015_runtime=14\n  - zlib=1.2\n  - flask=1.1=py\n";
        let found = read(&MemoryTree::new([("environment.yml", text)]), 1 << 16).unwrap();
        assert_eq!(found.words, ["tempita==0.5.3dev", "flask==1.1.*"]);
    }
}
