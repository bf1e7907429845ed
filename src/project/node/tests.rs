//! Small Node projects, and how each is installed.

use super::*;
use crate::project::files::tree::memory::MemoryTree;

fn node(files: &[(&str, &str)]) -> Node {
    Node::read(&MemoryTree::new(files.iter().copied()))
}

const PLAIN: &str = r#"{"dependencies":{"koa":"3"}}"#;
/// The files, the manager, and what it is fetched as.
type Case = (
    &'static [(&'static str, &'static str)],
    Option<&'static str>,
    &'static [&'static str],
);

const CASES: [Case; 14] = [
    (&[], None, &[]),
    (&[("package.json", "{}")], None, &[]),
    (&[("package.json", PLAIN)], Some("npm"), &[]),
    (
        &[("package.json", PLAIN), ("package-lock.json", "{}")],
        Some("npm-ci"),
        &[],
    ),
    (
        &[
            ("package.json", PLAIN),
            ("pnpm-lock.yaml", "lockfileVersion: '9.0'\n"),
        ],
        Some("pnpm-ci"),
        &["pnpm@10"],
    ),
    (
        &[
            ("package.json", PLAIN),
            ("pnpm-lock.yaml", "lockfileVersion: 5.4\n"),
        ],
        Some("pnpm-ci"),
        &["pnpm@7"],
    ),
    (
        &[
            ("package.json", PLAIN),
            ("yarn.lock", "# yarn lockfile v1\n"),
        ],
        Some("yarn-ci"),
        &["yarn@1"],
    ),
    (
        &[
            ("package.json", PLAIN),
            ("yarn.lock", "__metadata:\n  version: 6\n"),
        ],
        Some("berry-ci"),
        &["@yarnpkg/cli-dist@3"],
    ),
    (
        &[("package.json", PLAIN), ("bun.lockb", "")],
        Some("bun-ci"),
        &["bun@1"],
    ),
    (
        &[(
            "package.json",
            r#"{"packageManager":"pnpm@9.1.0+sha512.ab","dependencies":{"a":"1"}}"#,
        )],
        Some("pnpm"),
        &["pnpm@9.1.0"],
    ),
    (
        &[
            (
                "package.json",
                r#"{"packageManager":"yarn@4.5.0","dependencies":{"a":"1"}}"#,
            ),
            ("yarn.lock", ""),
        ],
        Some("berry-ci"),
        &["@yarnpkg/cli-dist@4.5.0"],
    ),
    (
        &[(
            "package.json",
            r#"{"scripts":{"preinstall":"npx only-allow pnpm"},"dependencies":{"a":"1"}}"#,
        )],
        Some("pnpm"),
        &["pnpm@10"],
    ),
    // Nothing to install, and the script needs its manager all the same.
    (
        &[
            (
                "package.json",
                r#"{"scripts":{"dev":"bun run --hot src/index.ts"}}"#,
            ),
            ("bun.lock", "{}"),
        ],
        None,
        &["bun@1"],
    ),
    (
        &[
            (
                "package.json",
                r#"{"scripts":{"start":"yarn build && node ."},"dependencies":{"a":"1"}}"#,
            ),
            ("package-lock.json", "{}"),
        ],
        Some("npm-ci"),
        &["yarn@1"],
    ),
];

#[test]
fn the_manager_is_what_the_project_says_or_locked_with() {
    for (files, manager, tools) in CASES {
        let found = node(files);
        assert_eq!(found.manager, manager, "{files:?}");
        assert_eq!(found.tools, tools, "{files:?}");
    }
}

#[test]
fn of_two_lock_files_the_one_that_agrees_is_kept_to() {
    let written = r#"{"dependencies":{"express":"^4.18.0","left-pad":"1.3.0"}}"#;
    let stale = r#"{"lockfileVersion":3,"packages":{"":{"dependencies":{"express":"^4.17.0"}}}}"#;
    let right = r#"{"lockfileVersion":3,"packages":{"":{"dependencies":{"express":"^4.18.0","left-pad":"1.3.0"}}}}"#;
    let yarn = "# yarn lockfile v1\n\n\nexpress@^4.18.0:\n  version \"4.18.0\"\n\nleft-pad@1.3.0:\n  version \"1.3.0\"\n";
    let of = |npm: &str, yarn: &str| {
        node(&[
            ("package.json", written),
            ("package-lock.json", npm),
            ("yarn.lock", yarn),
        ])
        .manager
    };
    assert_eq!(of(stale, yarn), Some("yarn-ci"));
    assert_eq!(of(right, "# yarn lockfile v1\n"), Some("npm-ci"));
    assert_eq!(of(right, yarn), Some("npm-ci"));
    assert_eq!(of(stale, "# yarn lockfile v1\n"), Some("npm-ci"));
}

#[test]
fn directories_that_the_start_script_runs_are_installed_too() {
    const APP: &str = r#"{"dependencies":{"vite":"8"},"scripts":{"start":"vite"}}"#;
    let of = |scripts: &str, extra: &[(&str, &str)]| {
        let root = format!(r#"{{"scripts":{scripts},"devDependencies":{{"concurrently":"9"}}}}"#);
        let mut files = vec![
            ("package.json", root.as_str()),
            ("front/package.json", APP),
            ("back/package.json", APP),
        ];
        files.extend(extra);
        node(&files)
    };
    let both = vec!["back".to_owned(), "front".to_owned()];
    for scripts in [
        r#"{"start":"concurrently \"npm start --prefix front\" \"npm start --prefix back\"","setup":"npm i --prefix front"}"#,
        r#"{"dev":"npm-run-all -p front back","front":"cd front && npm start","back":"cd ./back/ && npm start"}"#,
        r#"{"start":"concurrently npm:s:*","s:a":"npm --prefix=front run dev","s:b":"node back/server.js"}"#,
    ] {
        let extra = [("back/server.js", "")];
        let mut folders = of(scripts, &extra)
            .folders
            .remove(&PackageManager::Npm)
            .unwrap_or_default();
        folders.sort();
        assert_eq!(folders, both, "{scripts}");
    }
    // The installation brings them in by itself, or nothing runs them.
    for scripts in [
        r#"{"start":"npm start --prefix front","postinstall":"npm install --prefix front"}"#,
        r#"{"start":"node index.js","deploy":"cd front && npm run build"}"#,
        r#"{"start":"cd nowhere && npm start"}"#,
    ] {
        assert!(of(scripts, &[]).folders.is_empty(), "{scripts}");
    }
    let yarn = of(
        r#"{"start":"yarn --cwd front start"}"#,
        &[("front/yarn.lock", "")],
    );
    assert_eq!(yarn.folders[&PackageManager::Yarn], ["front"]);
    assert_eq!(yarn.tools, ["yarn@1"]);
}

#[test]
fn a_workspaces_root_says_how_its_members_are_installed() {
    let tree = MemoryTree::new([
        (
            "package.json",
            r#"{"packageManager":"pnpm@9.0.0","scripts":{"dev":"turbo"}}"#,
        ),
        (
            "pnpm-workspace.yaml",
            "packages:\n  - 'apps/*'\n  - \"packages/**\"\n",
        ),
        ("pnpm-lock.yaml", "lockfileVersion: '9.0'\n"),
        (
            "apps/web/package.json",
            r#"{"dependencies":{"ui":"workspace:*"}}"#,
        ),
        ("other/package.json", r#"{"dependencies":{"koa":"3"}}"#),
        ("bare/server.js", ""),
    ]);
    let web = Node::read(&SubTree::new(&tree, "apps/web"));
    assert_eq!(
        (web.manager, &web.tools[..]),
        (Some("pnpm-ci"), &["pnpm@9.0.0".to_owned()][..])
    );
    assert_eq!(
        Node::read(&SubTree::new(&tree, "other")).manager,
        Some("npm")
    );
    // The whole of a workspace is installed from its root.
    assert_eq!(Node::read(&tree).manager, Some("pnpm-ci"));
}

#[test]
fn an_app_without_packages_has_those_of_a_directory_above() {
    let tree = MemoryTree::new([
        ("package.json", r#"{"dependencies":{"koa":"3"}}"#),
        ("package-lock.json", "{}"),
        ("server/index.js", ""),
        ("web/package.json", r#"{"type":"module"}"#),
    ]);
    // Without a manifest of its own npm finds the one above by itself.
    assert_eq!(
        Node::read(&SubTree::new(&tree, "server")).manager,
        Some("npm-ci")
    );
    let web = Node::read(&SubTree::new(&tree, "web"));
    assert_eq!(
        (web.manager, &web.folders[&PackageManager::Npm][..]),
        (None, &["..".to_owned()][..])
    );
}

#[test]
fn what_the_scripts_call_and_no_manifest_names_is_fetched() {
    let cases: [(&str, &[&str]); 5] = [
        (
            r#"{"scripts":{"dev":"nodemon a.js"},"dependencies":{"koa":"3"}}"#,
            &["nodemon"],
        ),
        (
            r#"{"scripts":{"start":"cross-env A=1 nodemon a.js"}}"#,
            &["cross-env", "nodemon"],
        ),
        (
            r#"{"scripts":{"dev":"nodemon a.js"},"devDependencies":{"nodemon":"3"}}"#,
            &[],
        ),
        (r#"{"scripts":{"test":"nodemon a.js"}}"#, &[]),
        (r#"{"scripts":{"dev":"node nodemon.js"}}"#, &[]),
    ];
    for (written, tools) in cases {
        assert_eq!(node(&[("package.json", written)]).tools, tools, "{written}");
    }
}
