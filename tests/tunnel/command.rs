//! Any program that opens a tunnel.

use std::time::Duration;

use codemate_preview::{
    model::{Problem, TunnelKind, TunnelState, Verification},
    task::Scope,
    tunnel::{Tunnel, Verdict},
};

use super::{
    Test, programs,
    rig::{Rig, is_known, reach, ready, until},
    world::block_on,
};

pub const TESTS: &[Test] = &[
    Test::new(
        "its_url_is_found_and_followed",
        its_url_is_found_and_followed,
    ),
    Test::new("its_arguments_are_filled_in", its_arguments_are_filled_in),
    Test::new("a_known_url_leads_here", a_known_url_leads_here),
    Test::new("silence_is_an_error", silence_is_an_error),
    Test::new(
        "its_end_is_told_and_it_starts_anew",
        its_end_is_told_and_it_starts_anew,
    ),
    Test::new("what_is_not_set_up_says_so", what_is_not_set_up_says_so),
];

const KIND: TunnelKind = TunnelKind::Command;

/// A program that prints what it is told, and a way to find URLs in that.
async fn rig(scope: &Scope) -> Rig {
    let mut rig = Rig::new(scope).await;
    programs::install(&rig.dir.0, "teller", "teller");
    let settings = &mut rig.tools.settings.command;
    settings.argv = ["teller", "{host}:{port}", "{name}"]
        .map(str::to_owned)
        .to_vec();
    settings.url_pattern = Some("url=(http[^ ]+)".to_owned());
    rig
}

async fn problem(tunnel: &mut Tunnel) -> Problem {
    reach(tunnel, "a problem", |state| match state {
        TunnelState::Waiting { problem, .. } | TunnelState::Failed { problem } => {
            Some(problem.clone())
        }
        _ => None,
    })
    .await
}

fn its_url_is_found_and_followed() {
    block_on(|scope| async move {
        let rig = rig(&scope).await;
        let first = "starting\n\x1b[32mINFO\x1b[0m url=http://a.preview.test ok\n";
        rig.dir.tell("say", first);
        let tunnels = rig.tunnels();
        let mut tunnel = rig.open(&tunnels, KIND);
        assert_eq!(ready(&mut tunnel).await, "http://a.preview.test");
        rig.dir.tell(
            "say",
            &format!("{first}url=httpnonsense\nurl=http://b.preview.test\n"),
        );
        reach(&mut tunnel, "the new URL", |state| {
            state
                .url()
                .filter(|url| url.host() == "b.preview.test")
                .map(|_| ())
        })
        .await;
        let pid = rig.dir.runs()[0].pid;
        assert_eq!(rig.dir.runs().len(), 1);
        tunnel.close().await;
        assert!(!is_known(pid));
        assert!(rig.records().is_empty());
    });
}

fn its_arguments_are_filled_in() {
    block_on(|scope| async move {
        let mut rig = rig(&scope).await;
        let settings = &mut rig.tools.settings.command;
        settings
            .env
            .insert("REMOTE_NAME".to_owned(), "{name}-{port}".to_owned());
        let tunnels = rig.tunnels();
        let tunnel = rig.open(&tunnels, KIND);
        let run = until("a run", || rig.dir.runs().first().cloned()).await;
        assert_eq!(run.args, [rig.door.addr.to_string(), "shop".to_owned()]);
        assert_eq!(
            run.env["REMOTE_NAME"],
            format!("shop-{}", rig.door.addr.port())
        );
        tunnel.close().await;
    });
}

fn a_known_url_leads_here() {
    block_on(|scope| async move {
        let mut rig = rig(&scope).await;
        rig.tools.timing.verifying = super::world::PATIENCE;
        rig.tools.settings.command.url_pattern = None;
        rig.tools.settings.command.url = Some("http://{name}.preview.test".to_owned());
        let tunnels = rig.tunnels();
        let mut tunnel = rig.open(&tunnels, KIND);
        assert_eq!(ready(&mut tunnel).await, "http://shop.preview.test");
        let TunnelState::Ready { verified, .. } = tunnel.states.borrow().clone() else {
            panic!("it was ready");
        };
        assert_eq!(verified, Verification::EndToEnd);
        tunnel.close().await;
    });
}

fn silence_is_an_error() {
    block_on(|scope| async move {
        let mut rig = rig(&scope).await;
        rig.dir.tell("say", "please log in\n");
        rig.tools.settings.command.timeout = Some("3s".to_owned());
        let tunnels = rig.tunnels();
        let mut tunnel = rig.open(&tunnels, KIND);
        let problem = problem(&mut tunnel).await;
        assert!(problem.message.contains("please log in"), "{problem:?}");
        assert!(
            problem.message.contains("took longer than 3s"),
            "{problem:?}"
        );
        assert!(problem.retryable);
        tunnel.close().await;
    });
}

fn its_end_is_told_and_it_starts_anew() {
    block_on(|scope| async move {
        let rig = rig(&scope).await;
        rig.dir
            .tell("say", "url=http://a.preview.test\nno such account\n");
        let tunnels = rig.tunnels();
        let mut tunnel = rig.open(&tunnels, KIND);
        ready(&mut tunnel).await;
        let first = rig.dir.runs()[0].pid;
        rig.dir.tell("die", "");
        let problem = problem(&mut tunnel).await;
        assert!(
            problem.message.starts_with("`teller` ended with code 3"),
            "{problem:?}"
        );
        assert!(problem.message.ends_with("no such account"), "{problem:?}");
        ready(&mut tunnel).await;
        assert_eq!(rig.dir.runs().len(), 2);
        assert!(!is_known(first));
        tunnel.close().await;
    });
}

fn what_is_not_set_up_says_so() {
    block_on(|scope| async move {
        let mut rig = rig(&scope).await;
        let checked = async |rig: &Rig| rig.tunnels().check(Some(KIND), false).await.remove(0);
        let failed = async |rig: &Rig| {
            let tunnels = rig.tunnels();
            let mut tunnel = rig.open(&tunnels, KIND);
            let problem = problem(&mut tunnel).await;
            assert!(!problem.retryable, "{problem:?}");
            problem
        };
        assert_eq!(checked(&rig).await.verdict, Verdict::Good);
        rig.tools.settings.command.url_pattern = Some("(".to_owned());
        assert_eq!(checked(&rig).await.verdict, Verdict::Bad);
        assert!(failed(&rig).await.message.contains("url_pattern"));
        rig.tools.settings.command.url_pattern = None;
        assert!(failed(&rig).await.message.contains("neither"));
        rig.tools.settings.command.argv = vec!["nothing-of-that-name".to_owned()];
        assert_eq!(checked(&rig).await.verdict, Verdict::Bad);
        assert!(failed(&rig).await.hint.is_some());
        rig.tools.settings.command.argv.clear();
        assert_eq!(checked(&rig).await.verdict, Verdict::Absent);
        assert!(failed(&rig).await.message.contains("argv"));
        assert!(rig.dir.runs().is_empty());
        assert!(scope.close(Duration::from_secs(20)).await);
    });
}
