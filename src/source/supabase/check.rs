//! Everything that can be wrong between a host and a project: what the settings say, who we are, what
//! a connection finds, and whether changes are told.

use super::{
    Desk, Finding, FindingState, Identity, Options, RealtimeState, Shape, Subscription,
    SupabaseError, examine, probe,
};
use crate::model::Problem;

impl Desk {
    /// Without a project, what needs one is left out.
    pub async fn check(&self, project: Option<&str>) -> Vec<Finding> {
        let options = match self.options().await {
            Ok(options) => options,
            Err(error) => return vec![problem("settings", FindingState::Bad, &error.problem())],
        };
        let mut findings = vec![match self.identity(&options).await {
            Ok(identity) => who(&identity),
            Err(error) => problem("identity", FindingState::Bad, &error.problem()),
        }];
        let tokens = match self.tokens(&options).await {
            Ok(tokens) => tokens,
            Err(error) => {
                findings.push(problem("session", FindingState::Bad, &error.problem()));
                return findings;
            }
        };
        findings.extend(examine(&options, tokens, project).await);
        let is_bad = findings
            .iter()
            .any(|finding| finding.state == FindingState::Bad);
        if let (false, Some(project)) = (is_bad, project) {
            findings.push(self.check_realtime(&options, project).await);
        }
        findings
    }

    async fn check_realtime(&self, options: &Options, project: &str) -> Finding {
        const SUBJECT: &str = "realtime";
        if !options.realtime {
            return good(SUBJECT, "it is off; the table is polled");
        }
        match self.ask_realtime(options, project).await {
            Ok(Some(RealtimeState::Live)) => good(SUBJECT, "it tells of changes"),
            Ok(Some(RealtimeState::Lost(error) | RealtimeState::Unavailable(error))) => {
                problem(SUBJECT, FindingState::Unsure, &error.problem())
            }
            Ok(Some(RealtimeState::Opening) | None) => {
                good(SUBJECT, "there is none; the table is polled")
            }
            Err(error) => problem(SUBJECT, FindingState::Unsure, &error.problem()),
        }
    }

    async fn ask_realtime(
        &self,
        options: &Options,
        project: &str,
    ) -> Result<Option<RealtimeState>, SupabaseError> {
        let client = super::Client::new(options, self.tokens(options).await?)?;
        let found = probe::look(&client, options).await?;
        let shape = Shape::choose(options, &found)?;
        let what = Subscription {
            project: project.to_owned(),
            schema: options.schema.clone(),
            table: shape.table,
            column: Some(shape.project),
        };
        self.try_realtime(options, what).await
    }
}

fn who(identity: &Identity) -> Finding {
    let said = match identity {
        Identity::User(user) => format!("signed in as {user}"),
        Identity::Token => "a token of the settings or the environment".to_owned(),
        Identity::Service => "a service key, which no row-level security binds".to_owned(),
        Identity::Anyone => "nobody is signed in".to_owned(),
    };
    good("identity", &said)
}

fn good(subject: &str, said: &str) -> Finding {
    Finding {
        subject: subject.to_owned(),
        state: FindingState::Good,
        said: said.to_owned(),
        hint: None,
    }
}

fn problem(subject: &str, state: FindingState, problem: &Problem) -> Finding {
    Finding {
        subject: subject.to_owned(),
        state,
        said: problem.message.clone(),
        hint: problem.hint.clone(),
    }
}
