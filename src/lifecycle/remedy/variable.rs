//! A variable that makes an old program run on what is here.

use super::error_table;
use crate::{
    model::Plan,
    store::{ReasonedVariable, Record},
};

/// The variable that these lines ask for, unless the user or an earlier try set it.
pub(super) fn variable(record: &Record, plan: &Plan, lines: &[String]) -> Option<ReasonedVariable> {
    let found = error_table::variable(plan.stack.as_deref()?, lines)?;
    let is_set = record.options.env.contains_key(&found.name)
        || plan.env.contains_key(&found.name)
        || plan.run.env.contains_key(&found.name);
    let is_known = record
        .remedies
        .variables
        .iter()
        .any(|it| it.name == found.name);
    (!is_set && !is_known).then_some(found)
}

/// The plan whose commands have these variables.
pub fn apply(variables: &[ReasonedVariable], plan: &mut Plan) {
    for it in variables {
        let value = || it.value.clone();
        plan.env.entry(it.name.clone()).or_insert_with(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::Options,
        project::{Templates, detect},
    };

    #[test]
    fn the_variable_reaches_every_command_and_overrides_nothing() {
        let dir = tempfile::TempDir::new().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        write(
            "package.json",
            r#"{"scripts":{"start":"node ."},"main":"a.js"}"#,
        );
        write("a.js", "require('http').createServer().listen(3000)");
        let tree = crate::project::LocalTree::open(dir.path()).unwrap();
        let mut plan = detect(&tree, &Templates::embedded(), &Options::default())
            .unwrap()
            .plan;
        let lines = ["Error: error:0308010C:digital envelope routines::unsupported".to_owned()];
        let found = error_table::variable("node", &lines).unwrap();
        apply(std::slice::from_ref(&found), &mut plan);
        assert_eq!(plan.env["NODE_OPTIONS"], "--openssl-legacy-provider");
        plan.env
            .insert("NODE_OPTIONS".to_owned(), "--inspect".to_owned());
        apply(&[found], &mut plan);
        assert_eq!(plan.env["NODE_OPTIONS"], "--inspect");
        assert_eq!(error_table::variable("python", &lines), None);
    }
}
