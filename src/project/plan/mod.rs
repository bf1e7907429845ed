//! A template's plan for one project, with the user's own settings laid on top.

pub(super) mod install_key;
pub(super) mod notes;
mod readiness;

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    model::{
        ContainerSpec, Fallback, ImageRef, Install, Note, Options, Plan, ProxyHost, Reload,
        ReloadMode, RunCommand, VersionChoice,
    },
    project::{
        ProjectError,
        detection::template_view::{TemplateView, Variables},
        files::tree::relative,
        images::{self, Offer, Registry},
        python::venv::{VENV, with_environment},
        templates::format::{Also, FallbackPart},
        version,
    },
};
use readiness::ready;

/// Directories of every Linux image that commands are looked for in.
const SEARCHED: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Programs that installing takes, which scripts call too.
const TOOLS: &str = "/home/app/.tools/bin";
const PORT: u16 = 8080;
/// `PATH` inside: what was installed for the project, then what its image says, or the usual.
pub fn search_path(root: &str, of_image: Option<&str>) -> String {
    let mut path = format!("{VENV}/bin:");
    // What belongs to a workspace lies in its root, above the app.
    let above = root.match_indices('/').map(|(at, _)| &root[..at]).rev();
    for dir in std::iter::once(root)
        .chain(above)
        .chain((!root.is_empty()).then_some(""))
    {
        path.push_str(&workspace(dir));
        path.push_str("/node_modules/.bin:");
    }
    format!("{path}{TOOLS}:{}", of_image.unwrap_or(SEARCHED))
}

/// The directory inside that commands are run in.
pub fn workspace(root: &str) -> String {
    match root {
        "" => ContainerSpec::WORKSPACE.to_owned(),
        root => format!("{}/{root}", ContainerSpec::WORKSPACE),
    }
}

/// Notes for people are added to `notes`.
pub fn assemble(
    view: &TemplateView<'_>,
    options: &Options,
    root: &str,
    registry: Registry,
    notes: &mut Vec<Note>,
) -> Result<Plan, ProjectError> {
    let (image, stack, version) = image(view, options, registry, notes)?;
    let asked = port_of(options)?;
    let variables = Variables {
        port: asked.or(view.template.run.port).unwrap_or(PORT),
        version: version
            .as_ref()
            .map(|it| it.version.clone())
            .unwrap_or_default(),
        workspace: workspace(root),
        each: String::new(),
    };
    let env = expand_map(view, &view.template.env, &variables)?;
    let mut ignore = view.template.sync.ignore.clone();
    ignore.extend(options.sync.ignore.iter().flatten().cloned());
    let argv = match (&options.run.command, &view.template.run.command) {
        (Some(argv), _) | (None, Some(argv)) if !argv.is_empty() => expand(view, argv, &variables)?,
        _ => return bad("run.command", "say which command starts the app"),
    };
    let ready = ready(view, options, &argv)?;
    let mut run_env = expand_map(view, &view.template.run.env, &variables)?;
    run_env.insert("PORT".to_owned(), variables.port.to_string());
    run_env.insert("HOST".to_owned(), "0.0.0.0".to_owned());
    Ok(Plan {
        template: view.template.id.clone(),
        root: root.to_owned(),
        title: title(view),
        image,
        stack,
        version,
        install: install(view, options, &variables, root)?,
        run: RunCommand {
            argv,
            port: variables.port,
            port_is_fixed: options.port.is_some(),
            listens: options
                .run
                .listens
                .unwrap_or(asked.is_some() || view.template.run.listens.unwrap_or(true)),
            env: run_env,
            memory_bytes: view.template.run.memory,
        },
        ready,
        reload: reload(view, options, root),
        proxy: options
            .proxy
            .host
            .clone()
            .or_else(|| view.template.proxy.host.clone())
            .unwrap_or(ProxyHost::Name),
        host_is_fixed: options.proxy.host.is_some(),
        forwarded_host: options
            .proxy
            .forwarded_host
            .or(view.template.proxy.forwarded_host)
            .unwrap_or(false),
        public_deny: view.template.proxy.public_deny.clone().unwrap_or_default(),
        ignore,
        include: options.sync.include.clone().unwrap_or_default(),
        env,
    })
}

/// For people. A fact that is not known leaves the template's id.
pub fn title(view: &TemplateView<'_>) -> String {
    let title = view.template.title.as_deref().unwrap_or(&view.template.id);
    view.expand(title, &Variables::default())
        .unwrap_or_else(|_| view.template.id.clone())
}

type ImageChoice = (ImageRef, Option<String>, Option<VersionChoice>);

fn image(
    view: &TemplateView<'_>,
    options: &Options,
    registry: Registry,
    notes: &mut Vec<Note>,
) -> Result<ImageChoice, ProjectError> {
    let named = |name: &str| {
        let Ok(image) = name.parse::<ImageRef>();
        image
    };
    if let Some(image) = &options.image {
        let version = options.version.as_ref().map(|version| VersionChoice {
            version: version.clone(),
            asked: Some(version.clone()),
            from: None,
            instead_of: None,
            because: None,
        });
        return Ok((named(image), None, version));
    }
    let image = view.template.image.as_ref();
    if let Some(name) = image.and_then(|it| it.name.as_deref()) {
        return Ok((named(name), None, None));
    }
    let stack = image
        .and_then(|it| it.stack.as_deref())
        .and_then(images::stack);
    let Some(stack) = stack else {
        return bad("image", "say which image to run in");
    };
    let offer = Offer { stack, registry };
    let wanted = options.version.as_deref();
    let version = version::choose(view.project, view.template, offer, wanted, notes)?;
    Ok((
        ImageRef::ours(&stack.name, &version.version),
        Some(stack.name.clone()),
        Some(version),
    ))
}

/// The port the user names, or that of a variable, which may be another server's: only the former
/// is held to.
fn port_of(options: &Options) -> Result<Option<u16>, ProjectError> {
    match (options.port, options.env.get("PORT")) {
        (Some(0), _) => bad("port", "expected 1 to 65535"),
        (Some(port), _) => Ok(Some(port)),
        (None, Some(port)) => Ok(port.reveal().parse().ok().filter(|port| *port > 0)),
        (None, None) => Ok(None),
    }
}

fn install(
    view: &TemplateView<'_>,
    options: &Options,
    variables: &Variables,
    root: &str,
) -> Result<Option<Install>, ProjectError> {
    let mut ways = match &options.install.commands {
        Some(commands) => {
            let given = |argv: &Vec<String>| expand(view, argv, variables);
            CommandList {
                commands: commands.iter().map(given).collect::<Result<_, _>>()?,
                fallbacks: Vec::new(),
            }
        }
        None => template_install(view, variables)?,
    };
    if ways.commands.iter().any(Vec::is_empty) {
        return bad("install.commands", "a command has no words");
    }
    for argv in options.install.after.iter().flatten() {
        if argv.is_empty() {
            return bad("install.after", "a command has no words");
        }
        ways.commands.push(expand(view, argv, variables)?);
    }
    if ways.commands.is_empty() {
        return Ok(None);
    }
    let part = &view.template.install;
    let inputs = options.install.inputs.as_ref().or(part.inputs.as_ref());
    let mut inputs = under(root, inputs.map_or(&[], Vec::as_slice));
    inputs.extend(above(root, &ways.commands));
    let mut install = Install {
        commands: ways.commands,
        inputs,
        fallbacks: ways.fallbacks,
    };
    if options.install.commands.is_none() {
        with_environment(&mut install);
    }
    Ok(Some(install))
}

/// Commands, filled in, and ways round some of them.
#[derive(Default)]
struct CommandList {
    commands: Vec<Vec<String>>,
    fallbacks: Vec<Fallback>,
}

impl CommandList {
    /// Adds commands and what is for the last of them.
    fn add<'t>(
        &mut self,
        view: &TemplateView<'_>,
        (commands, parts): (&[Vec<String>], impl Iterator<Item = &'t FallbackPart>),
        variables: &Variables,
    ) -> Result<(), ProjectError> {
        let expanded = |commands: &[Vec<String>]| {
            let one = |argv: &Vec<String>| expand(view, argv, variables);
            commands.iter().map(one).collect::<Result<Vec<_>, _>>()
        };
        self.commands.extend(expanded(commands)?);
        let Some(command) = self.commands.len().checked_sub(1) else {
            return Ok(());
        };
        for part in parts.filter(|part| part.all.iter().all(|it| view.holds(it).is_some())) {
            self.fallbacks.push(Fallback {
                command,
                when: part.when.0.as_str().to_owned(),
                commands: expanded(&part.commands)?,
                say: view.expand(&part.say, variables)?.replace('\n', ", "),
            });
        }
        Ok(())
    }

    /// Adds what is run beside, as often as it is to be.
    fn add_beside(
        &mut self,
        view: &TemplateView<'_>,
        beside: &Also,
        variables: &Variables,
    ) -> Result<(), ProjectError> {
        let holds = beside.all.iter().all(|it| view.holds(it).is_some())
            && beside.none.iter().all(|it| view.holds(it).is_none());
        if !holds {
            return Ok(());
        }
        let Some(fact) = &beside.each else {
            return self.add(view, (&beside.commands, beside.fallback.iter()), variables);
        };
        for each in view.fact(fact).unwrap_or_default().lines() {
            let variables = Variables {
                each: each.to_owned(),
                ..variables.clone()
            };
            self.add(view, (&beside.commands, beside.fallback.iter()), &variables)?;
        }
        Ok(())
    }
}

fn template_install(
    view: &TemplateView<'_>,
    variables: &Variables,
) -> Result<CommandList, ProjectError> {
    let part = &view.template.install;
    let manager = part.by.as_ref().and_then(|by| view.fact(by));
    let mut ways = CommandList::default();
    for before in &part.before {
        ways.add_beside(view, before, variables)?;
    }
    if let Some(manager) = &manager {
        if let Some(reason) = part.unsupported.get(manager) {
            return Err(ProjectError::Unsupported {
                template: view.template.id.clone(),
                reason: reason.clone(),
            });
        }
        if let Some(commands) = part.commands.get(manager) {
            let is_for = |it: &&FallbackPart| it.values.is_empty() || it.values.contains(manager);
            let fallbacks = part.fallback.iter().filter(is_for);
            ways.add(view, (commands, fallbacks), variables)?;
        }
    }
    for also in &part.also {
        ways.add_beside(view, also, variables)?;
    }
    Ok(ways)
}

fn reload(view: &TemplateView<'_>, options: &Options, root: &str) -> Reload {
    let (ours, theirs) = (&view.template.reload, &options.reload);
    let globs = theirs.restart_on.clone().unwrap_or_else(|| {
        let also = ours.also.iter().filter(|also| {
            also.all.iter().all(|it| view.holds(it).is_some())
                && also.none.iter().all(|it| view.holds(it).is_none())
        });
        let ours = ours.restart_on.iter().flatten();
        ours.chain(also.flat_map(|also| &also.restart_on))
            .cloned()
            .collect()
    });
    Reload {
        mode: theirs.mode.or(ours.mode).unwrap_or(ReloadMode::None),
        restart_on: under(root, &globs),
    }
}

/// Globs of a directory as globs of the tree it is in.
fn under(root: &str, globs: &[String]) -> Vec<String> {
    let prefix = if root.is_empty() {
        String::new()
    } else {
        format!("{}/", globset::escape(root))
    };
    globs.iter().map(|glob| format!("{prefix}{glob}")).collect()
}

/// The files above the app's directory that a command names, such as `../requirements.txt`.
fn above(root: &str, commands: &[Vec<String>]) -> BTreeSet<String> {
    let words = commands.iter().flatten();
    let named = words.filter(|word| word.starts_with("../"));
    let whole = named.filter_map(|word| relative(&format!("{root}/{word}")));
    whole.map(|path| globset::escape(&path)).collect()
}

/// A word that only a fact would fill is left out where the fact is empty, and becomes as many
/// words as the fact has lines.
fn expand(
    view: &TemplateView<'_>,
    argv: &[String],
    variables: &Variables,
) -> Result<Vec<String>, ProjectError> {
    let mut words = Vec::new();
    for word in argv {
        let filled = view.expand(word, variables)?;
        if word.starts_with("${facts.") && word.ends_with('}') {
            words.extend(filled.lines().map(str::to_owned));
        } else {
            words.push(filled);
        }
    }
    Ok(words)
}

/// A variable that only a fact would fill is left out where the fact is empty.
fn expand_map(
    view: &TemplateView<'_>,
    map: &BTreeMap<String, String>,
    variables: &Variables,
) -> Result<BTreeMap<String, String>, ProjectError> {
    let mut filled = BTreeMap::new();
    for (key, value) in map {
        let text = view.expand(value, variables)?;
        // What only a fact would fill is left out where the fact is empty.
        if value.is_empty() || !text.is_empty() {
            filled.insert(key.clone(), text);
        }
    }
    Ok(filled)
}

pub fn bad<T>(key: &str, reason: &str) -> Result<T, ProjectError> {
    Err(ProjectError::BadOptions {
        key: key.to_owned(),
        reason: reason.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_of_a_directory_keep_to_it() {
        assert_eq!(under("", &["**/*.py".to_owned()]), ["**/*.py"]);
        assert_eq!(
            under("apps/[x]", &["*.py".to_owned()]),
            ["apps/[[]x[]]/*.py"]
        );
    }

    #[test]
    fn a_list_above_the_app_is_an_input_of_its_installation() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect();
        let commands = [words("uv pip install -r ../requirements.txt -r more.txt")];
        let found: Vec<String> = above("main_app", &commands).into_iter().collect();
        assert_eq!(found, ["requirements.txt"]);
        assert!(above("", &commands).is_empty());
    }
}
