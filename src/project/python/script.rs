//! Scripts that say themselves what they need (PEP 723).

use serde_json::Value;

use super::{
    package_source::{InstallerKind, PackageSource},
    requirement_parser::{self, Requirements},
};
use crate::project::files::tree::Tree;

/// A script at the top that says itself what it needs.
pub fn read(tree: &dyn Tree, cap: usize) -> Option<PackageSource> {
    let mut scripts: Vec<&String> = tree
        .files()
        .iter()
        .filter(|path| {
            path.rsplit_once('.').is_some_and(|(_, end)| end == "py") && !path.contains('/')
        })
        .collect();
    let likely = |path: &str| {
        let order = ["main.py", "app.py", "server.py", "run.py"];
        order
            .iter()
            .position(|it| *it == path)
            .unwrap_or(order.len())
    };
    scripts.sort_by_key(|path| likely(path));
    scripts.into_iter().find_map(|path| {
        let table = inline_block(&tree.read(path, cap)?)?;
        let mut names = Requirements::new();
        let items = table.get("dependencies").and_then(Value::as_array)?;
        for named in items
            .iter()
            .filter_map(Value::as_str)
            .filter_map(requirement_parser::named)
        {
            requirement_parser::add(&mut names, named, path);
        }
        let words = vec!["-r".to_owned(), path.clone()];
        Some(PackageSource::new(InstallerKind::Script, words, names))
    })
}

/// The table between `# /// script` and `# ///`.
fn inline_block(text: &str) -> Option<Value> {
    let mut lines = text
        .lines()
        .skip_while(|line| line.trim_end() != "# /// script");
    lines.next()?;
    let mut block = String::new();
    for line in lines {
        if line.trim_end() == "# ///" {
            return toml::from_str(&block).ok();
        }
        block.push_str(line.strip_prefix('#')?.trim_start_matches(' '));
        block.push('\n');
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_ends_where_it_says() {
        let block = |text: &str| inline_block(text).map(|it| it["dependencies"].clone());
        let text = "#!/usr/bin/env python\n# /// script\n# dependencies = [\n#   'flask',\n# ]\n# ///\nimport flask\n";
        assert_eq!(block(text), Some(serde_json::json!(["flask"])));
        for text in [
            "# /// script\n# dependencies = []\n",
            "# /// script\ndependencies = []\n# ///\n",
            "import flask\n",
        ] {
            assert_eq!(block(text), None, "{text}");
        }
    }
}
