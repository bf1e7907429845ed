//! `setup.py` and `setup.cfg`, read as text: nothing of a project is executed.

use std::sync::LazyLock;

use regex::Regex;

/// A string that stands alone in a list.
static STRING: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#""([^"\n]*)"|'([^'\n]*)'"#).expect("it is tested"));

/// The requirements that `install_requires=[…]` lists in a `setup.py`.
pub fn of_script(text: &str) -> Vec<String> {
    listed(text, "install_requires")
}

fn listed(text: &str, key: &str) -> Vec<String> {
    let Some((_, rest)) = text.split_once(key) else {
        return Vec::new();
    };
    let Some(list) = rest.trim_start().strip_prefix('=').map(str::trim_start) else {
        return Vec::new();
    };
    let Some(list) = list.strip_prefix('[') else {
        return Vec::new();
    };
    // Brackets of extras stand inside of strings.
    let mut strings = Vec::new();
    let mut at = 0;
    while let Some(found) = STRING.captures_at(list, at) {
        let whole = found.get(0).map_or(0..0, |it| it.range());
        if list[at..whole.start].contains(']') {
            break;
        }
        strings.extend(
            found
                .get(1)
                .or(found.get(2))
                .map(|it| it.as_str().to_owned()),
        );
        at = whole.end;
    }
    strings
}

/// The requirements below `install_requires =` in a `setup.cfg`.
pub fn of_config(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        let indented = line.starts_with([' ', '\t']);
        if inside && indented {
            found.push(line.trim().to_owned());
        } else if !indented {
            let value = line
                .split_once('=')
                .filter(|(key, _)| key.trim() == "install_requires");
            inside = value.is_some();
            found.extend(value.map(|(_, first)| first.trim().to_owned()));
        }
    }
    found.retain(|line| !line.is_empty() && !line.starts_with('#'));
    found
}

/// The files that a `setup.cfg` refers to for requirements: those of the package, and of the extras
/// with which it is developed.
pub fn files_of_config(text: &str) -> Vec<String> {
    const EXTRAS: [&str; 5] = ["local", "dev", "develop", "development", "all"];
    let mut section = "";
    let mut files = Vec::new();
    for line in text.lines() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
            section = name;
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let key = key.trim();
        let counts = match section {
            "options" => key == "install_requires",
            "options.extras_require" => EXTRAS.contains(&key),
            _ => false,
        };
        let named = value.trim().strip_prefix("file:");
        if let Some(named) = named.filter(|_| counts) {
            files.extend(named.split(',').map(|file| file.trim().to_owned()));
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_that_a_setup_file_refers_to() {
        let text = "[metadata]\nname = x\n[options]\ninstall_requires = file: req/base.txt, req/db.txt\n\
                    [options.extras_require]\nlocal = file: req/local.txt\ndocs = file: req/docs.txt\n";
        let files = ["req/base.txt", "req/db.txt", "req/local.txt"];
        assert_eq!(files_of_config(text), files);
        assert!(files_of_config("[options]\ninstall_requires =\n    flask\n").is_empty());
    }

    #[test]
    fn what_a_setup_file_requires() {
        let script = "setup(name='x', install_requires=[\n  'flask>=2',\n  \"uvicorn[standard]\",  # it\n],\n\
            extras_require={'dev': ['pytest']}, python_requires='>=3.8')";
        assert_eq!(of_script(script), ["flask>=2", "uvicorn[standard]"]);
        assert!(of_script("setup(install_requires=read('requirements.txt'))").is_empty());
        let config = "[options]\npackages = find:\ninstall_requires =\n    flask\n    # no\n    click>=8\n\
            python_requires = >=3.8\n[options.extras_require]\ndev = pytest\n";
        assert_eq!(of_config(config), ["flask", "click>=8"]);
        assert_eq!(of_config("install_requires = flask\nx = y\n"), ["flask"]);
    }
}
