//! ssh: the real `sshd`, and servers that say what the presets' servers say.

mod keys;
mod plain;
mod presets;
pub mod sshd;
mod trouble;
mod visit;

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use codemate_preview::{
    config::{CredentialRegistry, SshSettings, TunnelSettings},
    model::{PublicUrl, TunnelKind},
    store::Store,
    task::Scope,
    tunnel::{Connection, Provider, Report, Ssh, SshTiming, Stop, Tools, TunnelError, TunnelSpec},
};
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use super::{
    Test,
    world::{PATIENCE, an_id},
};

pub const TESTS: &[Test] = &[
    Test::new("plain_serves_requests", plain::serves_requests).needs(sshd::is_here),
    Test::new("plain_keeps_half_closes", plain::keeps_half_closes).needs(sshd::is_here),
    Test::new("plain_serves_many_at_once", plain::serves_many_at_once).needs(sshd::is_here),
    Test::new("plain_verifies_end_to_end", plain::verifies_end_to_end).needs(sshd::is_here),
    Test::new(
        "plain_comes_back_with_its_url",
        plain::comes_back_with_its_url,
    )
    .needs(sshd::is_here),
    Test::new(
        "plain_asks_for_its_last_port",
        plain::asks_for_its_last_port,
    )
    .needs(sshd::is_here),
    Test::new(
        "plain_leaves_nothing_when_closed",
        plain::leaves_nothing_when_closed,
    )
    .needs(sshd::is_here),
    Test::new("a_busy_port_is_said", trouble::a_busy_port_is_said).needs(sshd::is_here),
    Test::new(
        "a_port_still_kept_is_waited_for",
        trouble::a_port_still_kept_is_waited_for,
    )
    .needs(sshd::is_here),
    Test::new("no_forwarding_is_said", trouble::no_forwarding_is_said).needs(sshd::is_here),
    Test::new("a_frozen_server_is_lost", trouble::a_frozen_server_is_lost).needs(sshd::is_here),
    Test::new(
        "a_server_frozen_while_we_write_is_lost",
        trouble::a_server_frozen_while_we_write_is_lost,
    )
    .needs(sshd::is_here),
    Test::new(
        "one_who_stalls_holds_nobody_up",
        trouble::one_who_stalls_holds_nobody_up,
    )
    .needs(sshd::is_here),
    Test::new("nobody_there_is_said", trouble::nobody_there_is_said).needs(sshd::is_here),
    Test::new("no_ssh_is_said", trouble::no_ssh_is_said),
    Test::new(
        "settings_that_miss_are_said",
        trouble::settings_that_miss_are_said,
    ),
    Test::new("a_wrong_key_is_said", keys::a_wrong_key_is_said).needs(sshd::is_here),
    Test::new("a_bad_key_file_is_said", keys::a_bad_key_file_is_said).needs(sshd::is_here),
    Test::new("the_agents_keys_are_used", keys::the_agents_keys_are_used).needs(sshd::is_here),
    Test::new(
        "a_changed_host_key_is_refused",
        keys::a_changed_host_key_is_refused,
    )
    .needs(sshd::is_here),
    Test::new(
        "a_pinned_host_key_is_the_only_one",
        keys::a_pinned_host_key_is_the_only_one,
    )
    .needs(sshd::is_here),
    Test::new("doctor_looks_at_all_of_it", keys::doctor_looks_at_all_of_it).needs(sshd::is_here),
    Test::new("sish_says_its_url", presets::sish_says_its_url).needs(sshd::is_here),
    Test::new(
        "sish_without_tls_says_its_url",
        presets::sish_without_tls_says_its_url,
    )
    .needs(sshd::is_here),
    Test::new(
        "sish_refuses_a_taken_name",
        presets::sish_refuses_a_taken_name,
    )
    .needs(sshd::is_here),
    Test::new(
        "localhost_run_says_its_url",
        presets::localhost_run_says_its_url,
    )
    .needs(sshd::is_here),
    Test::new("localhost_run_moves", presets::localhost_run_moves).needs(sshd::is_here),
    Test::new(
        "pinggy_says_its_url_and_expires",
        presets::pinggy_says_its_url_and_expires,
    )
    .needs(sshd::is_here),
    Test::new(
        "a_server_that_says_no_url",
        presets::a_server_that_says_no_url,
    )
    .needs(sshd::is_here),
];

/// Fast enough for a test, slow enough for a busy machine.
pub fn timing() -> SshTiming {
    SshTiming {
        keepalive: Duration::from_secs(1),
        ..SshTiming::default()
    }
}

pub fn tools(scope: &Scope, state: &Path, ssh: SshSettings) -> Tools {
    Tools {
        settings: TunnelSettings {
            ssh,
            ..TunnelSettings::default()
        },
        credentials: CredentialRegistry::default(),
        store: Arc::new(Store::open(state.to_owned()).unwrap()),
        owner: "test".to_owned(),
        path: std::env::var_os("PATH"),
        home: None,
        ca_bundle: None,
        inherited: codemate_preview::config::Inherited::default(),
        wrapper: crate::tether(),
        timing: codemate_preview::tunnel::TunnelTiming::default(),
        scope: scope.clone(),
    }
}

pub fn ssh(tools: &Tools) -> Arc<Ssh> {
    Arc::new(Ssh::new(TunnelKind::Ssh, tools).timing(timing()))
}

pub fn spec(target: SocketAddr) -> TunnelSpec {
    TunnelSpec {
        id: an_id(),
        name: "shop".parse().unwrap(),
        target,
        generation: 1,
    }
}

/// One attempt that is being held open.
pub struct Holding {
    pub connection: watch::Receiver<Connection>,
    stop: Stop,
    task: JoinHandle<Result<(), TunnelError>>,
}

pub fn hold(scope: &Scope, provider: &Arc<Ssh>, target: SocketAddr) -> Holding {
    let (report, connection) = Report::new();
    let stop = Stop::new(scope.child().token());
    let (provider, asked) = (Arc::clone(provider), stop.clone());
    let task = scope.spawn(async move { provider.hold(spec(target), report, asked).await });
    Holding {
        connection,
        stop,
        task,
    }
}

impl Holding {
    /// The URL of it, once it has one.
    pub async fn up(&mut self) -> PublicUrl {
        let found = timeout(
            PATIENCE,
            self.connection
                .wait_for(|now| matches!(now, Connection::Up(_))),
        );
        let now = found.await.expect("no URL in time").map(|now| now.clone());
        match now {
            Ok(Connection::Up(url)) => url,
            _ => panic!("it ended: {:?}", (&mut self.task).await.unwrap()),
        }
    }

    /// How it ended by itself.
    pub async fn ended(self) -> TunnelError {
        let ended = timeout(PATIENCE, self.task).await.expect("it goes on");
        ended.unwrap().expect_err("it ended as if it was stopped")
    }

    pub async fn close(self) {
        self.stop.close_and_release();
        let ended = timeout(PATIENCE, self.task).await.expect("it goes on");
        ended.unwrap().unwrap();
    }
}
