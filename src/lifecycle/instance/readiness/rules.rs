//! `ReadinessRules`: what decides whether an app is ready, besides what is seen of it. Pure.

use std::time::Duration;

use crate::model::{AppAnswer, Plan};

/// How long a poor answer waits for a better one.
const PATIENCE: Duration = Duration::from_secs(1);
/// The same, where several servers are started.
pub const PATIENCE_FOR_SEVERAL: Duration = Duration::from_secs(5);

/// How many servers a start is expected to bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Servers {
    /// A program without a port: it is ready by staying up.
    None,
    One,
    /// Of which not the first to answer need be the one.
    Several,
}

impl Servers {
    fn of(plan: &Plan) -> Self {
        match (plan.run.listens, plan.ready.several) {
            (false, _) => Self::None,
            (true, false) => Self::One,
            (true, true) => Self::Several,
        }
    }
}

/// What decides, besides what is seen.
#[derive(Debug, Clone)]
pub struct ReadinessRules {
    /// The port expected, and whether no other one is taken.
    pub port: u16,
    pub port_is_fixed: bool,
    pub path: String,
    /// The only statuses that count, where the user said so.
    pub required: Option<(u16, u16)>,
    pub servers: Servers,
    pub timeout: Duration,
    /// The same for an app that is still at work.
    pub most: Duration,
    /// What it was found to be ready by the last time.
    pub before: Option<AppAnswer>,
    /// It was ready before and was started again: any answer is its own word.
    pub again: bool,
}

impl ReadinessRules {
    pub fn of(plan: &Plan, before: Option<AppAnswer>) -> Self {
        Self {
            port: plan.run.port,
            port_is_fixed: plan.run.port_is_fixed,
            path: plan.ready.path.clone(),
            required: plan.ready.status,
            servers: Servers::of(plan),
            timeout: plan.ready.timeout,
            most: plan.ready.most.unwrap_or(plan.ready.timeout),
            before,
            again: false,
        }
    }

    pub fn has_several(&self) -> bool {
        self.servers == Servers::Several
    }

    /// How far an answer is what somebody opens the preview for.
    pub fn rank(answered: AppAnswer) -> Rank {
        match answered.status {
            _ if answered.is_fine() && answered.page => Rank::Page,
            _ if answered.is_fine() => Rank::Fine,
            500..=599 => Rank::Broken,
            _ => Rank::Missing,
        }
    }

    /// Whether a port that opens after the app was found to be ready may take the place of `now`.
    pub fn is_better(&self, than: AppAnswer, now: AppAnswer) -> bool {
        let (old, new) = (Self::rank(than), Self::rank(now));
        if old >= Rank::Fine {
            return self.has_several()
                && old == Rank::Fine
                && new == Rank::Page
                && than.port != now.port;
        }
        new >= Rank::Fine
    }

    /// The port that is the app's where nothing says otherwise.
    pub fn expected(&self) -> u16 {
        let before = self.before.filter(|_| self.again);
        before.map_or(self.port, |it| it.port)
    }

    pub fn patience(&self) -> Duration {
        if self.has_several() {
            PATIENCE_FOR_SEVERAL
        } else {
            PATIENCE
        }
    }
}

/// In rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// 5xx
    Broken,
    /// 404 and whatever else says that there is nothing to see.
    Missing,
    /// It answers, with something that is no page.
    Fine,
    Page,
}
