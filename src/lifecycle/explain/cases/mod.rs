//! Outputs as programs write them, and what they are told as.

pub(super) mod fixture;
mod more;

use super::{FailureStage, explain};
use crate::model::{FailureKind, command_line};
use fixture::{Files, lines};

/// The files, the output; the kind; what the cause, the hint and the first command contain.
pub type Case = (
    &'static [(&'static str, &'static str)],
    &'static str,
    FailureKind,
    [&'static str; 3],
);

pub fn check(during: FailureStage, cases: &[Case]) {
    for (files, text, kind, [what, hint, next]) in cases {
        let files = Files::of(files);
        let known = files.known();
        let told = explain(&lines(text), during, &known);
        let told = told.unwrap_or_else(|| panic!("nothing is told of {text}"));
        let first = told
            .next
            .first()
            .map_or(String::new(), |it| command_line(&it.argv));
        assert_eq!(told.kind, *kind, "{text}: {told:#?}");
        assert!(told.what.contains(what), "{what:?} of {text}: {told:#?}");
        assert!(told.hint.contains(hint), "{hint:?} of {text}: {told:#?}");
        assert!(first.contains(next), "{next:?} of {text}: {told:#?}");
        assert!(
            !told.hint.is_empty() && !told.hint.ends_with('.'),
            "{told:#?}"
        );
    }
}

const DJANGO: &[(&str, &str)] = &[(
    "shop/settings.py",
    "DATABASES = {'HOST': os.environ.get('DB_HOST', 'localhost')}\n",
)];
const SAMPLE: &[(&str, &str)] = &[(
    ".env.example",
    "SECRET=x\nDATABASE_URL=postgres://u:p@localhost:5432/x\nREDIS_URL=redis://redis:6379\n",
)];

const SERVICES: &[Case] = &[
    (
        SAMPLE,
        "psycopg2.OperationalError: connection to server at \"localhost\" (127.0.0.1), port 5432 failed: Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?",
        FailureKind::ServiceMissing,
        [
            "PostgreSQL at localhost:5432, and nothing answers",
            "give `DATABASE_URL` the address of a PostgreSQL",
            "secret set DATABASE_URL --for shop",
        ],
    ),
    (
        DJANGO,
        "django.db.utils.OperationalError: could not translate host name \"db\" to address: Temporary failure in name resolution\npsycopg2/__init__.py",
        FailureKind::ServiceMissing,
        [
            "PostgreSQL at `db`, and that name is unknown",
            "give `DB_HOST`",
            "secret set DB_HOST",
        ],
    ),
    (
        &[("app.py", "redis.Redis(host='redis')\n")],
        "redis.exceptions.ConnectionError: Error -3 connecting to redis:6379. Temporary failure in name resolution.",
        FailureKind::ServiceMissing,
        ["Redis at redis:6379", "is written in app.py:1", ""],
    ),
    (
        SAMPLE,
        "redis.exceptions.ConnectionError: Error 111 connecting to localhost:6379. Connection refused.",
        FailureKind::ServiceMissing,
        [
            "Redis at localhost:6379, and nothing answers",
            "`REDIS_URL`",
            "secret set REDIS_URL",
        ],
    ),
    (
        &[],
        "pymysql.err.OperationalError: (2003, \"Can't connect to MySQL server on 'localhost' ([Errno 111] Connection refused)\")",
        FailureKind::ServiceMissing,
        [
            "MySQL at `localhost`, and nothing answers",
            "secret set NAME",
            "",
        ],
    ),
    (
        &[],
        "pymysql.err.OperationalError: (2003, \"Can't connect to MySQL server on 'mysql' ([Errno -3] Temporary failure in name resolution)\")",
        FailureKind::ServiceMissing,
        ["MySQL at `mysql`, and that name is unknown", "", ""],
    ),
    (
        &[("app.py", "MongoClient(os.environ['MONGO_URI'])")],
        "pymongo.errors.ServerSelectionTimeoutError: localhost:27017: [Errno 111] Connection refused (configured timeouts: socketTimeoutMS: 20000.0ms, connectTimeoutMS: 20000.0ms), Timeout: 3.0s, Topology Description: <TopologyDescription>",
        FailureKind::ServiceMissing,
        [
            "MongoDB at localhost:27017, and nothing answers",
            "`MONGO_URI`",
            "secret set MONGO_URI",
        ],
    ),
    (
        &[],
        "pymongo.errors.ServerSelectionTimeoutError: mongo:27017: [Errno -3] Temporary failure in name resolution (configured timeouts",
        FailureKind::ServiceMissing,
        ["MongoDB at mongo:27017, and that name", "", ""],
    ),
    (
        &[],
        "MongooseServerSelectionError: connect ECONNREFUSED 127.0.0.1:27017",
        FailureKind::ServiceMissing,
        ["MongoDB at 127.0.0.1:27017", "", ""],
    ),
    (
        &[],
        "MongooseServerSelectionError: getaddrinfo EAI_AGAIN mongo",
        FailureKind::ServiceMissing,
        ["MongoDB at `mongo`, and that name", "", ""],
    ),
    (
        &[(
            "compose.yml",
            "services:\n  store:\n    image: postgres:16\n",
        )],
        "Error: getaddrinfo ENOTFOUND store\n    at GetAddrInfoReqWrap.onlookup",
        FailureKind::ServiceMissing,
        [
            "PostgreSQL at `store`",
            "`store` of compose.yml is not started by a preview",
            "",
        ],
    ),
    (
        &[],
        "Error: connect ECONNREFUSED ::1:5432\n    at TCPConnectWrap.afterConnect",
        FailureKind::ServiceMissing,
        ["PostgreSQL at [::1]:5432", "", ""],
    ),
    (
        &[],
        "[ioredis] Unhandled error event: Error: getaddrinfo EAI_AGAIN redis",
        FailureKind::ServiceMissing,
        ["Redis at `redis`", "", ""],
    ),
    (
        &[],
        "Error: connect ECONNREFUSED 127.0.0.1:3306\n  code: 'ECONNREFUSED'",
        FailureKind::ServiceMissing,
        ["MySQL at 127.0.0.1:3306", "", ""],
    ),
    (
        &[],
        "PrismaClientInitializationError: Can't reach database server at `db:5432`",
        FailureKind::ServiceMissing,
        ["PostgreSQL at db:5432", "", ""],
    ),
    (
        &[],
        "MongooseError: querySrv ENOTFOUND _mongodb._tcp.cluster0.ab1cd.mongodb.net",
        FailureKind::ServiceMissing,
        ["MongoDB at `cluster0.ab1cd.mongodb.net`", "", ""],
    ),
    (
        &[],
        "kombu.exceptions.OperationalError: [Errno 111] Connection refused\nConnectionRefusedError: [Errno 111] Connection refused\n/site-packages/amqp/transport.py",
        FailureKind::ServiceMissing,
        ["RabbitMQ", "", ""],
    ),
];

#[test]
fn a_service_that_is_not_there() {
    check(FailureStage::Start, SERVICES);
}

const TOKENS: &[(&str, &str)] = &[("env.example", "API_TOKEN=abc\nJWT_SECRET=\n")];

const VARIABLES: &[Case] = &[
    (
        &[],
        "  File \"/home/app/workspace/app.py\", line 4, in <module>\n    key = os.environ[\"API_TOKEN\"]\n  File \"<frozen os>\", line 709, in __getitem__\nKeyError: 'API_TOKEN'",
        FailureKind::VariableMissing,
        [
            "`API_TOKEN` is not set",
            "secret set",
            "secret set API_TOKEN --for shop",
        ],
    ),
    (
        TOKENS,
        "    key = os.environ[\"API_TOKEN\"]\nKeyError: 'API_TOKEN'",
        FailureKind::VariableMissing,
        [
            "`API_TOKEN`",
            "env.example lists it",
            "up /src/shop --env-file /src/shop/env.example",
        ],
    ),
    (
        TOKENS,
        "Error: secretOrPrivateKey must have a value\n    at module.exports",
        FailureKind::VariableMissing,
        [
            "`JWT_SECRET`, which has the secret",
            "env.example",
            "secret set JWT_SECRET",
        ],
    ),
    (
        &[],
        "decouple.UndefinedValueError: SECRET_KEY not found. Declare it as envvar or define a default value.",
        FailureKind::VariableMissing,
        ["`SECRET_KEY`", "", "secret set SECRET_KEY"],
    ),
    (
        &[],
        "django.core.exceptions.ImproperlyConfigured: Set the DJANGO_SECRET_KEY environment variable",
        FailureKind::VariableMissing,
        ["`DJANGO_SECRET_KEY`", "", ""],
    ),
    (
        &[],
        "pydantic_core._pydantic_core.ValidationError: 2 validation errors for Settings\ndatabase_url\n  Field required [type=missing, input_value={}, input_type=dict]\n    For further information visit https://errors.pydantic.dev/2.10/v/missing\nsecret\n  Field required [type=missing, input_value={}, input_type=dict]",
        FailureKind::VariableMissing,
        ["`DATABASE_URL`, `SECRET` are not set", "", ""],
    ),
    (
        &[],
        "ZodError: [\n  {\n    \"expected\": \"string\",\n    \"code\": \"invalid_type\",\n    \"path\": [\n      \"DATABASE_URL\"\n    ],\n    \"message\": \"Invalid input: expected string, received undefined\"\n  },\n  {\n    \"path\": [\n      \"SECRET\"\n    ],\n    \"message\": \"Required\"\n  }\n]",
        FailureKind::VariableMissing,
        ["`DATABASE_URL`, `SECRET` are not set", "", ""],
    ),
    (
        &[],
        "❌ Invalid environment variables: {\n  DATABASE_URL: [ 'Required' ],\n  API_KEY: [ 'Invalid input: expected string, received undefined' ]\n}",
        FailureKind::VariableMissing,
        ["`DATABASE_URL`, `API_KEY` are not set", "", ""],
    ),
    (
        &[],
        "================================\n Missing environment variables:\n    DATABASE_URL: the address of the store\n    API_KEY: undefined\n================================",
        FailureKind::VariableMissing,
        ["`DATABASE_URL`, `API_KEY` are not set", "", ""],
    ),
    (
        &[],
        "Error: env must have required property 'JWT_SECRET'\n    at loadAndValidate",
        FailureKind::VariableMissing,
        ["`JWT_SECRET` is not set", "", "secret set JWT_SECRET"],
    ),
    (
        &[],
        "Error: An instance of Env has failed the validation:\n - property JWT_SECRET has failed the following constraints: isString",
        FailureKind::VariableMissing,
        ["`JWT_SECRET` is not set", "", ""],
    ),
    (
        &[],
        "Error: Missing required environment variable: STRIPE_SECRET_KEY\n    at Object.<anonymous>",
        FailureKind::VariableMissing,
        ["`STRIPE_SECRET_KEY`", "", ""],
    ),
    (
        &[],
        "RuntimeError: DATABASE_URL is not set",
        FailureKind::VariableMissing,
        ["`DATABASE_URL`", "", ""],
    ),
    (
        &[],
        "OpenAIError: The OPENAI_API_KEY environment variable is missing or empty; either provide it, or instantiate the OpenAI client with an apiKey option",
        FailureKind::VariableMissing,
        ["`OPENAI_API_KEY`", "", ""],
    ),
    (
        &[],
        "openai.OpenAIError: The api_key client option must be set either by passing api_key to the client or by setting the OPENAI_API_KEY environment variable",
        FailureKind::VariableMissing,
        ["`OPENAI_API_KEY`", "", ""],
    ),
    (
        &[("db.js", "mongoose.connect(process.env.MONGO_URI)")],
        "MongooseError: The `uri` parameter to `openUri()` must be a string, got \"undefined\". Make sure the first parameter to `mongoose.connect()` or `mongoose.createConnection()` is a string.",
        FailureKind::VariableMissing,
        [
            "`MONGO_URI`, which has the address of MongoDB",
            "db.js:1 reads it",
            "secret set MONGO_URI",
        ],
    ),
    (
        &[],
        "error: Environment variable not found: DATABASE_URL.\n  -->  schema.prisma:10",
        FailureKind::VariableMissing,
        ["`DATABASE_URL`", "", ""],
    ),
    (
        &[(
            "supa.js",
            "createClient(process.env.SUPABASE_URL, process.env.SUPABASE_KEY)",
        )],
        "Error: supabaseUrl is required.\n    at validateSupabaseUrl",
        FailureKind::VariableMissing,
        ["`SUPABASE_URL`", "", ""],
    ),
    (
        &[],
        "/home/app/workspace/server.js:3\nconst list = process.env.ALLOWED.split(',')\n                                 ^\n\nTypeError: Cannot read properties of undefined (reading 'split')\n    at Object.<anonymous> (/home/app/workspace/server.js:3:34)",
        FailureKind::VariableMissing,
        ["`ALLOWED`", "", ""],
    ),
];

#[test]
fn a_variable_that_is_not_set() {
    check(FailureStage::Start, VARIABLES);
}
