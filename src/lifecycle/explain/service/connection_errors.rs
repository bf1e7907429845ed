//! How clients say that what they asked for is not there, and where they asked for it.

use std::sync::LazyLock;

use regex::Regex;

use crate::lifecycle::explain::output::Output;

/// How it was found out that it is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureMode {
    Refused,
    Unknown,
    Silent,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedConnection {
    pub host: Option<String>,
    pub port: Option<u16>,
    pub how: FailureMode,
}

struct Sign {
    how: FailureMode,
    pattern: Regex,
}

/// Each captures a host, a port, or both.
static SIGNS: LazyLock<Vec<Sign>> = LazyLock::new(|| {
    let sign = |how, pattern: &str| Sign {
        how,
        pattern: Regex::new(pattern).expect("the pattern is fixed"),
    };
    vec![
        // libpq: psycopg, Django, SQLAlchemy.
        sign(
            FailureMode::Refused,
            r#"connection to server at "(?<host>[^"]+)".*?port (?<port>\d+) failed: (?:Connection refused|FATAL)"#,
        ),
        sign(
            FailureMode::Silent,
            r#"connection to server at "(?<host>[^"]+)".*?port (?<port>\d+) failed: (?:timeout|Connection timed out|No route|Network is unreachable)"#,
        ),
        sign(
            FailureMode::Refused,
            r#"server running on host "(?<host>[^"]+)".*accepting"#,
        ),
        sign(
            FailureMode::Refused,
            r#"connection to server on socket "[^"]*\.s\.PGSQL\.(?<port>\d+)" failed"#,
        ),
        sign(
            FailureMode::Unknown,
            r#"could not translate host name "(?<host>[^"]+)" to address"#,
        ),
        sign(
            FailureMode::Unknown,
            r"failed to resolve host '(?<host>[^']+)'",
        ),
        // Python's own sockets: asyncpg, aiomysql, websockets.
        sign(
            FailureMode::Refused,
            r"Connect call failed \('(?<host>[^']+)', (?<port>\d+)",
        ),
        // redis-py.
        sign(
            FailureMode::Refused,
            r"Error (?:111|61|113)(?:,| connecting to) (?<host>[\w.-]+):(?<port>\d+)",
        ),
        sign(
            FailureMode::Unknown,
            r"Error -[235] connecting to (?<host>[\w.-]+):(?<port>\d+)",
        ),
        sign(
            FailureMode::Silent,
            r"Timeout connecting to server.*?(?<host>[\w.-]+):(?<port>\d+)",
        ),
        // PyMySQL, mysqlclient, MySQL Connector.
        sign(
            FailureMode::Unknown,
            r"Can't connect to MySQL server on '(?<host>[^':]+)(?::(?<port>\d+))?'.*(?:Name or service|name resolution|Errno -\d|getaddrinfo)",
        ),
        sign(
            FailureMode::Refused,
            r"Can't connect to MySQL server on '(?<host>[^':]+)(?::(?<port>\d+))?'",
        ),
        sign(
            FailureMode::Unknown,
            r"Unknown (?:MySQL )?server host '(?<host>[^']+)'",
        ),
        sign(
            FailureMode::Refused,
            r"Can't connect to local (?:MySQL|MariaDB|server)(?<host>\b)(?<port>\b).*through socket",
        ),
        // PyMongo.
        sign(
            FailureMode::Unknown,
            r"(?:^|[\s:(])(?<host>[\w.-]+):(?<port>\d+): \[Errno -\d+\]",
        ),
        sign(
            FailureMode::Refused,
            r"(?:^|[\s:(])(?<host>[\w.-]+):(?<port>\d+): \[Errno 111\]",
        ),
        sign(
            FailureMode::Silent,
            r"(?:^|[\s:(])(?<host>[\w.-]+):(?<port>\d+): timed out",
        ),
        sign(
            FailureMode::Unknown,
            r"The DNS (?:query name does not exist|operation timed out|response does not contain an answer).*?_mongodb\._tcp\.(?<host>[\w.-]+\w)",
        ),
        sign(
            FailureMode::Unknown,
            r"(?:querySrv|queryTxt) (?:ENOTFOUND|ECONNREFUSED|ESERVFAIL|ETIMEOUT|EREFUSED) _mongodb\._tcp\.(?<host>[\w.-]+\w)",
        ),
        // Node.
        sign(
            FailureMode::Refused,
            r"ECONNREFUSED (?<host>[\w.:-]*[\w]):(?<port>\d+)",
        ),
        sign(
            FailureMode::Silent,
            r"(?:ETIMEDOUT|EHOSTUNREACH|ENETUNREACH) (?<host>[\w.:-]*[\w]):(?<port>\d+)",
        ),
        sign(
            FailureMode::Unknown,
            r"getaddrinfo (?:ENOTFOUND|EAI_AGAIN) (?<host>[\w.-]+)(?::(?<port>\d+))?",
        ),
        // Prisma.
        sign(
            FailureMode::Refused,
            r"Can't reach database server at [`'](?<host>[\w.-]+)[`']?:[`']?(?<port>\d+)",
        ),
        // Celery, Kombu.
        sign(
            FailureMode::Unknown,
            r"Cannot connect to \w+://(?:[^@\s]*@)?(?<host>[\w.-]+):(?<port>\d+).*(?:Name or service|name resolution|Errno -\d|Error -\d)",
        ),
        sign(
            FailureMode::Refused,
            r"Cannot connect to \w+://(?:[^@\s]*@)?(?<host>[\w.-]+):(?<port>\d+)",
        ),
        // urllib3: Elasticsearch, and whatever is spoken to over HTTP.
        sign(
            FailureMode::Unknown,
            r"host='(?<host>[^']+)', port='?(?<port>\d+)'?.*(?:Name or service|name resolution|NameResolutionError)",
        ),
        sign(
            FailureMode::Refused,
            r"host='(?<host>[^']+)', port='?(?<port>\d+)'?.*Connection refused",
        ),
        sign(
            FailureMode::Unknown,
            r"NameResolutionError.*Failed to resolve '(?<host>[^']+)'",
        ),
        // A pair alone, with the words.
        sign(
            FailureMode::Refused,
            r"(?i)(?<host>localhost|127\.0\.0\.1|[a-z][\w.-]*):(?<port>\d{4,5})\b.*connection refused",
        ),
        sign(
            FailureMode::Refused,
            r"(?i)connection refused.*?(?<host>localhost|127\.0\.0\.1|[a-z][\w.-]*):(?<port>\d{4,5})\b",
        ),
        sign(
            FailureMode::Unknown,
            r#"(?i)host(?:name)? ["'`](?<host>[\w.-]+)["'`].*(?:unknown|not known|not be resolved|resolve)"#,
        ),
    ]
});

/// A failed look-up that names no host, and a refusal that names no place.
static NAMELESS: LazyLock<Vec<Sign>> = LazyLock::new(|| {
    let sign = |how, pattern: &str| Sign {
        how,
        pattern: Regex::new(pattern).expect("the pattern is fixed"),
    };
    vec![
        sign(
            FailureMode::Unknown,
            r"gaierror: \[Errno -\d+\]|(?i)name or service not known|temporary failure in name resolution|ENOTFOUND|EAI_AGAIN",
        ),
        sign(
            FailureMode::Refused,
            r"ConnectionRefusedError|ECONNREFUSED|\[Errno 111\]|(?i)connection refused",
        ),
        sign(
            FailureMode::Refused,
            r"ServerSelectionTimeoutError|MongooseServerSelectionError|buffering timed out",
        ),
    ]
});

/// What the output says was asked for in vain.
pub fn asked(output: &Output) -> Option<FailedConnection> {
    let capture = |found: &regex::Captures<'_>, group: &str| {
        found
            .name(group)
            .map(|it| it.as_str().to_owned())
            .filter(|it| !it.is_empty())
    };
    for Sign { how, pattern } in SIGNS.iter() {
        if let Some(found) = output.last(pattern) {
            return Some(FailedConnection {
                host: capture(&found, "host"),
                port: capture(&found, "port").and_then(|port| port.parse().ok()),
                how: *how,
            });
        }
    }
    NAMELESS
        .iter()
        .find(|sign| output.has(&sign.pattern))
        .map(|sign| FailedConnection {
            host: None,
            port: None,
            how: sign.how,
        })
}
