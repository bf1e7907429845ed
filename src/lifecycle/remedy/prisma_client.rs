//! The client of Prisma, which is generated from a schema before the app can start.

use crate::{
    lifecycle::{explain, instance::Instance, off_thread::in_tree},
    model::Plan,
    project::Tree,
};

impl Instance {
    /// Why the client of the project's schema is to be generated, where these lines miss it and it
    /// was not generated yet. Reads the names of the project's files.
    pub(super) async fn ungenerated(&self, plan: &Plan, lines: &[String]) -> Option<String> {
        let is_of_user = self.record.options.install.commands.is_some();
        if is_of_user || self.record.remedies.generated.is_some() || !misses_it(lines) {
            return None;
        }
        let root = plan.root.clone();
        let found = in_tree(self.record.source.directory(), move |tree| {
            schema(&root, tree.files())
        });
        let schema = found.await?;
        Some(format!(
            "the client of Prisma has not been generated from {schema}"
        ))
    }
}

fn misses_it(lines: &[String]) -> bool {
    let mut lines = lines.iter();
    lines.any(|line| explain::asks_to_generate(line))
}

/// A schema below the app's directory.
fn schema(root: &str, files: &[String]) -> Option<String> {
    let below = if root.is_empty() {
        String::new()
    } else {
        format!("{root}/")
    };
    let mut schemas = files
        .iter()
        .filter(|file| file.starts_with(&below) && file.ends_with(".prisma"));
    schemas.next().cloned()
}

/// The plan that generates it once everything is installed.
pub fn apply(generated: Option<&String>, plan: &mut Plan) {
    if let Some(install) = plan.install.as_mut().filter(|_| generated.is_some()) {
        let command = ["npx", "prisma", "generate"].map(str::to_owned);
        install.commands.push(command.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_is_missing_is_seen_in_what_node_says() {
        for line in [
            "Error: @prisma/client did not initialize yet. Please run \"prisma generate\" and try to import it again.",
            "Error: Cannot find module '.prisma/client/default'",
            "Error: Cannot find module '../generated/prisma/client'",
            "Error [ERR_MODULE_NOT_FOUND]: Cannot find module '/home/app/workspace/src/generated/prisma/client.js' imported from x",
            "src/user.service.ts:2:10 - error TS2305: Module '\"@prisma/client\"' has no exported member 'User'.",
            "SyntaxError: The requested module '@prisma/client' does not provide an export named 'PrismaClient'",
        ] {
            assert!(misses_it(&[line.to_owned()]), "{line}");
        }
        for line in [
            "Error: Cannot find module './generated/routes'",
            "Error: Cannot find module 'prisma-extras'",
        ] {
            assert!(!misses_it(&[line.to_owned()]), "{line}");
        }
    }

    #[test]
    fn only_a_schema_of_the_app_counts() {
        let files = ["api/prisma/schema.prisma", "web/app.js"].map(str::to_owned);
        assert_eq!(schema("", &files).as_deref(), Some(files[0].as_str()));
        assert_eq!(schema("api", &files).as_deref(), Some(files[0].as_str()));
        assert_eq!(schema("web", &files), None);
    }
}
