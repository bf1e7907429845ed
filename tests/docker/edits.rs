//! Edits: what is saved on the host is what is served, and what the app made stays.

use std::{fs, path::Path, process::Command};

use crate::{
    Test,
    host::{Host, until, write},
    web::{get, try_get},
};

pub const TESTS: &[Test] = &[
    (
        "edits::a_python_file_is_served_anew",
        a_python_file_is_served_anew,
    ),
    (
        "edits::two_hundred_edits_are_all_served",
        two_hundred_edits_are_all_served,
    ),
    (
        "edits::requirements_are_installed_anew",
        requirements_are_installed_anew,
    ),
    (
        "edits::a_broken_installation_is_told_until_an_edit_mends_it",
        a_broken_installation_is_told_until_an_edit_mends_it,
    ),
    (
        "edits::a_deleted_file_is_gone_inside",
        a_deleted_file_is_gone_inside,
    ),
    ("edits::what_the_app_made_stays", what_the_app_made_stays),
    (
        "edits::a_broken_edit_is_mended_by_the_next",
        a_broken_edit_is_mended_by_the_next,
    ),
    (
        "edits::an_ignored_file_does_not_travel",
        an_ignored_file_does_not_travel,
    ),
    (
        "edits::no_request_fails_while_it_restarts",
        no_request_fails_while_it_restarts,
    ),
];

const APP: &str = "from flask import Flask\napp = Flask(__name__)\n@app.get('/')\ndef hello():\n    return 'TEXT'\n";

fn app(text: &str) -> String {
    APP.replace("TEXT", text)
}

fn flask(host: &Host) -> std::path::PathBuf {
    host.project(
        "edited",
        &[("requirements.txt", "flask\n"), ("app.py", &app("first"))],
    )
}

fn served(url: &str, text: &str) {
    until(text, || {
        try_get(url).filter(|(_, body)| body.contains(text))
    });
}

fn inside(host: &Host, path: &Path) -> bool {
    let at = format!("/home/app/workspace/{}", path.display());
    Command::new("docker")
        .args(["exec", &host.container(), "test", "-e", &at])
        .status()
        .unwrap()
        .success()
}

fn a_python_file_is_served_anew() {
    let host = Host::new();
    let project = flask(&host);
    let url = host.up(&project).url();
    assert_eq!(get(&url).1, "first");
    write(&project.join("app.py"), &app("second"));
    served(&url, "second");
}

/// Same length, in quick succession: what stale bytecode and lost events would show.
fn two_hundred_edits_are_all_served() {
    let host = Host::new();
    let project = flask(&host);
    let url = host.up(&project).url();
    for round in 100..300 {
        let text = format!("edit-{round}");
        write(&project.join("app.py"), &app(&text));
        served(&url, &text);
    }
}

fn requirements_are_installed_anew() {
    let host = Host::new();
    let project = flask(&host);
    let url = host.up(&project).url();
    write(
        &project.join("app.py"),
        &app("first").replace("from flask", "try:\n    import humanize\n    has = 'yes'\nexcept ImportError:\n    has = 'no'\nfrom flask").replace("'first'", "'humanize: ' + has"),
    );
    served(&url, "humanize: no");
    write(&project.join("requirements.txt"), "flask\nhumanize\n");
    served(&url, "humanize: yes");
}

fn a_broken_installation_is_told_until_an_edit_mends_it() {
    let host = Host::new();
    let project = flask(&host);
    let url = host.up(&project).url();
    let wanted = "no-such-package-on-any-index-4711";
    write(
        &project.join("requirements.txt"),
        &format!("flask\n{wanted}\n"),
    );
    served(&url, wanted);
    let status = host.run(&["status", project.to_str().unwrap()]);
    assert!(status.stdout.contains(wanted), "{status:#?}");
    write(&project.join("requirements.txt"), "flask\n");
    served(&url, "first");
}

fn a_deleted_file_is_gone_inside() {
    let host = Host::new();
    let project = flask(&host);
    write(&project.join("static/deep/old.txt"), "old");
    host.up(&project).url();
    let old = Path::new("static/deep/old.txt");
    assert!(inside(&host, old));
    fs::remove_file(project.join(old)).unwrap();
    until("the file to go", || (!inside(&host, old)).then_some(()));
    until("its empty directory to go", || {
        (!inside(&host, Path::new("static/deep"))).then_some(())
    });
    assert!(inside(&host, Path::new("app.py")));
}

fn what_the_app_made_stays() {
    let host = Host::new();
    let project = flask(&host);
    let text = app("first").replace("return", "open('made.db', 'a').write('x')\n    return");
    write(&project.join("app.py"), &text);
    let url = host.up(&project).url();
    get(&url);
    write(&project.join("app.py"), &text.replace("first", "second"));
    served(&url, "second");
    assert!(inside(&host, Path::new("made.db")));
    host.run(&["down", project.to_str().unwrap()]).ok();
    host.up(&project).url();
    assert!(inside(&host, Path::new("made.db")));
    assert!(!project.join("made.db").exists());
}

fn a_broken_edit_is_mended_by_the_next() {
    let host = Host::new();
    let project = flask(&host);
    let url = host.up(&project).url();
    write(&project.join("app.py"), "this is no python\n");
    until("a page that says so", || {
        try_get(&url).filter(|(status, body)| *status == 503 && body.contains("SyntaxError"))
    });
    write(&project.join("app.py"), &app("mended"));
    served(&url, "mended");
}

fn an_ignored_file_does_not_travel() {
    let host = Host::new();
    let project = flask(&host);
    write(&project.join(".gitignore"), "secret.txt\n");
    write(&project.join("secret.txt"), "s");
    host.up(&project).url();
    assert!(!inside(&host, Path::new("secret.txt")));
    assert!(inside(&host, Path::new(".gitignore")));
}

fn no_request_fails_while_it_restarts() {
    let host = Host::new();
    let project = flask(&host);
    let url = host.up(&project).url();
    for round in 0..10 {
        let text = format!("round-{round}");
        write(&project.join("app.py"), &app(&text));
        until(&text, || {
            let (status, body) = get(&url);
            assert_eq!(status, 200, "{body}");
            body.contains(&text).then_some(())
        });
    }
}
