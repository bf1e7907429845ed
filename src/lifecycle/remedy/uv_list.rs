//! A file of package names that every installation by uv is given.

use crate::model::{Install, Plan};

/// Which of uv's flags takes the file, and where it is inside.
#[derive(Debug, Clone, Copy)]
pub struct UvList {
    pub flag: &'static str,
    pub file: &'static str,
}

impl UvList {
    /// The plan of a Python project with these names in the file.
    pub fn give(self, names: &[&str], plan: &mut Plan) {
        let is_python = plan.stack.as_deref() == Some("python");
        if let Some(install) = plan.install.as_mut()
            && is_python
            && !names.is_empty()
        {
            self.give_install(names, install);
        }
    }

    fn give_install(self, names: &[&str], install: &mut Install) {
        let fallbacks = install.fallbacks.iter_mut().flat_map(|it| &mut it.commands);
        for argv in install.commands.iter_mut().chain(fallbacks) {
            if is_of_uv(argv) {
                argv.splice(3..3, [self.flag, self.file].map(str::to_owned));
            }
        }
        for fallback in &mut install.fallbacks {
            fallback.command += 1;
        }
        let script = format!("printf '%s\\n' \"$@\" > {}", self.file);
        let mut list: Vec<String> = ["sh", "-c", &script, "sh"].map(str::to_owned).into();
        list.extend(names.iter().map(|&name| name.to_owned()));
        install.commands.insert(0, list);
    }
}

/// Whether any command of the plan's installation takes such a file.
pub fn is_taken_by(plan: &Plan) -> bool {
    let commands = plan.install.iter().flat_map(|it| &it.commands);
    commands.into_iter().any(|argv| is_of_uv(argv))
}

/// Whether it installs packages by uv.
pub fn is_of_uv(argv: &[String]) -> bool {
    argv.starts_with(&["uv", "pip", "install"].map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Fallback;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn every_installation_by_uv_is_given_the_file() {
        let list = UvList {
            flag: "--excludes",
            file: "/home/app/.list.txt",
        };
        let mut install = Install {
            commands: vec![words("uv venv x"), words("uv pip install -r r.txt")],
            inputs: Vec::new(),
            fallbacks: vec![Fallback {
                command: 1,
                when: ".".to_owned(),
                commands: vec![words("uv pip install --no-deps -r r.txt")],
                say: String::new(),
            }],
        };
        list.give_install(&["typed-ast"], &mut install);
        assert_eq!(install.commands[0][4..], ["typed-ast"]);
        assert_eq!(install.commands[1], words("uv venv x"));
        let expected = "uv pip install --excludes /home/app/.list.txt -r r.txt";
        assert_eq!(install.commands[2], words(expected));
        assert_eq!(install.fallbacks[0].command, 2);
        assert_eq!(install.fallbacks[0].commands[0][3], "--excludes");
    }
}
