//! Another release of a package whose pinned one cannot be made for any interpreter that is here.

use super::{
    unbuildable::unmakeable,
    uv_list::{UvList, is_taken_by},
};
use crate::{
    model::Plan,
    store::{ReasonedNames, Record},
};

/// What may be of any release, whatever asks for it.
const LIST: UvList = UvList {
    flag: "--overrides",
    file: "/home/app/.any-release.txt",
};

/// The package that an installation failed to make, if its release was not given up yet.
pub(super) fn any_release(record: &Record, plan: &Plan, lines: &[String]) -> Option<ReasonedNames> {
    let name = unmakeable(lines).filter(|name| is_a_release(name, lines))?;
    let known = &record.remedies.any_release;
    let is_known = known.iter().any(|it| it.names.contains(&name));
    (!is_known && is_taken_by(plan)).then(|| ReasonedNames {
        because: format!("the release of {name} that is asked for cannot be made here"),
        names: vec![name],
    })
}

/// The plan in which these packages may be of any release.
pub fn apply(any_release: &[ReasonedNames], plan: &mut Plan) {
    let names = any_release.iter().flat_map(|it| &it.names);
    let names: Vec<&str> = names.map(String::as_str).collect();
    LIST.give(&names, plan);
}

/// Whether what failed is a release of an index. What comes from a directory or an address is the
/// project's own affair, and an index may have a stranger's package of that name.
fn is_a_release(name: &str, lines: &[String]) -> bool {
    let release = format!("`{name}==");
    let mut lines = lines.iter().map(|line| line.to_ascii_lowercase());
    lines.any(|line| line.contains(&release))
}

#[cfg(test)]
mod tests {
    use super::is_a_release;

    #[test]
    fn what_is_of_a_directory_is_never_taken_from_an_index() {
        let told = |line: &str| is_a_release("gevent", &[line.to_owned()]);
        assert!(told("  \u{d7} Failed to build `gevent==1.4.0`"));
        assert!(told("Failed to build `Gevent==1.4.0`"));
        for line in [
            "Failed to build `gevent @ file:///home/app/workspace/parts/gevent`",
            "Failed to build `gevent @ git+https://example.org/gevent`",
            "Failed to build `other==1.4.0`",
        ] {
            assert!(!told(line), "{line}");
        }
    }
}
