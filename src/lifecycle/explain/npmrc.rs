//! A variable that `.npmrc` takes from the environment, such as the token of a registry.

use std::sync::LazyLock;

use regex::Regex;

use super::{Explanation, output::Output, project::ProjectFacts};
use crate::model::FailureKind;

/// As npm 6 and Yarn 1 say it; pnpm only warns.
static MISSING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:npm (?:ERR!|error) |error |Error: )?Failed to replace env in config: \$\{(?<name>\w+)\}")
        .expect("the pattern is fixed")
});

pub fn missing_variable(output: &Output, known: &ProjectFacts<'_>) -> Option<Explanation> {
    let found = output.first(&MISSING)?;
    let name = &found["name"];
    Some(
        Explanation::new(
            FailureKind::VariableMissing,
            format!("`.npmrc` takes `{name}` from the environment, and it is not set"),
        )
        .hint("set it to the token of the registry, or take its line out of `.npmrc` where no package needs it")
        .next(known.set(name)),
    )
}
