//! Specs that engines take, whatever they ask for.

use codemate_preview::{
    model::{ContainerSpec, Egress},
    security::{Abilities, Approved, Policy},
};

pub fn approved(spec: ContainerSpec) -> Approved<ContainerSpec> {
    approved_of(spec, &[])
}

/// As if the engine had these runtimes.
pub fn approved_of(spec: ContainerSpec, runtimes: &[&str]) -> Approved<ContainerSpec> {
    let runtimes: Vec<String> = runtimes.iter().map(|&name| name.to_owned()).collect();
    let engine = Abilities {
        runtimes: runtimes.iter().cloned().collect(),
        cpus: 2,
        memory_bytes: 0,
        unenforced: Vec::new(),
    };
    let policy = Policy {
        most_cpus: 64.0,
        most_memory_bytes: 1 << 40,
        most_disk_bytes: 1 << 40,
        least_free_bytes: 0,
        most_kept_bytes: u64::MAX,
        most_image_bytes: u64::MAX,
        allow_root: true,
        egress: Egress::Open,
        runtime: None,
        runtimes,
    };
    policy.approve(spec, &engine).unwrap()
}
