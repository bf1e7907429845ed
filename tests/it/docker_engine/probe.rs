//! What is said of an engine that is not there, not ours to use, or not answering.

use std::path::Path;

use codemate_preview::engine::{
    Engine, EngineError,
    docker::{Docker, DockerSettings},
};
use tokio::net::UnixListener;

use super::{Rig, settings};

fn at(socket: &Path) -> Docker {
    let mut settings = DockerSettings {
        guest: b"",
        ..settings("probe")
    };
    settings.host = Some(format!("unix://{}", socket.display()));
    Docker::connect(settings).unwrap()
}

#[tokio::test]
async fn a_missing_socket_is_unreachable() {
    let dir = tempfile::tempdir().unwrap();
    let error = at(&dir.path().join("absent.sock"))
        .probe()
        .await
        .unwrap_err();
    assert!(
        matches!(error, EngineError::Unreachable { ref endpoint, .. } if endpoint.contains("absent.sock")),
        "{error}"
    );
}

#[tokio::test]
async fn a_socket_nobody_listens_on_is_unreachable() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s.sock");
    drop(UnixListener::bind(&socket).unwrap());
    let error = at(&socket).probe().await.unwrap_err();
    assert!(matches!(error, EngineError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_unreachable() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = at(file.path()).probe().await.unwrap_err();
    assert!(matches!(error, EngineError::Unreachable { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_says_nothing_hangs() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let engine = at(&socket);
    let (probed, _open) = tokio::join!(engine.probe(), listener.accept());
    let error = probed.unwrap_err();
    assert!(
        matches!(error, EngineError::Hanging { seconds: 10, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn an_engine_that_hangs_up_is_unreachable() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let engine = at(&socket);
    let (probed, ()) = tokio::join!(engine.probe(), async { drop(listener.accept().await) });
    let error = probed.unwrap_err();
    assert!(matches!(error, EngineError::Unreachable { .. }), "{error}");
}

#[tokio::test]
#[ignore = "needs a user other than root, who may use any socket"]
async fn a_socket_of_someone_else_is_forbidden() {
    use std::os::unix::fs::PermissionsExt;

    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o000)).unwrap();
    let error = at(&socket).probe().await.unwrap_err();
    assert!(matches!(error, EngineError::Forbidden { .. }), "{error}");
}

#[tokio::test]
async fn every_call_says_that_the_engine_is_away() {
    let dir = tempfile::tempdir().unwrap();
    let engine = at(&dir.path().join("absent.sock"));
    assert!(matches!(
        engine.list_owned().await,
        Err(EngineError::Unreachable { .. })
    ));
}

#[tokio::test]
async fn a_real_engine_tells_what_it_is() {
    let rig = Rig::new("a_real_engine_tells_what_it_is");
    let info = rig.engine.probe().await.unwrap();
    assert!(info.product.starts_with("Docker Engine "), "{info:?}");
    assert!(info.cpus > 0 && info.memory_bytes > 0, "{info:?}");
    assert!(info.endpoint.starts_with("unix://"), "{info:?}");
}
