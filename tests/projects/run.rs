//! One project from its files to its page and back: what is not as its table says, with all that was
//! printed.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{
    host::{Host, Ran, in_time},
    table::{Pattern, Project, Step},
    tree, visit,
};

const PROGRAM: &str = "codemate-preview";

/// A project that is being brought up.
struct Run<'a> {
    host: &'a Host,
    project: &'a Project,
    root: PathBuf,
    url: Option<String>,
    /// Answers that stay open.
    held: Vec<reqwest::Response>,
    /// What is not as it should be.
    wrong: Vec<String>,
    /// All commands and what they printed.
    told: String,
}

/// Bring it up, look, and take it away. `Err` is all that was wrong and all that was printed.
pub fn run(host: &Host, project: &Project) -> Result<(), String> {
    let mut run = Run {
        host,
        project,
        root: tree::make(host, project),
        url: None,
        held: Vec::new(),
        wrong: Vec::new(),
        told: String::new(),
    };
    run.bring_up();
    for (at, step) in project.then.iter().enumerate() {
        run.step(&format!("step {}", at + 1), step);
    }
    if !run.wrong.is_empty() {
        run.own(&["logs", "{root}"]);
    }
    run.own(&["down", "--purge", "--yes", "{root}"]);
    if run.wrong.is_empty() {
        return Ok(());
    }
    Err(format!("{}\n\n{}", run.wrong.join("\n"), run.told))
}

impl Run<'_> {
    fn bring_up(&mut self) {
        let expect = &self.project.expect;
        let ran = self.up(&[]);
        self.url = ran.stdout.lines().last().map(str::to_owned);
        self.ends("up", &ran, expect.exit);
        self.said("up", &ran.stderr, &expect.says, &expect.never);
        if expect.status.is_some() || expect.page.is_some() {
            let seen = self.look();
            self.seen("up", &seen, expect.status, expect.page.as_ref());
        }
        if !expect.log.is_empty() {
            self.logged(&expect.log);
        }
        if let Some(status) = &expect.next {
            let status = status.parse().unwrap();
            self.first_next(status);
        }
    }

    /// Run the first command that the problem names, as it is.
    fn first_next(&mut self, status: u16) {
        let ran = self.up(&["--json"]);
        let document: Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
        let argv = &document["data"]["problem"]["next"][0]["argv"];
        let argv: Vec<String> = serde_json::from_value(argv.clone()).unwrap_or_default();
        if argv.is_empty() {
            self.wrong.push("the problem names no command".to_owned());
            return;
        }
        let ran = self.users(&argv, &self.place());
        self.ends("the problem's command", &ran, 0);
        self.url = ran
            .stdout
            .lines()
            .last()
            .filter(|line| line.starts_with("http://"))
            .map(str::to_owned);
        if self.url.is_none() {
            let url = self.own(&["url", "{root}"]);
            self.url = url.stdout.lines().last().map(str::to_owned);
        }
        let seen = self.look();
        self.seen("the problem's command", &seen, Some(status), None);
    }

    fn step(&mut self, name: &str, step: &Step) {
        if let Some(path) = &step.hold {
            let url = self.url.as_deref().unwrap_or_default();
            match visit::hold(&format!("{}{path}", url.trim_end_matches('/'))) {
                Ok(answer) => self.held.push(answer),
                Err(why) => self.wrong.push(format!("{name}: {path}: {why}")),
            }
        }
        tree::edit(&self.root, step);
        if !step.run.is_empty() {
            let ran = self.users(&step.run, &self.root.clone());
            self.ends(name, &ran, step.exit.unwrap_or(0));
            let all = format!("{}{}", ran.stdout, ran.stderr);
            self.said(name, &all, &step.says, &step.never);
            if let Some(url) = ran.stdout.lines().last()
                && url.starts_with("http://")
            {
                self.url = Some(url.to_owned());
            }
        }
        if step.status.is_none() && step.page.is_none() {
            return;
        }
        // An edit takes the time that it takes.
        let mut last = Err("nobody asked".to_owned());
        let fits = |seen: &Result<(u16, String), String>| {
            seen.as_ref().is_ok_and(|(status, page)| {
                step.status.is_none_or(|wanted| wanted == *status)
                    && step.page.as_ref().is_none_or(|wanted| wanted.is_in(page))
            })
        };
        let found = in_time(|| {
            last = self.look();
            fits(&last).then_some(())
        });
        if found.is_none() {
            self.seen(name, &last, step.status, step.page.as_ref());
        }
    }

    /// Where the user is.
    fn place(&self) -> PathBuf {
        match &self.project.cwd {
            Some(below) => self.root.join(below),
            None => self.root.parent().unwrap().to_owned(),
        }
    }

    fn up(&mut self, before: &[&str]) -> Ran {
        let mut argv = vec![PROGRAM.to_owned()];
        argv.extend(before.iter().map(|&arg| arg.to_owned()));
        argv.extend(["up", "--no-input", "--tunnel", "none"].map(str::to_owned));
        argv.extend(self.project.args.iter().cloned());
        if self.project.cwd.is_none() {
            argv.push("{root}".to_owned());
        }
        self.users(&argv, &self.place())
    }

    /// A command as the user gives it.
    fn users(&mut self, argv: &[String], place: &Path) -> Ran {
        let env = self.project.env.iter();
        let env: Vec<_> = env
            .map(|(name, value)| (name, self.filled(value)))
            .collect();
        let mut command = self.prepared(argv, place);
        command.envs(env);
        self.finish(argv, command)
    }

    /// A command of the test's own.
    fn own(&mut self, words: &[&str]) -> Ran {
        let mut argv = vec![PROGRAM.to_owned()];
        argv.extend(words.iter().map(|&arg| arg.to_owned()));
        let command = self.prepared(&argv, &self.root);
        self.finish(&argv, command)
    }

    /// The program's own name is the binary that is tested.
    fn prepared(&self, argv: &[String], place: &Path) -> Command {
        let filled: Vec<String> = argv[1..].iter().map(|arg| self.filled(arg)).collect();
        let words: Vec<&str> = filled.iter().map(String::as_str).collect();
        let mut command = match argv[0].as_str() {
            PROGRAM => self.host.command(&words),
            other => self.host.command_of(other, &words),
        };
        command.current_dir(place);
        command
    }

    fn finish(&mut self, argv: &[String], mut command: Command) -> Ran {
        let ran = Ran::of(&command.output().unwrap());
        let line = self.filled(&argv.join(" "));
        let _ = writeln!(self.told, "$ {line} # exit {}", ran.code);
        let _ = writeln!(self.told, "{}{}", ran.stdout, ran.stderr);
        ran
    }

    fn filled(&self, text: &str) -> String {
        text.replace("{root}", self.root.to_str().unwrap())
    }

    /// The log says so in time: a line without an end is shown once it has stayed so for a while.
    fn logged(&mut self, says: &[Pattern]) {
        let whole = || {
            let log = self.host.run(&["logs", self.root.to_str().unwrap()]);
            let all = log.stdout + &log.stderr;
            says.iter().all(|it| it.is_in(&all)).then_some(())
        };
        if in_time(whole).is_none() {
            let log = self.own(&["logs", "{root}"]);
            let all = log.stdout + &log.stderr;
            self.said("logs", &all, says, &[]);
        }
    }

    fn look(&self) -> Result<(u16, String), String> {
        look(self.url.as_deref())
    }

    fn ends(&mut self, what: &str, ran: &Ran, exit: i32) {
        if ran.code != exit {
            self.wrong
                .push(format!("{what}: it ended in {}, not in {exit}", ran.code));
        }
    }

    fn said(&mut self, what: &str, text: &str, says: &[Pattern], never: &[Pattern]) {
        for pattern in says.iter().filter(|pattern| !pattern.is_in(text)) {
            let pattern = pattern.as_str();
            self.wrong
                .push(format!("{what}: it does not say /{pattern}/"));
        }
        for pattern in never.iter().filter(|pattern| pattern.is_in(text)) {
            let pattern = pattern.as_str();
            self.wrong.push(format!("{what}: it says /{pattern}/"));
        }
    }

    fn seen(
        &mut self,
        what: &str,
        seen: &Result<(u16, String), String>,
        status: Option<u16>,
        page: Option<&Pattern>,
    ) {
        match seen {
            Err(why) => self.wrong.push(format!("{what}: there is no page: {why}")),
            Ok((got, text)) => {
                if let Some(status) = status.filter(|status| status != got) {
                    self.wrong.push(format!(
                        "{what}: the page is a {got}, not a {status}:\n{text}"
                    ));
                }
                if let Some(page) = page.filter(|page| !page.is_in(text)) {
                    let page = page.as_str();
                    self.wrong
                        .push(format!("{what}: the page has no /{page}/:\n{text}"));
                }
            }
        }
    }
}

fn look(url: Option<&str>) -> Result<(u16, String), String> {
    match url.filter(|url| url.starts_with("http://")) {
        Some(url) => visit::page(url),
        None => Err("no URL was printed".to_owned()),
    }
}
