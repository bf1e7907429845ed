//! The releases of one day: a package that is not pinned has moved on since those that are were
//! written down, and the two do not fit together any more.

use std::{sync::LazyLock, time::Duration};

use jiff::civil::Date;
use regex::Regex;
use tokio::{sync::mpsc, time::timeout};

use super::uv_list::{is_of_uv, is_taken_by};
use crate::{
    engine::link::{OutputLine, RunSpec},
    lifecycle::{
        instance::{Instance, environment::variables::Variables},
        off_thread::in_tree,
    },
    model::Plan,
    project::pinned_releases,
    store::ReasonedNames,
};

/// Prints the day of the newest of the releases that it is given.
const NEWEST_PIN: &str = include_str!("newest_pin.py");
/// The index is asked for each of so many pins.
const MOST_ASKED: usize = 60;
const LONGEST: Duration = Duration::from_mins(1);

/// Where a line of a traceback is.
static PLACE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"^\s*File "(?<file>[^"]+)", line \d+"#).expect("the pattern is fixed")
});
/// A name or a form of a call that the other package has not, or not any more.
static UNFIT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:ImportError: cannot import name|ModuleNotFoundError: No module named|AttributeError: (?:partially initialized )?(?:module|type object|class) |TypeError: .*(?:unexpected keyword argument|positional argument|metaclass conflict|not subscriptable))")
        .expect("the pattern is fixed")
});
static PACKAGE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"/site-packages/(?<name>[\w-]+)").expect("the pattern is fixed"));

impl Instance {
    /// The day whose releases are to be installed, where two installed packages do not fit together
    /// and the project pins some of what it has. The index is asked from inside the container.
    pub(super) async fn as_of(
        &self,
        plan: &Plan,
        lines: &[String],
        variables: &Variables,
    ) -> Option<ReasonedNames> {
        let is_of_user = self.record.options.install.commands.is_some();
        if is_of_user || self.record.remedies.as_of.is_some() || !is_taken_by(plan) {
            return None;
        }
        let package = unfit(lines)?;
        let root = plan.root.clone();
        let pins = in_tree(self.record.source.directory(), move |tree| {
            Some(pinned_releases(tree, &root))
        });
        let pins = pins.await.filter(|pins| !pins.is_empty())?;
        let live = self.state.live()?;
        let mut argv = ["python3", "-c", NEWEST_PIN].map(str::to_owned).to_vec();
        argv.extend(pins.into_iter().take(MOST_ASKED));
        let spec = RunSpec {
            argv,
            env: variables.for_command(Some(plan)),
            cwd: plan.root.clone(),
        };
        let (to, mut output) = mpsc::channel::<OutputLine>(8);
        let read = async {
            let mut day = None;
            while let Some(line) = output.recv().await {
                day = day.or_else(|| line.text.trim().parse::<Date>().ok());
            }
            day
        };
        let asked = async { tokio::join!(live.link.run(spec, to), read).1 };
        let day = timeout(LONGEST, asked).await.ok().flatten()?;
        Some(ReasonedNames {
            names: vec![day.to_string()],
            because: format!(
                "`{package}` does not fit a package beside it, and the newest pinned release is of {day}"
            ),
        })
    }
}

/// The installed package that asked another for what that does not have: the place of the error is
/// no file of the project's.
fn unfit(lines: &[String]) -> Option<String> {
    let lines: Vec<_> = lines
        .iter()
        .map(|line| console::strip_ansi_codes(line))
        .collect();
    let last = lines.iter().rposition(|line| UNFIT.is_match(line))?;
    let mut before = lines[..last].iter().rev();
    let file = before.find_map(|line| Some(PLACE.captures(line)?["file"].to_owned()))?;
    Some(PACKAGE.captures(&file)?["name"].to_owned())
}

/// The plan that installs what there was on that day.
pub fn apply(as_of: Option<&ReasonedNames>, plan: &mut Plan) {
    let day = as_of.and_then(|it| it.names.first());
    let (Some(day), Some(install)) = (day, plan.install.as_mut()) else {
        return;
    };
    let fallbacks = install.fallbacks.iter_mut().flat_map(|it| &mut it.commands);
    for argv in install.commands.iter_mut().chain(fallbacks) {
        if is_of_uv(argv) {
            argv.splice(3..3, ["--exclude-newer".to_owned(), day.clone()]);
        }
        // What is installed already would be kept.
        if argv.starts_with(&["uv", "venv"].map(str::to_owned)) {
            for word in argv.iter_mut().filter(|word| *word == "--allow-existing") {
                "--clear".clone_into(word);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Options;
    use crate::project::LocalTree;
    use crate::project::{Templates, detect};

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn two_packages_that_do_not_fit_are_seen() {
        let frame = "  File \"/home/app/venv/lib/python3.13/site-packages/langgraph/prebuilt/tool_node.py\", line 9, in <module>\n    from x import y\n";
        for error in [
            "ImportError: cannot import name 'ExecutionInfo' from 'langgraph.runtime' (/home/app/venv/x.py)",
            "ModuleNotFoundError: No module named 'werkzeug.contrib'",
            "AttributeError: module 'jinja2' has no attribute 'contextfilter'",
            "TypeError: Client.__init__() got an unexpected keyword argument 'proxies'",
        ] {
            let told = lines(&format!("Traceback\n{frame}{error}"));
            assert_eq!(unfit(&told).as_deref(), Some("langgraph"), "{error}");
        }
    }

    #[test]
    fn what_the_project_itself_asks_for_is_its_own_affair() {
        let installed =
            "  File \"/home/app/venv/lib/python3.13/site-packages/flask/app.py\", line 9, in run\n";
        let own = "  File \"/home/app/workspace/app.py\", line 3, in <module>\n";
        for told in [
            format!("{installed}{own}ImportError: cannot import name 'shop' from 'app'"),
            format!("{own}{installed}ValueError: too many values to unpack"),
            format!("{own}{installed}KeyError: 'SECRET'"),
            "ImportError: cannot import name 'shop' from 'app'".to_owned(),
        ] {
            assert_eq!(unfit(&lines(&told)), None, "{told}");
        }
    }

    #[test]
    fn every_installation_is_of_that_day() {
        let dir = tempfile::TempDir::new().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        write("app.py", "from flask import Flask\napp = Flask(__name__)\n");
        write("requirements.txt", "flask==2.0.1\nflask-login\n");
        let tree = LocalTree::open(dir.path()).unwrap();
        let plan = detect(&tree, &Templates::embedded(), &Options::default())
            .unwrap()
            .plan;
        assert_eq!(pinned_releases(&tree, &plan.root), ["flask==2.0.1"]);
        let mut then = plan.clone();
        let day = ReasonedNames {
            names: vec!["2021-05-21".to_owned()],
            because: String::new(),
        };
        apply(Some(&day), &mut then);
        let install = then.install.unwrap();
        let all = install.fallbacks.iter().flat_map(|it| &it.commands);
        let of_uv = install
            .commands
            .iter()
            .chain(all)
            .filter(|argv| is_of_uv(argv));
        let mut count = 0;
        for argv in of_uv {
            assert_eq!(argv[3..5], ["--exclude-newer", "2021-05-21"], "{argv:?}");
            count += 1;
        }
        assert!(count > 1, "fallbacks too");
        assert_eq!(
            install.commands[0][..4],
            ["uv", "venv", "--quiet", "--clear"]
        );
        let mut now = plan.clone();
        apply(None, &mut now);
        assert_eq!(now, plan);
    }
}
