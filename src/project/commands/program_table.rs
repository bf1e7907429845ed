//! What the programs that scripts of `package.json` call are for: serving the app, watching its
//! files, building it. A table; what it does not know is taken to be able to serve.

/// What one simple command is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProgramUse {
    /// Builds, checks or prepares, once or for every change; nobody can visit it.
    Builds,
    Unknown,
    Serves {
        watches: bool,
    },
}

/// Serve and watch with any of these first words; none means with whatever.
const DEV_SERVERS: [(&str, &[&str]); 62] = [
    ("nodemon", &[]),
    ("ts-node-dev", &[]),
    ("tsnd", &[]),
    ("node-dev", &[]),
    ("supervisor", &[]),
    ("node-supervisor", &[]),
    ("micro-dev", &[]),
    ("next", &["dev"]),
    ("vite", &["", "dev", "serve"]),
    ("nuxt", &["", "dev"]),
    ("nuxi", &["dev"]),
    ("astro", &["dev", "start"]),
    ("remix", &["dev", "vite:dev"]),
    ("react-router", &["dev"]),
    ("gatsby", &["develop"]),
    ("react-scripts", &["start"]),
    ("react-scripts-ts", &["start"]),
    ("react-app-rewired", &["start"]),
    ("craco", &["start"]),
    ("vue-cli-service", &["serve"]),
    ("ng", &["serve", "s"]),
    ("webpack-dev-server", &[]),
    ("webpack", &["serve", "s", "server"]),
    ("rspack", &["serve", "dev"]),
    ("rsbuild", &["", "dev"]),
    ("parcel", &["", "serve"]),
    ("eleventy", &[]),
    ("docusaurus", &["start"]),
    ("vitepress", &["dev"]),
    ("vuepress", &["dev"]),
    ("storybook", &["dev"]),
    ("start-storybook", &[]),
    ("strapi", &["develop", "dev"]),
    ("expo", &["start"]),
    ("wrangler", &["dev"]),
    ("live-server", &[]),
    ("lite-server", &[]),
    ("browser-sync", &["start"]),
    ("svelte-kit", &["dev"]),
    ("solid-start", &["dev"]),
    ("vinxi", &["dev"]),
    ("nitro", &["dev"]),
    ("nitropack", &["dev"]),
    ("ember", &["serve", "s", "server"]),
    ("gridsome", &["develop"]),
    ("quasar", &["dev"]),
    ("umi", &["dev"]),
    ("max", &["dev"]),
    ("dumi", &["dev"]),
    ("waku", &["dev"]),
    ("wmr", &["", "start"]),
    ("snowpack", &["dev"]),
    ("medusa", &["develop"]),
    ("keystone", &["", "dev"]),
    ("blitz", &["dev"]),
    ("rw", &["dev"]),
    ("redwood", &["dev"]),
    ("hexo", &["server", "s"]),
    ("slidev", &[]),
    ("json-server", &[]),
    ("payload", &["dev"]),
    ("meteor", &["", "run"]),
];

/// Serve what is there, and watch only where a flag says so.
const SERVERS: [(&str, &[&str]); 44] = [
    ("node", &[]),
    ("ts-node", &[]),
    ("ts-node-esm", &[]),
    ("tsx", &[]),
    ("bun", &[]),
    ("deno", &[]),
    ("babel-node", &[]),
    ("esno", &[]),
    ("esr", &[]),
    ("jiti", &[]),
    ("sucrase-node", &[]),
    ("swc-node", &[]),
    ("coffee", &[]),
    ("pm2-runtime", &[]),
    ("pm2", &["start"]),
    ("forever", &[]),
    ("next", &["start"]),
    ("nuxt", &["start", "preview"]),
    ("vite", &["preview"]),
    ("astro", &["preview"]),
    ("remix-serve", &[]),
    ("react-router-serve", &[]),
    ("gatsby", &["serve"]),
    ("nest", &["start"]),
    ("fastify", &["start"]),
    ("strapi", &["start"]),
    ("serve", &[]),
    ("http-server", &[]),
    ("sirv", &[]),
    ("micro", &[]),
    ("functions-framework", &[]),
    ("ace", &["serve"]),
    ("adonis", &["serve"]),
    ("sls", &["offline"]),
    ("serverless", &["offline"]),
    ("func", &["start"]),
    ("sails", &["lift"]),
    ("esbuild", &[]),
    ("python", &[]),
    ("python3", &[]),
    ("flask", &[]),
    ("uvicorn", &[]),
    ("gunicorn", &[]),
    ("php", &[]),
];

/// Never visited, whatever their words.
const BUILDERS: [&str; 62] = [
    "tsc",
    "vue-tsc",
    "tspc",
    "ttsc",
    "tsc-alias",
    "tsup",
    "tsdown",
    "unbuild",
    "swc",
    "babel",
    "rollup",
    "webpack",
    "rspack",
    "esbuild",
    "parcel",
    "vite",
    "next",
    "nuxt",
    "astro",
    "ng",
    "nest",
    "react-scripts",
    "vue-cli-service",
    "remix",
    "react-router",
    "microbundle",
    "ncc",
    "pkg",
    "sass",
    "node-sass",
    "lessc",
    "stylus",
    "postcss",
    "tailwindcss",
    "tailwind",
    "@tailwindcss/cli",
    "rm",
    "rimraf",
    "del-cli",
    "mkdir",
    "mkdirp",
    "cp",
    "cpx",
    "cpy",
    "copyfiles",
    "shx",
    "echo",
    "eslint",
    "prettier",
    "standard",
    "jest",
    "mocha",
    "ava",
    "tap",
    "vitest",
    "cypress",
    "playwright",
    "husky",
    "lint-staged",
    "prisma",
    "exit",
    "electron",
];

/// Flags by which a program that serves watches its files too.
const WATCH_FLAGS: [&str; 7] = [
    "--watch",
    "-w",
    "--hot",
    "--hmr",
    "watch",
    "--watch-path",
    "--reload",
];

/// What a program does with its arguments, both without the path to the program.
pub fn used_for(program: &str, args: &[&str]) -> ProgramUse {
    let first = args.iter().find(|arg| !arg.starts_with('-'));
    let first = first.copied().unwrap_or("");
    let begins_with_flag = args.first().is_some_and(|arg| arg.starts_with('-'));
    let has = |flags: &[&str]| {
        args.iter()
            .any(|arg| flags.contains(&arg.split('=').next().unwrap_or(arg)))
    };
    let among = |table: &[(&str, &[&str])]| {
        let of_it = |(name, words): &&(&str, &[&str])| {
            *name == program
                && (words.is_empty()
                    || words.contains(&first)
                    || words.contains(&"") && (!is_word(first) || begins_with_flag))
        };
        table.iter().find(of_it).is_some()
    };
    match program {
        "vite" | "parcel" if has(&["build"]) => ProgramUse::Builds,
        // A word after a flag is the flag's, and any other is the directory with the pages.
        "vite" if !matches!(first, "preview" | "optimize") => ProgramUse::Serves { watches: true },
        "esbuild" if has(&["--serve", "--servedir"]) => ProgramUse::Serves { watches: true },
        "webpack" if has(&["serve", "--serve"]) => ProgramUse::Serves { watches: true },
        // They run a program of the project's after each build.
        "tsc-watch" | "tsup" if has(&["--onSuccess", "--onsuccess"]) => {
            ProgramUse::Serves { watches: true }
        }
        "eleventy" if has(&["--serve", "--watch"]) => ProgramUse::Serves { watches: true },
        "node" if has(&["-e", "-p", "--eval", "--check", "--test"]) => ProgramUse::Builds,
        "bun" if matches!(first, "install" | "build" | "test" | "add" | "x") => ProgramUse::Builds,
        "esbuild" | "tsc-watch" | "eleventy" | "prisma" | "electron" => ProgramUse::Builds,
        _ if among(&DEV_SERVERS) => ProgramUse::Serves { watches: true },
        _ if among(&SERVERS) => ProgramUse::Serves {
            watches: has(&WATCH_FLAGS),
        },
        _ if BUILDERS.contains(&program) => ProgramUse::Builds,
        _ => ProgramUse::Unknown,
    }
}

/// A sub-command, and no path, address or number.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == ':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_known_by_their_words() {
        let (dev, plain) = (
            ProgramUse::Serves { watches: true },
            ProgramUse::Serves { watches: false },
        );
        for (command, expected) in [
            ("nodemon server.js", dev),
            ("node server.js", plain),
            ("node --watch server.js", dev),
            ("node --inspect server.js", plain),
            ("tsx watch src/index.ts", dev),
            ("tsx src/index.ts", plain),
            ("vite", dev),
            ("vite --host", dev),
            ("vite ./web", dev),
            ("vite web", dev),
            ("vite --mode ssr", dev),
            ("rsbuild --environment web", dev),
            ("vite build --watch", ProgramUse::Builds),
            ("vite preview", plain),
            ("next dev -p 4000", dev),
            ("next start", plain),
            ("next build", ProgramUse::Builds),
            ("nest start", plain),
            ("nest start --watch", dev),
            ("nest build", ProgramUse::Builds),
            ("webpack --watch", ProgramUse::Builds),
            ("webpack serve --open", dev),
            ("tsc -w", ProgramUse::Builds),
            ("tsup --watch", ProgramUse::Builds),
            ("tsup --watch --onSuccess x", dev),
            ("esbuild --serve --watch", dev),
            ("esbuild a.js --watch", ProgramUse::Builds),
            ("bun run --hot src/index.ts", dev),
            ("fastify start -w app.js", dev),
            ("gulp", ProgramUse::Unknown),
        ] {
            let words: Vec<&str> = command.split(' ').collect();
            assert_eq!(used_for(words[0], &words[1..]), expected, "{command}");
        }
    }
}
