//! `Combine`: one layer of settings laid over another.

use std::collections::BTreeMap;

use crate::model::{
    InstallOptions, LimitOptions, NetworkOptions, Options, ProxyOptions, ReadyOptions,
    ReloadOptions, RunOptions, SandboxOptions, SyncOptions,
};

pub trait Combine {
    /// What `self` says, and what `under` says where `self` is silent.
    #[must_use]
    fn combine(self, under: Self) -> Self;
}

impl<T> Combine for Option<T> {
    fn combine(self, under: Self) -> Self {
        self.or(under)
    }
}

impl<K: Ord, V> Combine for BTreeMap<K, V> {
    fn combine(self, mut under: Self) -> Self {
        under.extend(self);
        under
    }
}

macro_rules! by_field {
    ($($group:ident { $($field:ident),+ })+) => {$(
        impl Combine for $group {
            fn combine(self, under: Self) -> Self {
                Self { $($field: self.$field.combine(under.$field)),+ }
            }
        }
    )+};
}

by_field! {
    Options { schema, name, root, template, image, version, port, tunnel, set, env, install, run, ready, reload, sync, proxy, limits, sandbox, network }
    InstallOptions { commands, inputs, after }
    RunOptions { command, listens }
    ReadyOptions { path, status, timeout }
    ReloadOptions { mode, restart_on }
    SyncOptions { ignore, include }
    ProxyOptions { host, forwarded_host }
    LimitOptions { cpus, memory, disk }
    SandboxOptions { root, runtime }
    NetworkOptions { egress }
}
