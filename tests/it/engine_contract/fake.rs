//! The trials on the engine without Docker: with all that it can do, and with none of it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use codemate_preview::{
    engine::Engine,
    model::{ContainerSpec, DenialStage, EgressDenial, ImageRef, InstanceId},
};

use super::{Subject, instance};
use crate::help::{binaries, engine::FakeEngine};

/// The engine without Docker, or one that puts something between it and the trials.
pub struct Fake {
    pub sound: Arc<FakeEngine>,
    pub engine: Arc<dyn Engine>,
    number: usize,
}

static SUBJECTS: AtomicUsize = AtomicUsize::new(0);

impl Fake {
    pub fn of(fake: FakeEngine) -> Self {
        let fake = Arc::new(fake);
        let number = SUBJECTS.fetch_add(1, Ordering::Relaxed);
        *fake.here.lock().unwrap() = Some(vec![
            tag_of(number, "program"),
            tag_of(number, "unstartable"),
            tag_of(number, "foreign"),
        ]);
        let unstartable = tag_of(number, "unstartable");
        fake.unstartable.lock().unwrap().insert(unstartable);
        Self {
            engine: fake.clone(),
            sound: fake,
            number,
        }
    }
}

fn tag_of(number: usize, name: &str) -> ImageRef {
    format!("trial-{number}:{name}").parse().unwrap()
}

#[async_trait]
impl Subject for Fake {
    fn engine(&self) -> &dyn Engine {
        self.engine.as_ref()
    }

    fn other(&self) -> Box<dyn Subject> {
        let other = Arc::new(self.sound.of_another_owner());
        let here = self.sound.here.lock().unwrap().clone();
        *other.here.lock().unwrap() = here;
        Box::new(Self {
            engine: other.clone(),
            sound: other,
            number: self.number,
        })
    }

    async fn spec(&self) -> ContainerSpec {
        instance(&format!("trial-{}", self.number), self.tag("program"))
    }

    async fn unstartable(&self) -> ContainerSpec {
        instance(&format!("trial-{}", self.number), self.tag("unstartable"))
    }

    fn stand_in(&self) -> String {
        binaries::stand_in().to_str().unwrap().to_owned()
    }

    async fn kill(&self, id: &InstanceId) {
        self.sound.kill(id);
    }

    async fn have_refused(&self, _id: &InstanceId, host: &str, port: u16) {
        self.sound.refuse(EgressDenial {
            by: DenialStage::Tcp,
            host: host.to_owned(),
            port,
        });
    }

    fn tag(&self, name: &str) -> ImageRef {
        tag_of(self.number, name)
    }

    async fn foreign_image(&self) -> ImageRef {
        self.tag("foreign")
    }
}

mod whole {
    macro_rules! each {
        ($($room:ident::$trial:ident,)*) => {$(
            #[tokio::test]
            async fn $trial() {
                let subject = super::Fake::of(crate::help::engine::FakeEngine::new());
                crate::engine_contract::$room::$trial(&subject).await;
            }
        )*};
    }
    crate::engine_contract::trials!(each);
}

mod bare {
    macro_rules! each {
        ($($room:ident::$trial:ident,)*) => {$(
            #[tokio::test]
            async fn $trial() {
                let subject = super::Fake::of(crate::help::engine::FakeEngine::bare());
                crate::engine_contract::$room::$trial(&subject).await;
            }
        )*};
    }
    crate::engine_contract::trials!(each);
}
