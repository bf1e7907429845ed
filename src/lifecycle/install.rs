//! Installing what a project depends on, inside, and knowing when that is still good.

use std::collections::VecDeque;

use tokio::sync::{mpsc, watch};

use super::{
    LifecycleError,
    disk::{self, Overrun},
    step::Step,
    variables::Variables,
};
use crate::{
    engine::link::{Link, RunSpec},
    model::{BuildProgress, Plan},
};

/// How much of a step's output is looked through for why it failed: the first lines name what was
/// being done, the last ones what came of it.
const FIRST_LINES: usize = 200;
const LAST_LINES: usize = 2000;

/// Run the plan's steps in order. The first that fails ends it.
pub async fn install(
    link: &Link,
    plan: &Plan,
    variables: &Variables,
    (step, mut overrun): (&Step<'_>, watch::Receiver<Option<Overrun>>),
) -> Result<(), LifecycleError> {
    for argv in plan.install.iter().flat_map(|install| &install.commands) {
        tokio::select! {
            done = run(link, plan, argv, (variables, step)) => done?,
            error = disk::overrun(&mut overrun) => return Err(error),
        }
    }
    Ok(())
}

async fn run(
    link: &Link,
    plan: &Plan,
    argv: &[String],
    (variables, step): (&Variables, &Step<'_>),
) -> Result<(), LifecycleError> {
    let spec = RunSpec {
        argv: argv.to_vec(),
        env: variables.for_command(Some(plan)),
        cwd: plan.root.clone(),
    };
    let (to, mut lines) = mpsc::channel(256);
    let mut first = Vec::new();
    let mut last = VecDeque::new();
    let mask = variables.mask();
    let mut keep = |text: String| {
        let text = mask.clean(text);
        if first.len() < FIRST_LINES {
            first.push(text.clone());
        } else {
            if last.len() == LAST_LINES {
                last.pop_front();
            }
            last.push_back(text.clone());
        }
        step.progress(BuildProgress::Line { text });
    };
    let exit = {
        let running = link.run(spec, to);
        tokio::pin!(running);
        loop {
            tokio::select! {
                exit = &mut running => break exit?,
                Some(said) = lines.recv() => keep(said.text),
            }
        }
    };
    while let Ok(said) = lines.try_recv() {
        keep(said.text);
    }
    let mut lines = first;
    lines.extend(last);
    let command = argv.join(" ");
    if exit.code == Some(0) {
        Ok(())
    } else if exit.out_of_memory {
        Err(LifecycleError::InstallOutOfMemory {
            command,
            limit_bytes: exit.limit_bytes,
            lines,
        })
    } else {
        let code = exit
            .code
            .unwrap_or_else(|| 128 + exit.signal.unwrap_or_default());
        Err(LifecycleError::Install {
            command,
            code,
            lines,
        })
    }
}
