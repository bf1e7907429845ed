//! What tunnels are made of where nothing is set up and no program is at hand.

use std::{path::Path, sync::Arc};

use codemate_preview::{
    config::{Inherited, TunnelSettings},
    store::Store,
    task::Scope,
    tunnel::{OURSELVES, Tools, TunnelTiming},
};

pub fn tools(state: &Path, scope: &Scope) -> Tools {
    Tools {
        settings: TunnelSettings::default(),
        credentials: codemate_preview::config::CredentialRegistry::default(),
        store: Arc::new(Store::open(state.to_owned()).unwrap()),
        owner: "test".to_owned(),
        path: None,
        home: None,
        ca_bundle: None,
        inherited: Inherited::default(),
        wrapper: OURSELVES.into(),
        timing: TunnelTiming::default(),
        scope: scope.child(),
    }
}
