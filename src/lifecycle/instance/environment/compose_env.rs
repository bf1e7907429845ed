//! What a compose file gives the service whose directory is run: values to develop with, where they
//! are not about the services beside it.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use super::compose_file::{self, ComposeService, services};
use crate::{
    config::EnvFile,
    model::{Plan, Secret},
    project::workspace,
    source::RootDir,
};

/// What stands before the absolute path of a file.
const FILES: [&str; 3] = ["sqlite:///", "sqlite+aiosqlite:///", "file:"];
/// The directory of the project's that stands for volumes, inside.
const VOLUMES: &str = ".volumes";
/// A file that is longer is not read.
const LONGEST: u64 = 1 << 20;
/// Beginnings of names that are about a service beside the app.
const OF_OTHERS: [&str; 12] = [
    "POSTGRES", "PG", "MYSQL", "MARIADB", "MONGO", "REDIS", "RABBIT", "CELERY", "KAFKA", "DB_",
    "SQL_", "DATABASE",
];
/// Names that a preview settles itself.
const OURS: [&str; 17] = [
    "PORT",
    "HOST",
    "PATH",
    "HOME",
    "USER",
    "PYTHONPATH",
    "NODE_ENV",
    "NODE_OPTIONS",
    "FLASK_RUN_PORT",
    // Which environment it is, in words that are the project's own, and the name that it serves.
    "ENV",
    "ENVIRONMENT",
    "APP_ENV",
    "DJANGO_ENV",
    "FLASK_ENV",
    "RAILS_ENV",
    "SERVER_NAME",
    "DOMAIN",
];

/// The values, and where they are from, such as `web` of `docker-compose.yml`.
#[derive(Debug, Default)]
pub struct ComposeEnv {
    pub values: BTreeMap<String, Secret>,
    pub from: String,
}

/// Blocking.
pub fn read(root: &RootDir, plan: &Plan) -> ComposeEnv {
    let text = compose_file::FILES
        .iter()
        .find_map(|file| Some((*file, root.text(file, LONGEST)?)));
    let Some((file, text)) = text else {
        return ComposeEnv::default();
    };
    let all = services(&text, file);
    let Some(own) = own(&all, &plan.root) else {
        return ComposeEnv::default();
    };
    let mut given: Vec<(String, String)> = Vec::new();
    for path in &own.env_files {
        let Some(bytes) = within(path).and_then(|path| root.bytes(&path, LONGEST)) else {
            continue;
        };
        let read = EnvFile::of_bytes(&bytes).variables.into_iter();
        given.extend(read.map(|line| (line.name, line.value.reveal().to_owned())));
    }
    let written = own.environment.iter();
    given.extend(written.filter_map(|(name, value)| Some((name.clone(), expanded(value)?))));
    ComposeEnv {
        values: fit(given, own, &all),
        from: format!("`{}` of {file}", own.name),
    }
}

/// The service that is built from the directory that is run; of several the one with ports. Where
/// there is none, the only one with ports that is built from a directory above.
fn own<'s>(all: &'s [ComposeService], root: &str) -> Option<&'s ComposeService> {
    let context = |it: &ComposeService| it.build.as_deref().and_then(within);
    let is_own = |it: &&ComposeService| context(it).is_some_and(|build| build == root);
    let with_ports = all.iter().filter(is_own).find(|it| it.has_ports);
    let own = with_ports.or_else(|| all.iter().find(is_own));
    let is_above = |it: &&ComposeService| {
        let holds = |build: String| build.is_empty() || root.starts_with(&format!("{build}/"));
        it.has_ports && context(it).is_some_and(holds)
    };
    own.or_else(|| {
        let mut above = all.iter().filter(is_above);
        above.next().filter(|_| above.next().is_none())
    })
}

/// A path that stays within the project, without `./`; the project itself is empty.
fn within(path: &str) -> Option<String> {
    let parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
    let parts: Vec<&str> = parts.collect();
    (!path.starts_with('/') && !parts.contains(&"..")).then(|| parts.join("/"))
}

/// A value in which the host's variables are asked for has what it says for those that lack.
fn expanded(value: &str) -> Option<String> {
    let Some((before, rest)) = value.split_once("${") else {
        return (!value.contains('$')).then(|| value.to_owned());
    };
    let (asked, after) = rest.split_once('}')?;
    let (_, default) = asked.split_once(":-").or_else(|| asked.split_once('-'))?;
    expanded(after).map(|after| format!("{before}{default}{after}"))
}

/// Where a path inside the service's container is inside a preview: below what is mounted there of the
/// project, or in a directory of the project for each volume.
fn moved(path: &str, mounts: &[(String, String)]) -> Option<String> {
    let covers = |(from, to): &(String, String)| {
        let rest = path.strip_prefix(to.trim_end_matches('/'))?;
        let inside = match from.strip_prefix('.') {
            Some(_) => within(from)?,
            None if from.contains(['/', '$', '~']) => return None,
            None => format!("{VOLUMES}/{from}"),
        };
        let is_whole = rest.is_empty() || rest.starts_with('/');
        is_whole.then(|| format!("{}{rest}", workspace(&inside)))
    };
    let mut mounts = mounts.to_vec();
    mounts.sort_by_key(|(_, to)| Reverse(to.len()));
    mounts.iter().find_map(covers)
}

/// A value as it is inside a preview; `None` if it is a path that is not there.
fn placed(value: String, mounts: &[(String, String)]) -> Option<String> {
    let scheme = FILES
        .iter()
        .find(|scheme| value.starts_with(&format!("{scheme}/")));
    let path = &value[scheme.map_or(0, |it| it.len())..];
    if !path.starts_with('/') {
        return Some(value);
    }
    let path = moved(path, mounts)?;
    Some(format!("{}{path}", scheme.unwrap_or(&"")))
}

/// Those that are the app's own business: not of a service beside it, nor of a container's paths.
fn fit(
    given: Vec<(String, String)>,
    service: &ComposeService,
    all: &[ComposeService],
) -> BTreeMap<String, Secret> {
    let own = service.name.as_str();
    let others: BTreeSet<&str> = all
        .iter()
        .map(|it| it.name.as_str())
        .filter(|name| *name != own)
        .collect();
    let names_another = |value: &str| {
        let is_address = value.contains("://") || value.contains(['@', ':']);
        let mut words = value.split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_'));
        others.contains(value) || is_address && words.any(|word| others.contains(word))
    };
    let is_of_others = |name: &str, value: &str| {
        let is_file = value.starts_with("sqlite") || value.starts_with("file:");
        let is_of_other = || OF_OTHERS.iter().any(|begin| name.starts_with(begin));
        names_another(value) || !is_file && is_of_other()
    };
    let is_ours = |name: &str, value: &str| {
        OURS.contains(&name)
            || name.starts_with("CODEMATE_")
            || name.starts_with("LD_")
            || value.is_empty()
            || matches!(value, "production" | "prod")
    };
    let fits =
        |(name, value): &(String, String)| !is_of_others(name, value) && !is_ours(name, value);
    given
        .into_iter()
        .filter(fits)
        .filter_map(|(name, value)| Some((name, Secret::new(placed(value, &service.mounts)?))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str, root: &str) -> Vec<(String, String)> {
        let all = services(text, "compose.yml");
        let own = own(&all, root).unwrap();
        let given = own.environment.iter();
        let given = given.filter_map(|(name, value)| Some((name.clone(), expanded(value)?)));
        let values = fit(given.collect(), own, &all);
        let pairs = values.into_iter();
        pairs
            .map(|(name, value)| (name, value.reveal().to_owned()))
            .collect()
    }

    #[test]
    fn the_service_of_the_directory_gives_what_is_not_about_others() {
        let text = "services:\n  store:\n    image: postgres\n  worker:\n    build: ./web\n    environment:\n      DEBUG: 9\n  web:\n    build: ./web\n    ports: [\"80:80\"]\n    environment:\n      - DEBUG=1\n      - SECRET_KEY=${KEY:-dev-only}\n      - TOKEN=${TOKEN}\n      - SHOP_URL=postgres://u:p@store:5432/x\n      - POSTGRES_DB=x\n      - CACHE=store\n      - PORT=80\n      - STATIC=/code/static\n      - APP_ENV=production\n";
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let expected = [pair("DEBUG", "1"), pair("SECRET_KEY", "dev-only")];
        assert_eq!(told(text, "web"), expected);
    }

    #[test]
    fn what_is_mounted_is_found_where_it_is_in_a_preview() {
        let text = "services:\n  web:\n    build: .\n    volumes:\n      - .:/code\n      - kept:/data\n      - /var/x:/x\n    environment:\n      A: /code/media\n      B: /data\n      C: /database\n      D: /x/y\n      DATABASE_URL: sqlite:////data/app.db\n      DB_FILE: sqlite:///./app.db\n";
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let expected = [
            pair("A", "/home/app/workspace/media"),
            pair("B", "/home/app/workspace/.volumes/kept"),
            pair(
                "DATABASE_URL",
                "sqlite:////home/app/workspace/.volumes/kept/app.db",
            ),
            pair("DB_FILE", "sqlite:///./app.db"),
        ];
        assert_eq!(told(text, ""), expected);
    }

    #[test]
    fn a_directory_that_no_service_is_built_from_is_told_nothing() {
        let all = services(
            "services:\n  web:\n    build: ../web\n  db:\n    image: x\n",
            "c",
        );
        for root in ["", "web"] {
            assert_eq!(own(&all, root), None, "{root}");
        }
        let above = "services:\n  web:\n    build: .\n    ports: [\"80:80\"]\n";
        let all = services(above, "c");
        assert!(own(&all, "web").is_some());
        let two = format!("{above}  api:\n    build: .\n    ports: [\"81:81\"]\n");
        assert_eq!(own(&services(&two, "c"), "web"), None);
        let all = services("services:\n  web:\n    build: .\n", "c");
        assert!(own(&all, "").is_some());
    }
}
