//! What a [`Manager`] knows instances by: ids, names, and who may know of them.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::handle::Handle;
use crate::{
    lifecycle::{LifecycleError, Manager, StartRequest},
    model::{InstanceId, Phase},
    security::{LimitRequest, Reach, limits},
    store::{Intent, Record, Remedies},
};

impl Manager {
    /// What somebody means by an id or a name, of the instances they can reach.
    pub fn resolve(&self, reach: &Reach, asked: &str) -> Result<InstanceId, LifecycleError> {
        self.find_if(asked, |id, owner| reach.holds(id, owner))
            .map(|(id, _)| id)
    }

    /// The same, or the id of one that was not made yet, for who reaches all there will be. Every
    /// caller who names a directory asks by id.
    pub fn resolve_early(&self, reach: &Reach, asked: &str) -> Result<InstanceId, LifecycleError> {
        self.resolve(reach, asked).or_else(|error| match reach {
            Reach::All => asked.parse().map_err(|_| error),
            Reach::One(_) | Reach::Owner(_) => Err(error),
        })
    }

    /// Whether an instance is within reach, listed or not.
    pub fn reaches(&self, reach: &Reach, id: &InstanceId) -> bool {
        self.lock()
            .get(id)
            .is_some_and(|handle| reach.holds(id, handle.view.borrow().owner.as_deref()))
    }

    pub(in crate::lifecycle) fn lookup(
        &self,
        asked: &str,
    ) -> Result<(InstanceId, Handle), LifecycleError> {
        self.find_if(asked, |_, _| true)
    }

    fn find_if(
        &self,
        asked: &str,
        within: impl Fn(&InstanceId, Option<&str>) -> bool,
    ) -> Result<(InstanceId, Handle), LifecycleError> {
        self.lock()
            .iter()
            .filter(|(id, handle)| {
                handle.exists() && within(id, handle.view.borrow().owner.as_deref())
            })
            .find(|(id, handle)| {
                id.as_str() == asked || handle.view.borrow().name.as_str() == asked
            })
            .map(|(id, handle)| (id.clone(), handle.clone()))
            .ok_or_else(|| LifecycleError::NotFound {
                asked: asked.to_owned(),
            })
    }

    /// Under one lock, so that two who want the same instance get one.
    pub(in crate::lifecycle) fn find_or_spawn(
        &self,
        id: &InstanceId,
        request: &StartRequest,
    ) -> Result<Handle, LifecycleError> {
        let mut instances = self.lock();
        let there = instances.get(id);
        if let Some(handle) = there.filter(|handle| !handle.mailbox.is_closed()) {
            // Ids are short enough that somebody might make theirs meet another's.
            if handle.view.borrow().owner != request.owner {
                return Err(LifecycleError::NotFound {
                    asked: id.to_string(),
                });
            }
            return Ok(handle.clone());
        }
        if request.owner.is_some() {
            // Those too that are only about to be.
            let theirs = instances.values().filter(|handle| {
                !handle.mailbox.is_closed() && handle.view.borrow().owner == request.owner
            });
            self.context.settings.owners.another(theirs.count())?;
        }
        let record = self.new_record(&instances, id, request);
        Ok(self.spawn_instance(&mut instances, record, Vec::new()))
    }

    fn new_record(
        &self,
        instances: &BTreeMap<InstanceId, Handle>,
        id: &InstanceId,
        request: &StartRequest,
    ) -> Record {
        let wished = request
            .label
            .clone()
            .or_else(|| request.options.name.clone())
            .unwrap_or_else(|| request.source.name())
            .without_port();
        let taken = instances
            .values()
            .any(|handle| !handle.mailbox.is_closed() && handle.view.borrow().name == wished);
        let now = Timestamp::now();
        Record {
            id: id.clone(),
            name: match &request.owner {
                Some(_) => wished.singled_out(id),
                None if taken => wished.distinguished(id),
                None => wished,
            },
            source: request.source.clone(),
            label: request.label.clone(),
            options: request.options.clone(),
            env_flags: request.env_flags.clone(),
            secrets_revision: 0,
            plan: None,
            generation: 0,
            intent: Intent::Down,
            phase: Phase::Asleep { since: now },
            install_key: None,
            tunnel: None,
            public_url: None,
            remedies: Remedies::default(),
            home_volume: format!("cmp-{}-{id}-home", self.context.settings.owner),
            port: None,
            answered: None,
            last_exit: None,
            limits: limits(LimitRequest::default()),
            owner: request.owner.clone(),
            created: now,
            updated: now,
        }
    }
}
