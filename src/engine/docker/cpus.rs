//! Which of the host's CPUs a container's processes run on.

use bollard::models::ContainerUpdateBody;

use super::{Docker, client::HEAVY, error::Act};
use crate::{
    engine::Result,
    model::{CpuSet, InstanceId},
};

impl Docker {
    pub(super) async fn set_cpus(&self, id: &InstanceId, cpus: &CpuSet) -> Result<()> {
        let client = self.client().await?;
        let found = self.newest(&client, id).await?;
        let what = format!("container {}", found.container);
        let act = Act {
            verb: "move to other CPUs",
            what: &what,
        };
        let body = ContainerUpdateBody {
            cpuset_cpus: Some(cpus.to_string()),
            ..ContainerUpdateBody::default()
        };
        let call = client.api.update_container(&found.container, body);
        client.within(act, HEAVY, call).await
    }
}
