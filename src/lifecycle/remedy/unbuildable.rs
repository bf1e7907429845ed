//! A package that cannot be made here and that nothing of the project imports: a tool of whoever
//! wrote the list, such as a linter.

use super::{
    error_table::is_of_a_compiler,
    missing_tool,
    uv_list::{UvList, is_taken_by},
};
use crate::{
    lifecycle::{instance::Instance, off_thread::in_tree},
    model::Plan,
    project::imports_any_of,
    store::ReasonedNames,
};

/// What is left out.
const LIST: UvList = UvList {
    flag: "--excludes",
    file: "/home/app/.left-out.txt",
};

impl Instance {
    /// The package that an installation failed at, where it can be left out. Reads the project's
    /// files.
    pub(super) async fn left_out(&self, plan: &Plan, lines: &[String]) -> Option<ReasonedNames> {
        // One that could not be fetched may come another time.
        let name = unmakeable(lines)?;
        let known = &self.record.remedies.left_out;
        let is_known = known.iter().any(|it| it.names.contains(&name));
        if is_known || !is_taken_by(plan) {
            return None;
        }
        let mut asked = asks_for_it(lines);
        asked.push(name.clone());
        let is_imported = in_tree(self.record.source.directory(), move |tree| {
            Some(asked.iter().any(|name| imports_any_of(tree, name)))
        });
        let is_imported = is_imported.await?;
        (!is_imported).then(|| ReasonedNames {
            because: format!("{name} cannot be made here, and no file imports it"),
            names: vec![name],
        })
    }
}

/// The plan without these packages.
pub fn apply(left_out: &[ReasonedNames], plan: &mut Plan) {
    let names = left_out.iter().flat_map(|it| &it.names);
    let names: Vec<&str> = names.map(String::as_str).collect();
    LIST.give(&names, plan);
}

/// The packages because of which it is installed, as uv tells them.
fn asks_for_it(lines: &[String]) -> Vec<String> {
    let told = lines
        .iter()
        .filter(|line| line.contains("was included because"));
    let quoted = told.flat_map(|line| line.split('`').skip(1).step_by(2));
    let names = quoted.map(|it| {
        let end = it.find(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '.')));
        it[..end.unwrap_or(it.len())].to_ascii_lowercase()
    });
    names.collect()
}

/// The package that an installation failed to make.
pub(super) fn unmakeable(lines: &[String]) -> Option<String> {
    let is_making = |line: &String| line.contains("build backend") || is_of_a_compiler(line);
    lines.iter().find(|line| is_making(line))?;
    Some(missing_tool::package(lines)?.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_it_is_read_from_what_uv_says() {
        let line = "help: `multidict` (v4.7.6) was included because `sanic` (v19.12.2) depends on `multidict>=4.0`";
        assert_eq!(
            asks_for_it(&[line.to_owned()]),
            ["multidict", "sanic", "multidict"]
        );
        assert!(asks_for_it(&["help: `gcc` is missing".to_owned()]).is_empty());
    }
}
