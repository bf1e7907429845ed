//! A database or another service that the app asked for and that is not there.

mod connection_errors;

use super::{Explanation, output::Output, project::ProjectFacts};
use crate::{lifecycle::instance::environment::compose_file::ComposeService, model::FailureKind};
use connection_errors::{FailedConnection, FailureMode, asked};

/// A kind of service, and what it is known by.
struct Service {
    title: &'static str,
    ports: &'static [u16],
    /// Names of hosts and images that begin so.
    hosts: &'static [&'static str],
    /// Words of its clients' own errors and modules.
    clients: &'static [&'static str],
    /// Words in the names of variables that hold its address, the most telling first.
    variables: &'static [&'static str],
}

const SERVICES: &[Service] = &[
    Service {
        title: "PostgreSQL",
        ports: &[5432, 5433, 6432],
        hosts: &["postgres", "pg", "postgis", "timescale", "pgvector"],
        clients: &[
            "psycopg",
            "asyncpg",
            "postgresql",
            "node_modules/pg",
            "pg-pool",
            "pgsql",
        ],
        variables: &["POSTGRES", "PG", "DATABASE", "DB", "SQL"],
    },
    Service {
        title: "MySQL",
        ports: &[3306, 3307],
        hosts: &["mysql", "mariadb", "percona"],
        clients: &[
            "pymysql", "MySQLdb", "mysql", "mariadb", "aiomysql", "MySQL",
        ],
        variables: &["MYSQL", "MARIADB", "DATABASE", "DB", "SQL"],
    },
    Service {
        title: "MongoDB",
        ports: &[27017, 27018],
        hosts: &["mongo"],
        clients: &[
            "pymongo",
            "mongoose",
            "Mongoose",
            "MongoServer",
            "mongodb",
            "motor",
        ],
        variables: &["MONGO", "DATABASE", "DB"],
    },
    Service {
        title: "Redis",
        ports: &[6379, 6380],
        hosts: &["redis", "valkey", "keydb", "cache", "dragonfly"],
        clients: &["redis", "ioredis"],
        variables: &["REDIS", "CELERY_BROKER", "BROKER", "CACHE", "QUEUE"],
    },
    Service {
        title: "RabbitMQ",
        ports: &[5672, 5671],
        hosts: &["rabbit", "amqp"],
        clients: &["amqp", "pika", "kombu"],
        variables: &["RABBIT", "AMQP", "CELERY_BROKER", "BROKER"],
    },
    Service {
        title: "Kafka",
        ports: &[9092, 29092],
        hosts: &["kafka", "redpanda"],
        clients: &["kafka"],
        variables: &["KAFKA", "BROKER"],
    },
    Service {
        title: "Elasticsearch",
        ports: &[9200, 9300],
        hosts: &["elastic", "es", "opensearch"],
        clients: &["elasticsearch", "opensearch", "elastic_transport"],
        variables: &["ELASTIC", "OPENSEARCH", "ES_"],
    },
    Service {
        title: "Memcached",
        ports: &[11211],
        hosts: &["memcache"],
        clients: &["memcache", "pylibmc"],
        variables: &["MEMCACHE", "CACHE"],
    },
    Service {
        title: "SQL Server",
        ports: &[1433],
        hosts: &["mssql", "sqlserver"],
        clients: &["tedious", "pyodbc", "pymssql"],
        variables: &["MSSQL", "SQLSERVER", "DATABASE", "DB", "SQL"],
    },
];

pub fn explain(output: &Output, known: &ProjectFacts<'_>) -> Option<Explanation> {
    let asked = asked(output)?;
    let compose = asked.host.as_ref().and_then(|host| {
        known
            .compose()
            .into_iter()
            .find(|service| service.name == *host)
    });
    let service = service_of(&asked, compose.as_ref(), output).or_else(|| by_manifest(known));
    if service.is_none() && asked.host.is_none() {
        return None;
    }
    let place = place(&asked);
    let title = match (service, &compose) {
        (Some(service), _) => service.title.to_owned(),
        (None, Some(compose)) => format!("the service `{}`", compose.name),
        (None, None) => "a service".to_owned(),
    };
    let happened = match asked.how {
        FailureMode::Refused => "nothing answers there",
        FailureMode::Unknown => "that name is unknown inside a preview",
        FailureMode::Silent => "it did not answer in time",
    };
    let what = match &place {
        Some(place) => format!("it asked for {title} at {place}, and {happened}"),
        None => format!("it asked for {title}, and nothing answered"),
    };
    let of_compose = compose.as_ref().map_or(String::new(), |service| {
        format!(
            "`{}` of {} is not started by a preview, ",
            service.name, service.file
        )
    });
    let limit = match of_compose.as_str() {
        "" => {
            "a preview runs the app alone and cannot reach this machine or its networks".to_owned()
        }
        of_compose => {
            format!("{of_compose}and a preview cannot reach this machine or its networks")
        }
    };
    let reach = "this machine's owner can open an address of a private network with `reach` under `[sandbox]` in config.toml";
    let variable = service.and_then(|service| variable_of(service, output, known));
    let mut explained = Explanation::new(FailureKind::ServiceMissing, what);
    if let Some(variable) = variable {
        let title = service.map_or("it", |service| service.title);
        explained.hint = format!(
            "{limit}; give `{variable}` the address of {} that the internet reaches, or {reach}",
            a(title)
        );
        let mut step = known.set(&variable);
        step.why = format!(
            "asks for the value of `{variable}` and keeps it for this preview; then run `up` again"
        );
        explained.next.push(step);
        return Some(explained);
    }
    let written = asked.host.as_deref().and_then(|host| {
        let needle = asked
            .port
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        known
            .find_in_code(|line| line.contains(&needle))
            .or_else(|| {
                let quoted = [
                    format!("\"{host}\""),
                    format!("'{host}'"),
                    format!("@{host}"),
                ];
                known.find_in_code(|line| quoted.iter().any(|it| line.contains(it.as_str())))
            })
    });
    explained.hint = match written {
        Some(place) => format!(
            "{limit}; the address is written in {place}: read it from a variable there, and set that with `codemate-preview secret set`, or {reach}"
        ),
        None => format!(
            "{limit}; set the variable that holds its address with `codemate-preview secret set NAME`, or {reach}"
        ),
    };
    Some(explained)
}

fn service_of(
    asked: &FailedConnection,
    compose: Option<&ComposeService>,
    output: &Output,
) -> Option<&'static Service> {
    let by_port = |service: &&Service| asked.port.is_some_and(|it| service.ports.contains(&it));
    let is_host = |name: &str, service: &Service| {
        let words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphanumeric()).collect();
        service.hosts.iter().any(|host| {
            words.iter().any(|word| {
                if host.len() < 4 {
                    word == host
                } else {
                    word.starts_with(host)
                }
            })
        })
    };
    let by_image = |service: &&Service| {
        let image = compose.and_then(|it| it.image.as_deref());
        image.is_some_and(|image| is_host(image, service))
    };
    let by_host = |service: &&Service| {
        asked
            .host
            .as_deref()
            .is_some_and(|host| is_host(&host.to_lowercase(), service))
    };
    let by_client = |service: &&Service| service.clients.iter().any(|word| output.says(word));
    // A look-up alone says nothing of what was looked for.
    let may_guess = asked.port.is_none();
    SERVICES
        .iter()
        .find(by_port)
        .or_else(|| SERVICES.iter().find(by_image))
        .or_else(|| SERVICES.iter().find(by_host))
        .or_else(|| SERVICES.iter().filter(|_| may_guess).find(by_client))
}

/// The one kind of service that the packages of the project are clients of; `None` if they are of
/// several.
fn by_manifest(known: &ProjectFacts<'_>) -> Option<&'static Service> {
    const CLIENTS: [(&str, &str); 9] = [
        ("mysql", "MySQL"),
        ("mysql2", "MySQL"),
        ("pg", "PostgreSQL"),
        ("postgres", "PostgreSQL"),
        ("mongodb", "MongoDB"),
        ("mongoose", "MongoDB"),
        ("redis", "Redis"),
        ("ioredis", "Redis"),
        ("amqplib", "RabbitMQ"),
    ];
    let named = CLIENTS
        .iter()
        .filter(|(package, _)| known.npm_depends_on(package));
    let mut titles: Vec<&str> = named.map(|(_, title)| *title).collect();
    titles.dedup();
    let [title] = titles[..] else {
        return None;
    };
    SERVICES.iter().find(|service| service.title == title)
}

fn place(asked: &FailedConnection) -> Option<String> {
    let host = asked.host.as_deref()?;
    Some(match asked.port {
        Some(port) if host.contains(':') => format!("[{host}]:{port}"),
        Some(port) => format!("{host}:{port}"),
        None => format!("`{host}`"),
    })
}

/// The variable that most likely holds the address.
fn variable_of(service: &Service, output: &Output, known: &ProjectFacts<'_>) -> Option<String> {
    let names = known.names();
    // One that is shown in the very frame that failed.
    let shown = names.iter().find(|name| {
        output.says(&format!("process.env.{name}")) || output.says(&format!("environ[\"{name}\"]"))
    });
    let score = |name: &String| {
        let upper = name.to_uppercase();
        let rank = service
            .variables
            .iter()
            .position(|word| upper.contains(word))?;
        let address = ["URL", "URI", "DSN", "CONNECTION", "CONN", "SERVER"];
        let form = if address.iter().any(|word| upper.contains(word)) {
            0
        } else if upper.contains("HOST") || upper.contains("ADDR") {
            1
        } else if upper == *service.variables[rank] || upper.ends_with("_DB") && rank == 0 {
            2
        } else {
            return None;
        };
        // An address that an asked host can come from is no test's or other database's.
        let is_test = upper.contains("TEST");
        Some((is_test, form, rank))
    };
    shown.cloned().or_else(|| {
        names
            .iter()
            .filter_map(|name| Some((score(name)?, name)))
            .min_by_key(|(score, _)| *score)
            .map(|(_, name)| name.clone())
    })
}

fn a(title: &str) -> String {
    let vowel = title.starts_with(['A', 'E', 'I', 'O', 'U']);
    format!("{} {title}", if vowel { "an" } else { "a" })
}
