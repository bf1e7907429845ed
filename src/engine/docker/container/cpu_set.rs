//! Which of the host's CPUs a container's processes run on.

use bollard::models::ContainerUpdateBody;

use crate::{
    engine::{
        Result,
        docker::{
            Docker,
            client::{HEAVY, error::Operation},
        },
    },
    model::{CpuSet, InstanceId},
};

impl Docker {
    pub(in crate::engine::docker) async fn set_cpus(
        &self,
        id: &InstanceId,
        cpus: &CpuSet,
    ) -> Result<()> {
        let client = self.client().await?;
        let container_ref = self.newest(&client, id).await?;
        let what = format!("container {}", container_ref.container);
        let operation = Operation {
            verb: "move to other CPUs",
            what: &what,
        };
        let body = ContainerUpdateBody {
            cpuset_cpus: Some(cpus.to_string()),
            ..ContainerUpdateBody::default()
        };
        let call = client.api.update_container(&container_ref.container, body);
        client.within(operation, HEAVY, call).await
    }
}
