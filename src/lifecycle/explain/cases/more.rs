//! More outputs: of modules and tables, of what is met inside, of installations.

use super::{
    Case, check,
    fixture::{Files, lines},
};
use crate::{
    lifecycle::explain::{ExcludedFile, FailureStage, explain},
    model::FailureKind,
};

const MODULES: &[Case] = &[
    (
        &[("app.py", "import dotenv"), ("requirements.txt", "flask\n")],
        "Traceback (most recent call last):\n  File \"/home/app/workspace/app.py\", line 1, in <module>\n    import dotenv\nModuleNotFoundError: No module named 'dotenv'",
        FailureKind::ModuleMissing,
        [
            "`python-dotenv` is not installed",
            "`requirements.txt` does not name it",
            "echo python-dotenv >> /src/shop/requirements.txt && codemate-preview up /src/shop",
        ],
    ),
    (
        &[("app.py", "import flask")],
        "ModuleNotFoundError: No module named 'flask'",
        FailureKind::ModuleMissing,
        [
            "`flask` is not installed",
            "there is no manifest",
            "requirements.txt",
        ],
    ),
    (
        &[
            ("error.js", ""),
            ("index.js", "const E = require('./Error')"),
        ],
        "Error: Cannot find module './Error'\nRequire stack:\n- /home/app/workspace/index.js\n    at Module._resolveFilename",
        FailureKind::FileMissing,
        ["the file is `error.js`", "index.js:1", ""],
    ),
    (
        &[
            ("api/settings.py", "from secret_settings import *"),
            ("api/secret_settings.py.template", "SECRET_KEY = ''"),
            ("requirements.txt", "django\n"),
        ],
        "  File \"/home/app/workspace/api/settings.py\", line 1, in <module>\n    from secret_settings import *\nModuleNotFoundError: No module named 'secret_settings'",
        FailureKind::FileMissing,
        [
            "a sample of it, `api/secret_settings.py.template`",
            "make `api/secret_settings.py`",
            "cp /src/shop/api/secret_settings.py.template /src/shop/api/secret_settings.py && codemate-preview up /src/shop",
        ],
    ),
    (
        &[("models/User.py", ""), ("app.py", "")],
        "ModuleNotFoundError: No module named 'models.user'",
        FailureKind::FileMissing,
        ["the file is `models/User.py`", "capitals", ""],
    ),
    (
        &[("package.json", "{\"scripts\": {\"build\": \"tsc\"}}")],
        "Error: Cannot find module '/home/app/workspace/dist/index.js'\n    at Module._resolveFilename",
        FailureKind::BuildMissing,
        ["no `dist/index.js`", "`[install] after", ""],
    ),
    (
        &[("package.json", "{\"dependencies\": {}}")],
        "Error: Cannot find module 'cors'\nRequire stack:\n- /home/app/workspace/server.js",
        FailureKind::ModuleMissing,
        [
            "`cors` is not installed, which server.js asks for",
            "npm install cors",
            "",
        ],
    ),
    (
        &[("package.json", "{}")],
        "Error [ERR_MODULE_NOT_FOUND]: Cannot find package '@hono/node-server' imported from /home/app/workspace/src/index.js",
        FailureKind::ModuleMissing,
        ["`@hono/node-server`", "", ""],
    ),
    (
        &[("package-lock.json", "{}"), ("package.json", "{}")],
        "Error: Cannot find module @rollup/rollup-linux-x64-gnu. npm has a bug related to optional dependencies\nError: Cannot find module '@rollup/rollup-linux-x64-gnu'\nRequire stack:",
        FailureKind::LockMismatch,
        [
            "package-lock.json was made on another system",
            "anew",
            "--no-package-lock",
        ],
    ),
    (
        &[("package.json", "{\"scripts\":{}}")],
        "sh: 1: nodemon: not found",
        FailureKind::ModuleMissing,
        ["runs `nodemon`", "npm install --save-dev nodemon", ""],
    ),
    (
        &[(".env.template", "A=1\n")],
        "node: .env: not found",
        FailureKind::FileMissing,
        [
            "reads `.env`",
            ".env.template is a sample",
            "cp -n /src/shop/.env.template /src/shop/.env",
        ],
    ),
];

#[test]
fn a_module_or_a_file_that_is_not_there() {
    check(FailureStage::Start, MODULES);
}

#[test]
fn a_database_without_its_tables() {
    use FailureKind::NotMigrated as Kind;
    check(
        FailureStage::Answer,
        &[
            (
                &[("manage.py", "")],
                "django.db.utils.OperationalError: no such table: shop_item",
                Kind,
                [
                    "no table `shop_item`",
                    "python manage.py migrate",
                    "codemate-preview exec shop -- python manage.py migrate",
                ],
            ),
            (
                &[
                    ("prisma/schema.prisma", ""),
                    ("prisma/migrations/1/migration.sql", ""),
                ],
                "The table `main.User` does not exist in the current database.",
                Kind,
                ["`main.User`", "", "exec shop -- npx prisma migrate deploy"],
            ),
            (
                &[("alembic.ini", "")],
                "sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) no such table: users",
                Kind,
                ["`users`", "", "exec shop -- alembic upgrade head"],
            ),
            (
                &[(
                    "package.json",
                    "{\"devDependencies\":{\"sequelize-cli\":\"6\"}}",
                )],
                "SequelizeDatabaseError: SQLITE_ERROR: no such table: Users",
                Kind,
                ["`Users`", "", "npx sequelize-cli db:migrate"],
            ),
        ],
    );
    check(
        FailureStage::Start,
        &[(
            &[("manage.py", "")],
            "django.db.utils.OperationalError: no such table: shop_item",
            Kind,
            [
                "no table `shop_item`",
                "",
                "codemate-preview up /src/shop --rebuild --config",
            ],
        )],
    );
}

const SURROUNDINGS: &[Case] = &[
    (
        &[],
        "Error: error:0308010C:digital envelope routines::unsupported",
        FailureKind::OldOpenssl,
        [
            "OpenSSL",
            "",
            "--env NODE_OPTIONS=--openssl-legacy-provider",
        ],
    ),
    (
        &[],
        "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
        FailureKind::OutOfMemory,
        ["memory", "--memory", "--memory 2048MiB"],
    ),
    (
        &[],
        "Error: ENOSPC: System limit for number of file watchers reached, watch '/home/app/workspace'",
        FailureKind::WatchLimit,
        ["watched files", "sysctl", "CHOKIDAR_USEPOLLING=1"],
    ),
    (
        &[],
        "[PM2] Starting /home/app/workspace/server.mjs in fork_mode (1 instance)\n[PM2] Done.",
        FailureKind::RunsInBackground,
        ["background", "pm2-runtime", ""],
    ),
    (
        &[],
        "Error: listen EADDRINUSE: address already in use :::3000",
        FailureKind::PortTaken,
        ["port 3000 is taken", "", ""],
    ),
    (
        &[],
        "Error: EROFS: read-only file system, mkdir '/data'",
        FailureKind::NotAllowed,
        ["`/data`", "", ""],
    ),
    (
        &[],
        "  File \"/home/app/workspace/app.py\", line 3\n    print \"x\"\n    ^^^^^^^^^\nSyntaxError: Missing parentheses in call to 'print'. Did you mean print(...)?",
        FailureKind::Python2,
        ["Python 2", "image", ""],
    ),
    (
        &[],
        "Error: No such option: --app",
        FailureKind::VersionUnsupported,
        ["Flask is older", "", ""],
    ),
    (
        &[],
        "Invalid HTTP_HOST header: 'shop.localhost:7070'. You may need to add 'shop.localhost' to ALLOWED_HOSTS.",
        FailureKind::HostRefused,
        ["`shop.localhost:7070`", "", "proxy.host"],
    ),
    (
        &[],
        "ImportError: cannot import name 'url_quote' from 'werkzeug.urls' (/home/app/venv/lib)",
        FailureKind::DependencyConflict,
        ["`werkzeug` for `url_quote`", "werkzeug<3", ""],
    ),
    (
        &[],
        "Traceback (most recent call last):\n  File \"/home/app/workspace/app.py\", line 7, in <module>\n    main()\n  File \"/home/app/venv/lib/python3.13/site-packages/x.py\", line 1, in f\nValueError: no",
        FailureKind::AppError,
        ["ValueError: no (app.py:7)", "app.py:7", ""],
    ),
    (
        &[],
        "/home/app/workspace/a.js:2\nthrow new Error('boom')\n^\n\nError: boom\n    at Object.<anonymous> (/home/app/workspace/a.js:2:7)\n    at Module._compile (node:internal/modules/cjs/loader:1554:14)",
        FailureKind::AppError,
        ["Error: boom (a.js:2)", "a.js:2", ""],
    ),
];

#[test]
fn what_the_app_meets_inside() {
    check(FailureStage::Start, SURROUNDINGS);
}

#[test]
fn a_warning_is_not_taken_for_the_error() {
    let files = Files::of(&[("requirements.txt", "flask\n"), ("app.py", "")]);
    let said = lines(
        "WARNING: SECRET_KEY is not set\nAPI_KEY is not set\nTraceback (most recent call last):\n  File \"/home/app/workspace/app.py\", line 2, in <module>\nModuleNotFoundError: No module named 'yaml'",
    );
    let told = explain(&said, FailureStage::Start, &files.known()).unwrap();
    assert_eq!(told.kind, FailureKind::ModuleMissing, "{told:?}");
    let said = lines("WARNING: SECRET_KEY is not set\nlistening\n");
    assert_eq!(explain(&said, FailureStage::Start, &files.known()), None);
}

#[test]
fn what_an_ignore_rule_keeps_out_is_named() {
    let files = Files::of(&[("app.py", "import lib")]);
    let mut known = files.known();
    let left_out = |path: &str| {
        (path == "lib").then(|| ExcludedFile {
            path: "lib/".to_owned(),
            why: ".gitignore:2 `lib/`".to_owned(),
            include: Some("/lib/".to_owned()),
        })
    };
    known.left_out = Some(&left_out);
    let said = lines("ModuleNotFoundError: No module named 'lib'");
    let told = explain(&said, FailureStage::Start, &known).unwrap();
    assert_eq!(told.what, "`lib/` was left out: .gitignore:2 `lib/`");
    let setting = told.next[0].argv.last().unwrap();
    assert_eq!(setting, r#"sync.include = ["/lib/"]"#);
}

#[test]
fn what_pm2_is_given_is_started_in_front() {
    let manifest = r#"{"scripts": {"start": "pm2 start bin/api.mjs"}}"#;
    let files = Files::of(&[("package.json", manifest)]);
    let said = lines("[PM2] Done.");
    let told = explain(&said, FailureStage::Start, &files.known()).unwrap();
    let setting = told.next[0].argv.last().unwrap();
    assert_eq!(
        setting,
        r#"run.command = ["npx", "pm2-runtime", "bin/api.mjs"]"#
    );
}

const INSTALLATIONS: &[Case] = &[
    (
        &[],
        "  × Failed to build `psycopg2-binary==2.9.9`\n  ├─▶ The build backend returned an error\n      Error: pg_config executable not found.",
        FailureKind::NeedsBuilding,
        [
            "`psycopg2-binary` has to be compiled, and `pg_config` is not there",
            "",
            "",
        ],
    ),
    (
        &[],
        "  × Failed to build `uwsgi==2.0.28`\n      Exception: you need a C compiler to build uWSGI",
        FailureKind::NeedsBuilding,
        ["`uwsgi`", "gunicorn", ""],
    ),
    (
        &[],
        "npm error code ERESOLVE\nnpm error ERESOLVE unable to resolve dependency tree",
        FailureKind::DependencyConflict,
        ["contradicts", "", "--env npm_config_legacy_peer_deps=true"],
    ),
    (
        &[],
        "npm error code EBADENGINE\nnpm error notsup Required: {\"node\":\">=22\"}",
        FailureKind::VersionUnsupported,
        ["Node.js", "", ""],
    ),
    (
        &[("requirements.txt", "flask\nflaskk==9\n")],
        "  × No solution found when resolving dependencies:\n  ╰─▶ Because flaskk was not found in the package registry and you require flaskk==9, we can conclude that your requirements are unsatisfiable.",
        FailureKind::PackageUnavailable,
        ["`flaskk`", "requirements.txt:2", ""],
    ),
    (
        &[(
            "package.json",
            "{\n\"dependencies\": {\n\"left-padd\": \"1\"\n}}",
        )],
        "npm error code E404\nnpm error 404 Not Found - GET https://registry.example.org/left-padd - Not found\nnpm error 404\nnpm error 404  'left-padd@1' is not in this registry.",
        FailureKind::PackageUnavailable,
        ["`left-padd@1`", "package.json:3", ""],
    ),
    (
        &[("package-lock.json", "{}")],
        "npm error code EUSAGE\nnpm error `npm ci` can only install packages when your package.json and package-lock.json or npm-shrinkwrap.json are in sync.",
        FailureKind::LockMismatch,
        ["package-lock.json does not agree", "", "--no-package-lock"],
    ),
    (
        &[],
        "npm ERR! Failed to replace env in config: ${ACME_NPM_TOKEN}",
        FailureKind::VariableMissing,
        ["`ACME_NPM_TOKEN`", ".npmrc", "secret set ACME_NPM_TOKEN"],
    ),
    (
        &[],
        "  × Git operation failed\n  ╰─▶ Git executable not found. Ensure that Git is installed and available.",
        FailureKind::NeedsGit,
        ["git", "", ""],
    ),
    (
        &[],
        "LookupError: setuptools-scm was unable to detect version for /home/app/workspace.",
        FailureKind::PackageUnavailable,
        [
            "git",
            "SETUPTOOLS_SCM",
            "--env SETUPTOOLS_SCM_PRETEND_VERSION=0.0.0",
        ],
    ),
    (
        &[],
        "  ╰─▶ Because the current Python version (3.13.5) does not satisfy Python>=3.8,<3.12 and numba==0.57 depends on Python>=3.8,<3.12, we can conclude",
        FailureKind::VersionUnsupported,
        ["Python >=3.8,<3.12", "", "version = \"3.11\""],
    ),
];

#[test]
fn why_an_installation_failed() {
    check(FailureStage::Install, INSTALLATIONS);
}

#[test]
fn a_quiet_log_is_not_explained() {
    let files = Files::of(&[]);
    let said = lines("listening on 3000\nGET / 200\n");
    assert_eq!(explain(&said, FailureStage::Start, &files.known()), None);
}
