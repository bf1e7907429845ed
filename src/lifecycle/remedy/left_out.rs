//! A package that cannot be made here and that nothing of the project imports: a tool of whoever
//! wrote the list, such as a linter.

use std::path::PathBuf;

use super::table::is_of_a_compiler;
use crate::{
    lifecycle::{instance::Instance, missing},
    model::{Install, Plan},
    project::{LocalTree, imports_any_of},
    store::ReasonedNames,
};

/// The file inside that names what is left out, for uv.
const LIST: &str = "/home/app/.left-out.txt";

impl Instance {
    /// The package that an installation failed at, where it can be left out. Reads the project's
    /// files.
    pub(super) async fn left_out(&self, plan: &Plan, lines: &[String]) -> Option<ReasonedNames> {
        let is_making = |line: &String| line.contains("build backend") || is_of_a_compiler(line);
        // One that could not be fetched may come another time.
        lines.iter().find(|line| is_making(line))?;
        let name = missing::package(lines)?.to_ascii_lowercase();
        let known = &self.record.remedies.left_out;
        let is_known = known.iter().any(|it| it.names.contains(&name));
        if is_known
            || !plan
                .install
                .as_ref()?
                .commands
                .iter()
                .any(|it| is_of_uv(it))
        {
            return None;
        }
        let directory = PathBuf::from(self.record.source.directory());
        let asked = name.clone();
        let is_imported = tokio::task::spawn_blocking(move || {
            let tree = LocalTree::open(&directory).ok()?;
            Some(imports_any_of(&tree, &asked))
        });
        let is_imported = is_imported.await.ok().flatten()?;
        (!is_imported).then(|| ReasonedNames {
            because: format!("{name} cannot be made here, and no file imports it"),
            names: vec![name],
        })
    }
}

fn is_of_uv(argv: &[String]) -> bool {
    argv.starts_with(&["uv", "pip", "install"].map(str::to_owned))
}

/// The plan without these packages.
pub fn laid_over(left_out: &[ReasonedNames], plan: &mut Plan) {
    let names: Vec<&str> = left_out
        .iter()
        .flat_map(|it| &it.names)
        .map(String::as_str)
        .collect();
    let Some(install) = plan.install.as_mut().filter(|_| !names.is_empty()) else {
        return;
    };
    without(&names, install);
}

fn without(names: &[&str], install: &mut Install) {
    let fallbacks = install.fallbacks.iter_mut().flat_map(|it| &mut it.commands);
    for argv in install.commands.iter_mut().chain(fallbacks) {
        if is_of_uv(argv) {
            argv.splice(3..3, ["--excludes", LIST].map(str::to_owned));
        }
    }
    for fallback in &mut install.fallbacks {
        fallback.command += 1;
    }
    let script = format!("printf '%s\\n' \"$@\" > {LIST}");
    let mut list: Vec<String> = ["sh", "-c", &script, "sh"].map(str::to_owned).into();
    list.extend(names.iter().map(|&name| name.to_owned()));
    install.commands.insert(0, list);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Fallback;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn every_installation_by_uv_leaves_it_out() {
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
        without(&["typed-ast"], &mut install);
        assert_eq!(install.commands[0][4..], ["typed-ast"]);
        assert_eq!(install.commands[1], words("uv venv x"));
        let expected = format!("uv pip install --excludes {LIST} -r r.txt");
        assert_eq!(install.commands[2], words(&expected));
        assert_eq!(install.fallbacks[0].command, 2);
        assert_eq!(install.fallbacks[0].commands[0][3], "--excludes");
    }
}
