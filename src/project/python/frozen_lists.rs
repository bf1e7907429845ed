//! Lists that `pip freeze` wrote on another machine: what of them a Linux container can have.

use super::{
    InstallerKind, PackageSource, read,
    requirement_parser::{self, Requirements, normal},
};
use crate::project::files::tree::{SubTree, Tree, relative};

/// Packages that are of another system, or of a distribution's own tools, by normal name.
const ELSEWHERE: [&str; 24] = [
    "pkg-resources",
    "pywin32",
    "pypiwin32",
    "pywinpty",
    "pywinauto",
    "windows-curses",
    "wmi",
    "winrt",
    "comtypes",
    "pyobjc",
    "pyobjc-core",
    "appnope-mac",
    "distribute",
    "python-apt",
    "ubuntu-advantage-tools",
    "ubuntu-drivers-common",
    "ufw",
    "command-not-found",
    "cloud-init",
    "language-selector",
    "mkl-fft",
    "mkl-random",
    "mkl-service",
    "conda",
];

/// The lines of a source's files as words, without what is of elsewhere; `None` where nothing had
/// to be changed.
pub fn mended(tree: &dyn Tree, source: &PackageSource, cap: usize) -> Option<Vec<String>> {
    let mut changed = false;
    let mut words = Vec::new();
    for line in lines(tree, source, cap)? {
        let named = requirement_parser::named(&line);
        match named {
            Some(named) if is_elsewhere(&named.name) => changed = true,
            // Conda wrote where it had built it.
            Some(named) if line.contains("@ file://") => {
                changed = true;
                words.push(named.name);
            }
            // A build for one kind of card, from an index of its own.
            Some(named) if named.versions.contains('+') => {
                changed = true;
                let version = named.versions.split('+').next().unwrap_or("");
                words.push(format!("{}{version}", named.name));
            }
            None if line.starts_with('-') => {
                words.extend(line.split_whitespace().map(str::to_owned));
            }
            Some(_) | None => words.push(line),
        }
    }
    (changed && !words.is_empty()).then_some(words)
}

/// Says so where every package is pinned, as a list of all that was installed has it.
pub fn pinned(tree: &dyn Tree, source: &PackageSource, cap: usize) -> Option<Vec<String>> {
    const FEWEST: usize = 5;
    let lines = lines(tree, source, cap)?;
    let named: Vec<_> = lines
        .iter()
        .filter_map(|line| requirement_parser::named(line))
        .collect();
    let pinned = named.iter().all(|it| it.versions.starts_with("=="));
    (pinned && named.len() >= FEWEST).then(|| vec!["yes".to_owned()])
}

/// The lines that name one release, as uv's `--overrides` takes them; `None` where there is none.
pub fn pins(tree: &dyn Tree, source: &PackageSource, cap: usize) -> Option<Vec<String>> {
    let mut lines = lines(tree, source, cap)?;
    lines.retain(|line| {
        requirement_parser::named(line)
            .is_some_and(|it| it.versions.starts_with("==") && !it.versions.contains([',', '*']))
    });
    (!lines.is_empty()).then_some(lines)
}

/// The releases that the app in `root` pins, such as `flask==2.0.1`. It is empty where its packages
/// are not written down in pip's format.
pub fn pinned_releases(tree: &dyn Tree, root: &str) -> Vec<String> {
    const CAP: usize = 1 << 20;
    let app = SubTree::new(tree, root);
    let found = read(&app, CAP).and_then(|source| pins(&app, &source, CAP));
    found.unwrap_or_default()
}

/// Every line that asks for something, of the files and those they include.
fn lines(tree: &dyn Tree, source: &PackageSource, cap: usize) -> Option<Vec<String>> {
    if source.kind != InstallerKind::Requirements {
        return None;
    }
    let mut lines = Vec::new();
    for file in source.words.iter().filter(|word| *word != "-r") {
        // A list above the app's directory is of the whole project.
        let (tree, file) = match tree.above().filter(|_| file.starts_with("../")) {
            Some((whole, root)) => (whole, relative(&format!("{root}/{file}"))?),
            None => (tree, file.clone()),
        };
        for file in requirement_parser::collect(tree, &file, cap, &mut Requirements::new()) {
            let text = tree
                .read(&file, cap)?
                .replace("\\\r\n", " ")
                .replace("\\\n", " ");
            for line in text.lines() {
                let line = line.split(" #").next().unwrap_or("").trim();
                let line = line.split(" --hash").next().unwrap_or("").trim();
                let include = line.starts_with("-r") || line.starts_with("--requirement");
                if !(line.is_empty() || line.starts_with('#') || include) {
                    lines.push(line.to_owned());
                }
            }
        }
    }
    Some(lines)
}

fn is_elsewhere(name: &str) -> bool {
    let name = normal(name);
    ELSEWHERE.contains(&name.as_str()) || name.starts_with("pyobjc-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::files::tree::memory::MemoryTree;

    fn of(text: &str) -> (Option<Vec<String>>, bool) {
        let tree = MemoryTree::new([("requirements.txt", text)]);
        let source = read(&tree, 1 << 16).unwrap();
        (
            mended(&tree, &source, 1 << 16),
            pinned(&tree, &source, 1 << 16).is_some(),
        )
    }

    #[test]
    fn pins_are_the_lines_that_name_one_release() {
        let tree = MemoryTree::new([
            (
                "requirements.txt",
                "-r base.txt\nflask\nrequests == 2.21.0  # old\nsix==1.*\n",
            ),
            (
                "base.txt",
                "uvicorn[standard]==0.20 ; python_version > '3.8'\nzope>=1,==2\n",
            ),
        ]);
        let pins = |tree: &MemoryTree| super::pins(tree, &read(tree, 1 << 16).unwrap(), 1 << 16);
        assert_eq!(
            pins(&tree).unwrap(),
            [
                "uvicorn[standard]==0.20 ; python_version > '3.8'",
                "requests == 2.21.0",
            ]
        );
        let tree = MemoryTree::new([
            ("requirements.txt", "flask\nurllib3==1.26.5\n"),
            ("main_app/app.py", ""),
        ]);
        let below = SubTree::new(&tree, "main_app");
        let source = read(&below, 1 << 16).unwrap();
        let found = super::pins(&below, &source, 1 << 16);
        assert_eq!(found.unwrap(), ["urllib3==1.26.5"]);
        let tree = MemoryTree::new([("requirements.txt", "flask\nno-such-package\n")]);
        assert_eq!(pins(&tree), None);
    }

    #[test]
    fn what_no_linux_has_is_left_out() {
        let freeze = "Flask==2.0.1\npkg-resources==0.0.0\npywin32==306\nnumpy @ file:///C:/ci/numpy\n\
            torch==2.1.0+cu118\n--extra-index-url https://x/y\nclick==8.0 # it\n";
        let (mended, pinned) = of(freeze);
        assert_eq!(
            mended.unwrap(),
            [
                "Flask==2.0.1",
                "numpy",
                "torch==2.1.0",
                "--extra-index-url",
                "https://x/y",
                "click==8.0"
            ]
        );
        assert!(!pinned);
        assert_eq!(of("flask\n").0, None);
        assert!(of("a==1\nb==2\nc==3\nd==4\ne==5\n").1);
        assert!(!of("a==1\nb==2\nc==3\nd==4\ne\n").1);
    }
}
