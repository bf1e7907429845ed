//! Commands by which a project's own files start it: a Procfile's `web`, a Dockerfile's `CMD`, what
//! hosting services are told, and the lines of a README. Evidence; none of them is carried out
//! because it stands here.

use std::sync::LazyLock;

use regex::Regex;

use crate::project::files::{manifest, tree::Tree};

/// One command, and the file that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredCommand {
    pub file: String,
    pub command: String,
}

static DOCKER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?mi)^[ \t]*(?P<word>CMD|ENTRYPOINT)[ \t]+(?P<command>(?:[^\n]*\\\n)*[^\n]*)$")
        .expect("a constant")
});
static PROCFILE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?m)^(?P<name>[\w-]+)[ \t]*:[ \t]*(?P<command>\S[^\n]*?)[ \t\r]*$")
        .expect("a constant")
});
/// What hosting services are told, each in a line of its own file.
static HOSTED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?m)^[ \t-]*"?(?:startCommand|start_command|entrypoint|command|cmd|run|app)"?[ \t]*[:=][ \t]*(?P<command>\S[^\n]*?)[ \t\r,]*$"#)
        .expect("a constant")
});
const HOSTED_FILES: [&str; 14] = [
    "render.yaml",
    "railway.json",
    "railway.toml",
    "nixpacks.toml",
    "app.yaml",
    "fly.toml",
    "docker-compose.yml",
    "docker-compose.yaml",
    "compose.yml",
    "compose.yaml",
    "docker-compose.dev.yml",
    "docker-compose.override.yml",
    ".replit",
    "zeabur.json",
];
/// Tables of `pyproject.toml` in which tools keep the commands of a project.
const TASK_TABLES: [&str; 6] = [
    "/tool/pdm/scripts",
    "/tool/hatch/envs/default/scripts",
    "/tool/poe/tasks",
    "/tool/taskipy/tasks",
    "/tool/rye/scripts",
    "/tool/pixi/tasks",
];
/// What the task is called that starts the program, the likeliest first.
const TASKS: [&str; 8] = [
    "dev",
    "start",
    "serve",
    "run",
    "server",
    "runserver",
    "web",
    "app",
];
const DOCKERFILES: [&str; 5] = [
    "Dockerfile",
    "Dockerfile.dev",
    "dev.Dockerfile",
    "Containerfile",
    "docker/Dockerfile",
];

/// The strongest first: what starts it for certain, then what is told to people.
pub fn read(tree: &dyn Tree, cap: usize) -> (Vec<DeclaredCommand>, Vec<DeclaredCommand>) {
    let mut firm: Vec<DeclaredCommand> = procfile(tree, cap)
        .into_iter()
        .filter(|(name, _)| name == "web")
        .map(|(_, command)| of("Procfile", command))
        .collect();
    for file in DOCKERFILES {
        firm.extend(dockerfile(tree, file, cap));
    }
    for file in HOSTED_FILES {
        let text = tree.read(file, cap).unwrap_or_default();
        let found = HOSTED.captures_iter(&text);
        firm.extend(found.map(|it| of(file, plain(&it["command"]))));
    }
    firm.extend(python_tasks(tree));
    firm.extend(make_targets(tree, cap));
    (firm, readme(tree, cap))
}

/// The tasks that start it by their name.
fn python_tasks(tree: &dyn Tree) -> Vec<DeclaredCommand> {
    const FILE: &str = "pyproject.toml";
    let Some(written) = manifest::toml(tree, FILE) else {
        return Vec::new();
    };
    let tables = TASK_TABLES.iter().filter_map(|at| written.pointer(at));
    let commands = tables.flat_map(|table| {
        TASKS.iter().filter_map(|name| {
            let task = table.get(name)?;
            let text = ["cmd", "shell"].iter().find_map(|key| task.get(key));
            text.unwrap_or(task).as_str().map(str::to_owned)
        })
    });
    commands.map(|command| of(FILE, command)).collect()
}

/// The lines of the targets of a Makefile that start it by their name.
fn make_targets(tree: &dyn Tree, cap: usize) -> Vec<DeclaredCommand> {
    const FILE: &str = "Makefile";
    let text = tree.read(FILE, cap).unwrap_or_default();
    let mut found: Vec<(usize, DeclaredCommand)> = Vec::new();
    let mut target = None;
    for line in text.lines() {
        let Some(recipe) = line.strip_prefix('\t') else {
            let name = line.split(':').next().unwrap_or_default().trim();
            target = TASKS.iter().position(|task| *task == name);
            continue;
        };
        if let Some(rank) = target {
            let command = recipe.trim_start_matches(['@', '-', ' ']).trim_end();
            found.push((rank, of(FILE, command.to_owned())));
        }
    }
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, command)| command).collect()
}

/// The lines of a Procfile in their order, by name.
pub fn procfile(tree: &dyn Tree, cap: usize) -> Vec<(String, String)> {
    let text = tree.read("Procfile", cap).unwrap_or_default();
    PROCFILE
        .captures_iter(&text)
        .map(|it| (it["name"].to_owned(), it["command"].to_owned()))
        .collect()
}

fn of(file: &str, command: String) -> DeclaredCommand {
    DeclaredCommand {
        file: file.to_owned(),
        command,
    }
}

/// The last `CMD` counts, after the last `ENTRYPOINT`.
fn dockerfile(tree: &dyn Tree, file: &str, cap: usize) -> Option<DeclaredCommand> {
    let text = tree.read(file, cap)?;
    let last = |word: &str| {
        let found = DOCKER.captures_iter(&text);
        let of_word = found.filter(|it| it["word"].eq_ignore_ascii_case(word));
        of_word.last().map(|it| plain(&it["command"]))
    };
    let words: Vec<String> = [last("ENTRYPOINT"), last("CMD")]
        .into_iter()
        .flatten()
        .collect();
    (!words.is_empty()).then(|| of(file, words.join(" ")))
}

/// `["a", "b"]`, `"a b"` and `a b` as `a b`.
fn plain(command: &str) -> String {
    let command = command.replace("\\\n", " ");
    let list: Option<Vec<String>> = serde_json::from_str(command.trim()).ok();
    list.map_or_else(
        || command.trim().trim_matches(['"', '\'']).to_owned(),
        |words| words.join(" "),
    )
}

/// Lines of a README that could be commands.
fn readme(tree: &dyn Tree, cap: usize) -> Vec<DeclaredCommand> {
    const LONGEST: usize = 200;
    let is_readme =
        |path: &&String| !path.contains('/') && path.to_ascii_lowercase().starts_with("readme");
    let Some(file) = tree.files().iter().find(is_readme) else {
        return Vec::new();
    };
    let text = tree.read(file, cap).unwrap_or_default();
    let lines = text.lines().map(str::trim).filter(|it| it.len() <= LONGEST);
    lines
        .filter(|line| line.contains(' ') && !line.starts_with('#'))
        .map(|line| {
            let line = line.trim_start_matches(['$', '>', '`', '*', '-', ' ']);
            of(file, line.trim_end_matches(['`', ' ']).to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::files::tree::memory::MemoryTree;

    fn firm(file: &str, text: &str) -> Vec<String> {
        let tree = MemoryTree::new([(file, text)]);
        let (firm, _) = read(&tree, 1 << 16);
        firm.into_iter().map(|it| it.command).collect()
    }

    #[test]
    fn commands_are_read_from_what_starts_the_project() {
        for (file, text, expected) in [
            (
                "Procfile",
                "release: x\nweb: gunicorn app:app --log-file -\r\n",
                "gunicorn app:app --log-file -",
            ),
            (
                "Dockerfile",
                "FROM x\nCMD a\nCMD [\"uvicorn\", \"app.main:app\"]\n",
                "uvicorn app.main:app",
            ),
            (
                "Dockerfile",
                "ENTRYPOINT [\"python\"]\ncmd [\"app.py\"]",
                "python app.py",
            ),
            (
                "Dockerfile",
                "CMD gunicorn \\\n  app:app",
                "gunicorn    app:app",
            ),
            (
                "render.yaml",
                "services:\n- type: web\n  startCommand: python run.py\n",
                "python run.py",
            ),
            (
                "compose.yaml",
                "services:\n  web:\n    command: [\"node\", \"x.js\"]\n",
                "node x.js",
            ),
            (
                "pyproject.toml",
                "[tool.pdm.scripts]\ntest = 'pytest'\nstart = 'python -m shop.web'\n",
                "python -m shop.web",
            ),
            (
                "pyproject.toml",
                "[tool.poe.tasks]\nlint = 'ruff'\nserve = { shell = 'uvicorn shop:app --reload' }\n",
                "uvicorn shop:app --reload",
            ),
            (
                "pyproject.toml",
                "[tool.hatch.envs.default.scripts]\ndev = 'flask --app shop run'\n",
                "flask --app shop run",
            ),
            (
                "Makefile",
                "PORT = 1\ntest:\n\tpytest\n\nrun: deps\n\t@uvicorn app.main:app --reload\n",
                "uvicorn app.main:app --reload",
            ),
        ] {
            assert_eq!(firm(file, text), [expected], "{text}");
        }
        assert_eq!(firm("Procfile", "worker: python bot.py\n"), [""; 0]);
        assert_eq!(firm("Makefile", "test:\n\tpytest\n"), [""; 0]);
    }

    #[test]
    fn a_readme_tells_people() {
        let tree = MemoryTree::new([(
            "README.md",
            "# Shop\n\n    $ uvicorn web:api --reload\n`flask run`\n",
        )]);
        let (_, told) = read(&tree, 1 << 16);
        let commands: Vec<&str> = told.iter().map(|it| it.command.as_str()).collect();
        assert_eq!(commands, ["uvicorn web:api --reload", "flask run"]);
    }
}
