//! `Variables`: what the user gave for the environment of an instance's processes, and what the
//! project's `.env` files bring. It goes to each over the guest's link, and to the engine never:
//! whoever may ask it about a container would see.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use parking_lot::RwLock;

use super::env_files::ProjectEnv;
use crate::{
    engine::link::AppSpec,
    lifecycle::{
        LifecycleError, Manager,
        instance::{Instance, prepare::open_source},
        off_thread::off_thread,
    },
    model::{InstanceId, Mask, Options, Plan, Secret},
    project,
    store::{InstanceSecrets, Record},
};

/// Fixed by where the container's user lives; a project cannot move it.
const FIXED: [&str; 2] = ["HOME", "USER"];

/// How long an app may take to end when asked to.
const GRACE: std::time::Duration = std::time::Duration::from_secs(5);

/// Flags over secrets over the settings' files; for the app, those over its `.env` files, and these
/// over what the template says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::lifecycle) struct Variables {
    all: BTreeMap<String, Secret>,
    pub project_env: ProjectEnv,
    /// Of the secrets in it, as in [`InstanceSecrets::revision`].
    pub revision: u64,
}

impl Variables {
    /// `flags` are those of the options' variables that were given by a flag.
    pub fn of(options: &Options, flags: &BTreeSet<String>, kept: &InstanceSecrets) -> Self {
        let mut all = options.env.clone();
        for (name, secret) in &kept.set {
            if !(flags.contains(name) && all.contains_key(name)) {
                all.insert(name.clone(), secret.value.clone());
            }
        }
        Self {
            all,
            project_env: ProjectEnv::default(),
            revision: kept.revision,
        }
    }

    pub fn all(&self) -> &BTreeMap<String, Secret> {
        &self.all
    }

    pub fn mask(&self) -> Mask {
        Mask::new(self.all.values().chain(self.project_env.secrets()))
    }

    /// For a step of the installation, or a command beside the app.
    pub fn for_command(&self, plan: Option<&Plan>) -> Vec<(String, Secret)> {
        let value = |name: &str, value: &Secret| match name {
            "PATH" => {
                let root = plan.map_or("", |plan| plan.root.as_str());
                Secret::new(project::search_path(root, Some(value.reveal())))
            }
            _ => value.clone(),
        };
        self.all
            .iter()
            .filter(|(name, _)| !FIXED.contains(&name.as_str()))
            .map(|(name, it)| (name.clone(), value(name, it)))
            .collect()
    }

    pub fn for_app(&self, plan: &Plan) -> AppSpec {
        // Of the template's own, what a `.env` sets is left to whoever reads that.
        let own = plan.run.env.iter();
        let mut env: BTreeMap<String, Secret> = own
            .filter(|(name, _)| !self.project_env.names.contains(*name))
            .map(|(name, value)| (name.clone(), Secret::new(value)))
            .collect();
        env.extend(self.project_env.given.clone());
        env.extend(self.for_command(Some(plan)));
        AppSpec {
            argv: plan.run.argv.clone(),
            env: env.into_iter().collect(),
            cwd: plan.root.clone(),
            grace: GRACE,
        }
    }
}

/// The mask of what runs now, for those who take in an app's words.
#[derive(Clone, Default)]
pub struct Masking(Arc<RwLock<Mask>>);

impl Masking {
    pub fn now(&self) -> Mask {
        self.0.read().clone()
    }

    fn set(&self, mask: Mask) {
        *self.0.write() = mask;
    }
}

impl Instance {
    /// What its processes get if they are started now with these options.
    pub(in crate::lifecycle) async fn variables_for(
        &self,
        options: &Options,
        flags: &BTreeSet<String>,
    ) -> Result<Variables, LifecycleError> {
        let id = self.record.id.clone();
        let kept = self
            .context
            .store
            .run(move |store| store.secrets(&id))
            .await?;
        let variables = Variables::of(options, flags, &kept);
        self.context
            .settings
            .policy
            .variables(variables.all.keys())?;
        self.context.settings.policy.values(&variables.all)?;
        self.masking.set(variables.mask());
        Ok(variables)
    }

    /// The same with the options it has, and with what its files bring now.
    pub(in crate::lifecycle) async fn variables(&self) -> Result<Variables, LifecycleError> {
        let (options, flags) = (&self.record.options, &self.record.env_flags);
        let variables = self.variables_for(options, flags).await?;
        match &self.record.plan {
            Some(plan) => Ok(self.with_project_env(variables, plan).await),
            None => Ok(variables),
        }
    }

    /// Add what the project's `.env` files bring. A directory that cannot be read brings nothing; who
    /// copies it says why.
    pub(in crate::lifecycle) async fn with_project_env(
        &self,
        mut variables: Variables,
        plan: &Plan,
    ) -> Variables {
        variables.project_env = project_env(&self.record, plan).await;
        self.masking.set(variables.mask());
        variables
    }
}

/// What the project's `.env` files bring now.
pub(in crate::lifecycle) async fn project_env(record: &Record, plan: &Plan) -> ProjectEnv {
    let (record, plan) = (record.clone(), plan.clone());
    let read = move || {
        let source = open_source(&record, &plan)?;
        Ok(ProjectEnv::read(&source, &plan)?)
    };
    off_thread(read).await.unwrap_or_default()
}

impl Manager {
    /// Of an instance, or of one that has not been made yet.
    pub async fn secrets(&self, id: InstanceId) -> Result<InstanceSecrets, LifecycleError> {
        Ok(self
            .context
            .store
            .run(move |store| store.secrets(&id))
            .await?)
    }

    /// They are given to what is started from now on. Says which of `remove` there were.
    pub async fn change_secrets(
        &self,
        id: InstanceId,
        set: BTreeMap<String, Secret>,
        remove: Vec<String>,
    ) -> Result<Vec<String>, LifecycleError> {
        self.context.settings.policy.variables(set.keys())?;
        self.context.settings.policy.values(&set)?;
        let changed = self.context.store.run(move |store| {
            if !set.is_empty() {
                store.set_secrets(&id, set)?;
            }
            store.forget_secrets(&id, &remove)
        });
        Ok(changed.await?)
    }

    /// What a command beside the app is given besides what it is asked with.
    pub async fn command_env(
        &self,
        record: &Record,
    ) -> Result<Vec<(String, Secret)>, LifecycleError> {
        let id = record.id.clone();
        let kept = self
            .context
            .store
            .run(move |store| store.secrets(&id))
            .await?;
        let variables = Variables::of(&record.options, &record.env_flags, &kept);
        let Some(plan) = &record.plan else {
            return Ok(variables.for_command(None));
        };
        let mut env: BTreeMap<String, Secret> = project_env(record, plan).await.given;
        env.extend(variables.for_command(Some(plan)));
        Ok(env.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SetSecret;

    #[test]
    fn flags_win_over_secrets_and_secrets_over_files() {
        let pairs = |names: &[&str], value: &str| {
            names
                .iter()
                .map(|name| ((*name).to_owned(), Secret::new(value)))
                .collect::<BTreeMap<_, _>>()
        };
        let mut options = Options {
            env: pairs(&["A", "B"], "file"),
            ..Options::default()
        };
        options.env.extend(pairs(&["C"], "flag"));
        let set = |name: &str| {
            let secret = SetSecret {
                value: Secret::new("set"),
                at: jiff::Timestamp::UNIX_EPOCH,
            };
            (name.to_owned(), secret)
        };
        let kept = InstanceSecrets {
            set: ["B", "C", "D"].map(set).into(),
            revision: 4,
            ..InstanceSecrets::default()
        };
        // A flag of an earlier `up` is none of this one's.
        let flags = ["C", "D"].map(str::to_owned).into();
        let variables = Variables::of(&options, &flags, &kept);
        let values: Vec<_> = variables.all.values().map(Secret::reveal).collect();
        assert_eq!(values, ["file", "set", "flag", "set"]);
        assert_eq!(variables.revision, 4);
    }

    fn a_plan() -> Plan {
        let record = include_str!("../../../../tests/fixtures/store/v4/0123456789ab.json");
        let record: serde_json::Value = serde_json::from_str(record).unwrap();
        let mut plan: Plan = serde_json::from_value(record["plan"].clone()).unwrap();
        for name in ["HOST", "MODE", "PORT"] {
            plan.run.env.insert(name.to_owned(), "plan".to_owned());
        }
        plan
    }

    fn for_app(variables: &Variables) -> Vec<(String, String)> {
        let env = variables.for_app(&a_plan()).env.into_iter();
        env.map(|(name, it)| (name, it.reveal().to_owned()))
            .collect()
    }

    fn pairs(pairs: [(&str, &str); 3]) -> Vec<(String, String)> {
        pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn the_users_variables_win_over_the_plans() {
        let mut options = Options::default();
        for name in ["MODE", "PORT"] {
            options.env.insert(name.to_owned(), Secret::new("user"));
        }
        let variables = Variables::of(&options, &BTreeSet::new(), &InstanceSecrets::default());
        let expected = [("HOST", "plan"), ("MODE", "user"), ("PORT", "user")];
        assert_eq!(for_app(&variables), pairs(expected));
    }

    /// A port and a host there may be a database's.
    #[test]
    fn what_the_project_brings_wins_over_the_plans_and_under_the_users() {
        let mut options = Options::default();
        options.env.insert("MODE".to_owned(), Secret::new("user"));
        let kept = InstanceSecrets::default();
        let mut variables = Variables::of(&options, &BTreeSet::new(), &kept);
        variables.project_env.names = ["HOST", "MODE", "PORT"].map(str::to_owned).into();
        for (name, value) in [("MODE", "file"), ("PORT", "5432")] {
            let value = Secret::new(value);
            variables.project_env.given.insert(name.to_owned(), value);
        }
        // Which host counts is for the app's own reader to say.
        let expected = [("MODE", "user"), ("PORT", "5432")];
        assert_eq!(
            for_app(&variables),
            pairs([expected[0], expected[1], ("", "")])[..2]
        );
    }

    #[test]
    fn a_home_cannot_be_moved_and_a_path_begins_with_what_was_installed() {
        let mut options = Options::default();
        for name in ["HOME", "PATH", "USER"] {
            options.env.insert(name.to_owned(), Secret::new("/mine"));
        }
        let variables = Variables::of(&options, &BTreeSet::new(), &InstanceSecrets::default());
        let env = variables.for_command(None);
        assert_eq!(env.len(), 1);
        let path = env[0].1.reveal();
        assert!(path.starts_with("/home/app/venv/bin:") && path.ends_with(":/mine"));
    }
}
