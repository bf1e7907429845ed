//! The trials that every engine passes, on Docker, with the real guest.

use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use codemate_preview::{
    engine::{BuildRequest, Engine, guest::GUEST},
    model::{ContainerSpec, ImageRef, InstanceId},
};
use tokio::sync::mpsc;

use super::{Rig, binaries, command, docker};
use crate::engine_contract::{Subject, instance};

/// Where the images of the trials have the stand-in.
const STAND_IN: &str = "/program";

struct OnDocker {
    rig: Rig,
    /// Whose instances it is about: its own, or those of the owner it is the other of.
    name: String,
    /// The image of them, made when it is first asked for.
    program: Mutex<Option<ImageRef>>,
    test: &'static str,
}

impl OnDocker {
    fn new(test: &'static str) -> Self {
        let rig = with_the_guest(test);
        Self {
            name: rig.owner.clone(),
            program: Mutex::default(),
            rig,
            test,
        }
    }

    /// An image with the stand-in at this path. No layer is another subject's too: that one's may be
    /// removed while this is built on it.
    async fn built(&self, name: &str, path: &str) -> ImageRef {
        let owner = &self.rig.owner;
        let dockerfile = format!("FROM scratch\nENV OWN={owner}\nCOPY program {path}\n");
        let files = [
            ("Dockerfile", dockerfile.into_bytes()),
            ("program", binaries::stand_in_bytes().to_vec()),
        ];
        let context = files.map(|(path, content)| (path.to_owned(), Bytes::from(content)));
        let build = BuildRequest {
            tag: self.tag(name),
            context: context.into(),
            args: [].into(),
            recipe: None,
        };
        let (progress, _unread) = mpsc::channel(100);
        self.rig.engine.build_image(build, progress).await.unwrap();
        self.tag(name)
    }
}

fn with_the_guest(test: &str) -> Rig {
    Rig::with(test, |settings| settings.guest = GUEST)
}

#[async_trait]
impl Subject for OnDocker {
    fn engine(&self) -> &dyn Engine {
        &self.rig.engine
    }

    fn other(&self) -> Box<dyn Subject> {
        Box::new(Self {
            rig: with_the_guest(self.test),
            name: self.name.clone(),
            program: Mutex::new(self.program.lock().unwrap().clone()),
            test: self.test,
        })
    }

    async fn spec(&self) -> ContainerSpec {
        let known = self.program.lock().unwrap().clone();
        let image = match known {
            Some(image) => image,
            None => self.built("program", STAND_IN).await,
        };
        *self.program.lock().unwrap() = Some(image.clone());
        instance(&self.name, image)
    }

    /// A file is where the home is to be mounted: the container can be made, and not started.
    async fn unstartable(&self) -> ContainerSpec {
        let image = self.built("blocked", ContainerSpec::HOME).await;
        instance(&self.name, image)
    }

    fn stand_in(&self) -> String {
        STAND_IN.to_owned()
    }

    async fn kill(&self, _id: &InstanceId) {
        docker(&["kill", "--signal", "KILL", &self.rig.containers()[0]]);
    }

    async fn have_refused(&self, id: &InstanceId, host: &str, port: u16) {
        let mut dial = command(&["dial", &format!("{host}:{port}")]);
        STAND_IN.clone_into(&mut dial.argv[0]);
        let mut dialling = self.rig.engine.exec(id, dial).await.unwrap();
        assert_eq!(dialling.read().await.unwrap(), None);
        assert_eq!(dialling.exit_code().await.unwrap(), 0);
    }

    fn tag(&self, name: &str) -> ImageRef {
        let tag = format!("codemate-test/{}:{name}", self.rig.owner);
        tag.parse().unwrap()
    }

    async fn foreign_image(&self) -> ImageRef {
        self.rig.empty_image()
    }
}

macro_rules! each {
    ($($room:ident::$trial:ident,)*) => {$(
        #[tokio::test]
        async fn $trial() {
            let subject = OnDocker::new(stringify!($trial));
            crate::engine_contract::$room::$trial(&subject).await;
        }
    )*};
}
crate::engine_contract::trials!(each);
