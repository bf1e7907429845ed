//! Everything that can be wrong between a host and a project: what the settings say, who we are, what
//! a connection finds, and whether changes are told.

use super::{
    Options, RealtimeState, Shape, Subscription, SupabaseError, SupabaseFinding,
    SupabaseFindingState, SupabaseIdentity, SupabaseSessions, examine, table::probe,
};
use crate::model::Problem;

impl SupabaseSessions {
    /// Without a project, what needs one is left out.
    pub async fn check(&self, project: Option<&str>) -> Vec<SupabaseFinding> {
        let options = match self.options().await {
            Ok(options) => options,
            Err(error) => {
                return vec![problem(
                    "settings",
                    SupabaseFindingState::Bad,
                    &error.problem(),
                )];
            }
        };
        let mut findings = vec![match self.identity(&options).await {
            Ok(identity) => who(&identity),
            Err(error) => problem("identity", SupabaseFindingState::Bad, &error.problem()),
        }];
        let tokens = match self.tokens(&options).await {
            Ok(tokens) => tokens,
            Err(error) => {
                findings.push(problem(
                    "session",
                    SupabaseFindingState::Bad,
                    &error.problem(),
                ));
                return findings;
            }
        };
        findings.extend(examine(&options, tokens, project).await);
        let is_bad = findings
            .iter()
            .any(|finding| finding.state == SupabaseFindingState::Bad);
        if let (false, Some(project)) = (is_bad, project) {
            findings.push(self.check_realtime(&options, project).await);
        }
        findings
    }

    async fn check_realtime(&self, options: &Options, project: &str) -> SupabaseFinding {
        const SUBJECT: &str = "realtime";
        if !options.realtime {
            return good(SUBJECT, "it is off; the table is polled");
        }
        match self.ask_realtime(options, project).await {
            Ok(Some(RealtimeState::Live)) => good(SUBJECT, "it tells of changes"),
            Ok(Some(RealtimeState::Lost(error) | RealtimeState::Unavailable(error))) => {
                problem(SUBJECT, SupabaseFindingState::Unsure, &error.problem())
            }
            Ok(Some(RealtimeState::Opening) | None) => {
                good(SUBJECT, "there is none; the table is polled")
            }
            Err(error) => problem(SUBJECT, SupabaseFindingState::Unsure, &error.problem()),
        }
    }

    async fn ask_realtime(
        &self,
        options: &Options,
        project: &str,
    ) -> Result<Option<RealtimeState>, SupabaseError> {
        let client = super::RestClient::new(options, self.tokens(options).await?)?;
        let found = probe::check_visibility(&client, options).await?;
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

fn who(identity: &SupabaseIdentity) -> SupabaseFinding {
    let said = match identity {
        SupabaseIdentity::User(user) => format!("signed in as {user}"),
        SupabaseIdentity::Token => "a token of the settings or the environment".to_owned(),
        SupabaseIdentity::Service => "a service key, which no row-level security binds".to_owned(),
        SupabaseIdentity::Anyone => "nobody is signed in".to_owned(),
    };
    good("identity", &said)
}

fn good(subject: &str, said: &str) -> SupabaseFinding {
    SupabaseFinding {
        subject: subject.to_owned(),
        state: SupabaseFindingState::Good,
        said: said.to_owned(),
        hint: None,
    }
}

fn problem(subject: &str, state: SupabaseFindingState, problem: &Problem) -> SupabaseFinding {
    SupabaseFinding {
        subject: subject.to_owned(),
        state,
        said: problem.message.clone(),
        hint: problem.hint.clone(),
    }
}
