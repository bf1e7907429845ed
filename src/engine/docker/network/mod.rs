//! What an instance's network is: a namespace of its own that a sidecar holds, behind the host's
//! table that a warden holds. No instance is started before both have been seen to hold.

mod body;
mod bridge;
#[expect(dead_code, reason = "the guest uses the rest of it")]
#[path = "../../../guest/rules.rs"]
mod rules;
mod said;
mod settings;
mod sidecar;
mod spares;
mod sweep;
mod warden;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

pub use settings::{NetworkSettings, Pool};
pub use sidecar::Sidecar;

/// What saves asking the engine, and who is at work on what.
#[derive(Debug, Default)]
pub struct State {
    /// The warden that was last seen to hold.
    warden: tokio::sync::Mutex<Option<Arc<warden::Held>>>,
    /// Sidecars without an app, seen to hold.
    spares: Mutex<Vec<Sidecar>>,
    /// Held while a spare is made: who needs one then waits for it.
    filling: tokio::sync::Mutex<()>,
    /// Whether the spares an earlier agent left were looked for.
    adopted: tokio::sync::Mutex<bool>,
    /// Names of sidecars and networks that are being made, or are spares, or are being given an app.
    busy: Arc<Mutex<BTreeSet<String>>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security::firewall::{Around, host_table};

    #[test]
    fn resolvers_are_put_where_a_table_names_none() {
        let none = host_table("t", "b-", &Around::default());
        let some = Around {
            resolvers: vec![[10, 0, 0, 53].into(), [10, 0, 0, 54].into()],
            ..Around::default()
        };
        let filled = rules::with_resolvers(&none, &some.resolvers);
        assert_eq!(filled, host_table("t", "b-", &some));
        // What was chosen is not replaced.
        let chosen = rules::with_resolvers(&filled, &[[9, 9, 9, 9].into()]);
        assert_eq!(chosen, filled);
        assert_eq!(rules::with_resolvers(&none, &[]), none);
    }

    #[test]
    fn counts_and_the_order_of_elements_make_no_difference_and_rules_do() {
        let asked = "table inet t {\n\tset s {\n\t\telements = { 10.1.1.1, 9.9.9.9 }\n\t}\n\tchain c {\n\t\tcounter drop\n\t}\n}\n";
        let listed = "table inet t {\n\tset s {\n\t\telements = { 9.9.9.9,\n\t\t\t     10.1.1.1 }\n\t}\n\n\tchain c {\n\t\tcounter packets 17 bytes 1020 drop\n\t}\n}\n";
        assert_eq!(rules::normal(asked), rules::normal(listed));
        assert_eq!(rules::fingerprint(asked), rules::fingerprint(listed));
        for other in [
            listed.replace("drop", "accept"),
            listed.replace("9.9.9.9,", ""),
            listed.replace("10.1.1.1", "10.1.1.2"),
            listed.replace("counter packets 17 bytes 1020 drop", ""),
        ] {
            assert_ne!(rules::normal(asked), rules::normal(&other), "{other}");
        }
    }
}
