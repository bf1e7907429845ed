//! The agent that a start goes to: one with the environment of this command, where that can be had.

use crate::{
    cli::{context::Context, exit::Failure},
    client::{self, Client},
    config::Surroundings,
    model::{Code, PhaseKind, Problem},
};

impl Context {
    /// The agent, as [`Context::client`] finds it. One that was started with another engine, proxy or
    /// set of authorities than this command has is started anew, if nobody loses by that.
    pub async fn client_of_here(&mut self) -> Result<Client, Failure> {
        let client = self.client().await?;
        let (None, Some(theirs)) = (&self.env.api, client.hello().surroundings.clone()) else {
            return Ok(client);
        };
        let (mine, theirs) = (
            Surroundings::of_this_process(),
            Surroundings::from_map(theirs),
        );
        let other = mine.differing(&theirs);
        if other.is_empty() {
            return Ok(client);
        }
        let is_other_engine = other.iter().any(|name| Surroundings::is_of_engine(name));
        let all = client.instances().await?.instances;
        let is_of = |kinds: &[PhaseKind]| all.iter().any(|it| kinds.contains(&it.phase.kind()));
        let is_busy = is_of(&[
            PhaseKind::Creating,
            PhaseKind::Installing,
            PhaseKind::Starting,
        ]);
        let is_running = is_busy || is_of(&[PhaseKind::Ready, PhaseKind::Paused]);
        let is_public = all.iter().any(|it| it.tunnel.is_some());
        if is_other_engine && is_running {
            return Err(other_engine(mine, &theirs).into());
        }
        if is_busy || is_public {
            self.printer.note(&format!(
                "warning: the agent was started with another {}; `codemate-preview agent restart` has it use this command's",
                other.join(", ")
            ));
            return Ok(client);
        }
        let paths = self.paths()?;
        client::stop(&paths).await?;
        Ok(client::find_or_start(&paths).await?)
    }
}

fn other_engine(mine: &Surroundings, theirs: &Surroundings) -> Problem {
    Problem::new(
        Code::Agent,
        format!(
            "the agent runs previews on another Docker engine than this command names: it has {}, and this command has {}",
            theirs.engine(),
            mine.engine()
        ),
    )
    .hint("take those previews down first, or start the agent anew: it makes them again on this command's engine")
    .next(
        &["codemate-preview", "agent", "restart"],
        "has the agent use the engine that this command names",
    )
}
