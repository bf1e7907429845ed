//! The last entrance: the real guest, writing below a real root, told what no validator has seen.

use std::{fs, future::Future, io::Write as _, path::Path, process::Stdio, time::Duration};

use bytes::Bytes;
use codemate_preview::{
    engine::link::{Content, FileOp, FileRefusal, Link, Reopen},
    task::Scope,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    process::{Child, Command},
    time::timeout,
};

use super::{Expect, Input, Random, SEED, VARIANTS, census::World, inputs, tars};

pub const GUEST: &str = concat!(env!("OUT_DIR"), "/guest");
/// Only a hang meets it.
const LIMIT: Duration = Duration::from_mins(1);
const BODY: &[u8] = b"what was sent";

/// A guest whose workspace is the root of a world.
pub struct Guest {
    pub world: World,
    pub link: Link,
    sockets: tempfile::TempDir,
    _init: Child,
    _scope: Scope,
}

impl Guest {
    pub async fn new() -> Self {
        let world = World::new("workspace", &[".codemate"]);
        let init = Command::new(GUEST);
        Self::start(world, init).await
    }

    /// `init` is the guest, or something that becomes it.
    pub async fn start(world: World, mut init: Command) -> Self {
        let sockets = tempfile::tempdir().unwrap();
        let socket = sockets.path().join("socket");
        let init = init
            .args(["init", "--home"])
            .arg(world.home())
            .arg("--socket")
            .arg(&socket)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        // It waits until there is somebody to talk to.
        let mut bridge = Command::new(GUEST)
            .args(["link", "--socket"])
            .arg(&socket)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let io = tokio::io::join(bridge.stdout.take().unwrap(), bridge.stdin.take().unwrap());
        let scope = Scope::new();
        let (link, _events) = Link::open(Box::pin(io), &scope).await.unwrap();
        Self {
            world,
            link,
            sockets,
            _init: init,
            _scope: scope,
        }
    }

    pub async fn apply(&self, op: FileOp) -> Result<(), FileRefusal> {
        within(self.link.apply(vec![op])).await.unwrap().remove(0)
    }

    /// Straight to the socket.
    async fn raw(&self) -> UnixStream {
        UnixStream::connect(self.sockets.path().join("socket"))
            .await
            .unwrap()
    }
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    timeout(LIMIT, work).await.expect("it hangs")
}

pub fn put(path: &str, content: impl Into<Content>) -> FileOp {
    let (path, content) = (path.to_owned(), content.into());
    FileOp::Put {
        path,
        mode: 0o106_777,
        token: [7; 32],
        content,
    }
}

fn bytes(body: impl Into<Bytes>) -> Content {
    Content::Bytes(body.into())
}

#[tokio::test]
async fn nothing_leaves_the_workspace() {
    let guest = Guest::new().await;
    let world = &guest.world;
    let large = Bytes::from(vec![b'x'; 300 << 10]);
    let mut outcomes = [0, 0];
    for (class, variant, input) in inputs(world) {
        let what = format!("{} {}, {variant}: {input:?}", class.number, class.name);
        input.before.iter().for_each(|stands| stands.make(world));
        let before = world.census();
        let Some(path) = input.text() else {
            not_text(&guest, &input.path).await;
            assert_eq!(fs::read_dir(&world.root).unwrap().count(), 0, "{what}");
            continue;
        };
        let body = if variant % 16 == 0 {
            large.clone()
        } else {
            Bytes::from_static(BODY)
        };
        let result = guest.apply(put(path, bytes(body.clone()))).await;
        outcomes[usize::from(result.is_ok())] += 1;
        match class.expect {
            Expect::Escapes => assert_eq!(result, Err(FileRefusal::Escapes), "{what}"),
            Expect::Blocked => assert!(result.is_err(), "{what}"),
            Expect::Replaces => assert_eq!(result, Ok(()), "{what}"),
            Expect::Literal | Expect::OneOfTwo | Expect::Refused | Expect::Foreign => {}
        }
        if result.is_ok() {
            let about = fs::symlink_metadata(world.root.join(path)).unwrap();
            assert!(about.is_file(), "{what}");
            assert_eq!(
                std::os::unix::fs::MetadataExt::mode(&about) & 0o7777,
                0o777,
                "{what}"
            );
            assert!(fs::read(world.root.join(path)).unwrap() == body, "{what}");
        }
        // What was already there when this began is not sync's to replace by a link or to delete.
        if input.before.is_empty() || result.is_ok() {
            linked_and_deleted(&guest, path, class.expect, &what).await;
        } else {
            assert_eq!(guest.apply(delete(path)).await, Ok(()), "{what}");
        }
        same_around(world, &input, &before, &what);
        world.clear();
    }
    assert!(outcomes.iter().all(|count| *count > 1000), "{outcomes:?}");
}

async fn linked_and_deleted(guest: &Guest, path: &str, expect: Expect, what: &str) {
    let link = FileOp::Link {
        path: path.to_owned(),
        target: "x".into(),
        token: [8; 32],
    };
    let linked = guest.apply(link).await;
    let deleted = guest.apply(delete(path)).await;
    if expect == Expect::Escapes {
        assert_eq!(linked, Err(FileRefusal::Escapes), "{what}");
        assert_eq!(deleted, Err(FileRefusal::Escapes), "{what}");
    } else if linked.is_ok() {
        assert_eq!(deleted, Ok(()), "{what}");
        assert!(
            guest.world.root.join(path).symlink_metadata().is_err(),
            "{what}"
        );
    }
    // Where a link leads is as hostile as where a file goes.
    let target = FileOp::Link {
        path: "l".into(),
        target: path.to_owned(),
        token: [8; 32],
    };
    if guest.apply(target).await.is_ok() {
        assert!(guest.world.holds(Path::new(path)), "{what}");
        assert!(!path.split('/').skip(1).any(|name| name == ".."), "{what}");
    }
}

fn delete(path: &str) -> FileOp {
    FileOp::Delete {
        path: path.to_owned(),
    }
}

/// A hard link that was replaced leaves its other name with one name less, and nothing else.
fn same_around(
    world: &World,
    input: &Input,
    before: &std::collections::BTreeMap<std::path::PathBuf, String>,
    what: &str,
) {
    use super::classes::Stands;
    if input
        .before
        .iter()
        .any(|stands| matches!(stands, Stands::HardLink(_)))
    {
        assert_eq!(
            fs::read(world.canary().join("f")).unwrap(),
            super::census::SECRET,
            "{what}"
        );
    } else {
        assert_eq!(&world.census(), before, "{what}");
    }
}

/// A path that is no text ends the link that told of it.
async fn not_text(guest: &Guest, path: &[u8]) {
    let mut frames = frame(1, &[1]);
    let len = u32::try_from(path.len()).unwrap().to_le_bytes();
    frames.extend(frame(
        4,
        &[&len[..], path, &[0; 4], &[7; 32], &[0; 4]].concat(),
    ));
    let mut stream = guest.raw().await;
    stream.write_all(&frames).await.unwrap();
    let mut said = Vec::new();
    within(stream.read_to_end(&mut said)).await.unwrap();
    // Its greeting, and no answer to the other.
    assert!(said.len() > 4 && said[4] == 65, "{said:?}");
    assert!(
        !said.windows(5).any(|part| part == [68, 7, 0, 0, 0]),
        "{said:?}"
    );
}

/// Of operation 7.
fn frame(kind: u8, fields: &[u8]) -> Vec<u8> {
    let len = u32::try_from(5 + fields.len()).unwrap();
    [&len.to_le_bytes()[..], &[kind, 7, 0, 0, 0], fields].concat()
}

/// Classes 51 to 55: lengths that are not true, and one that is nothing.
#[tokio::test]
async fn what_is_not_as_long_as_it_says_leaves_the_old_file() {
    let guest = Guest::new().await;
    let world = &guest.world;
    let source = tempfile::tempdir().unwrap();
    let before = world.census();
    for class in 51..=55 {
        for variant in 0..VARIANTS {
            let mut random = Random::new(SEED, class, variant);
            let path = random.dirs(2) + &random.word();
            guest.apply(put(&path, bytes(BODY))).await.unwrap();
            let real = 1 + random.below(if variant % 16 == 0 { 600 << 10 } else { 2000 });
            let from = source.path().join("file");
            fs::write(&from, vec![b'n'; real]).unwrap();
            let (len, grows) = match class {
                51 => (
                    random.of(&[1 << 63, u64::MAX, u64::MAX - 1, i64::MAX as u64]),
                    0,
                ),
                52 => ((1 << 40) + random.next() % (1 << 40), 0),
                53 => (real as u64 + 1 + random.next() % 300_000, 0),
                54 => (real as u64, 1 + random.below(300_000)),
                _ => (0, 0),
            };
            if class == 55 {
                fs::write(&from, "").unwrap();
            }
            let file = Reopen::new(move || {
                let mut at_end = fs::OpenOptions::new().append(true).open(&from)?;
                at_end.write_all(&vec![b'g'; grows])?;
                fs::File::open(&from)
            });
            let result = guest.apply(put(&path, Content::File { file, len })).await;
            let now = fs::read(world.root.join(&path)).unwrap();
            let what = format!("{class}, {variant}: {real} bytes, said to be {len}");
            if class == 55 {
                assert_eq!((result, now.len()), (Ok(()), 0), "{what}");
            } else {
                assert_eq!(
                    (result, &now[..]),
                    (Err(FileRefusal::Changed), BODY),
                    "{what}"
                );
            }
            // An upload that was given up is forgotten when the guest hears of that.
            within(guest.link.inventory()).await.unwrap();
            let names = walk(&world.root);
            assert_eq!(names, [path.as_str()], "{what}: something partial stays");
            guest.apply(delete(&path)).await.unwrap();
            world.clear();
        }
    }
    assert_eq!(world.census(), before);
}

fn walk(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(dir) = waiting.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                found.push(
                    path.strip_prefix(root)
                        .unwrap()
                        .to_str()
                        .unwrap()
                        .to_owned(),
                );
            }
        }
    }
    found
}

/// Classes 56 to 66: an archive is a file like any other, here and everywhere.
#[tokio::test]
async fn archives_are_not_opened() {
    let guest = Guest::new().await;
    let world = &guest.world;
    let before = world.census();
    for (class, variant, archive) in tars::archives(world) {
        let path = format!("{class}.tar");
        guest
            .apply(put(&path, bytes(archive.clone())))
            .await
            .unwrap();
        assert!(
            fs::read(world.root.join(&path)).unwrap() == archive,
            "{class}, {variant}"
        );
        assert_eq!(walk(&world.root).len(), 1, "{class}, {variant}");
        guest.apply(delete(&path)).await.unwrap();
    }
    assert_eq!(world.census(), before);
}

/// Class 50: what is mounted below the workspace is not written to.
#[tokio::test]
async fn a_mount_is_not_written_to() {
    let world = World::new("workspace", &[".codemate"]);
    fs::create_dir_all(world.at("a/mounted")).unwrap();
    let script = format!(
        "mount --bind '{}' '{}' && exec '{GUEST}' \"$@\"",
        world.canary().display(),
        world.at("a/mounted").display()
    );
    // In a namespace of its own: nobody else sees the mount.
    let mut init = Command::new("unshare");
    init.args([
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        &script,
        "guest",
    ]);
    let guest = Guest::start(world, init).await;
    let before = guest.world.census();
    for variant in 0..VARIANTS {
        let mut random = Random::new(SEED, 50, variant);
        let name = random.of(&["f", "g", "sub/f", "sub/x.py", "new", "empty/new", "new/new"]);
        let path = format!("a/mounted/{name}");
        assert_eq!(
            guest.apply(put(&path, bytes(BODY))).await,
            Err(FileRefusal::Escapes),
            "{path}"
        );
        let link = FileOp::Link {
            path,
            target: "x".into(),
            token: [8; 32],
        };
        assert_eq!(guest.apply(link).await, Err(FileRefusal::Escapes));
    }
    assert_eq!(guest.world.census(), before);
    // The control: beside it there is no mount.
    assert_eq!(guest.apply(put("a/beside/f", bytes(BODY))).await, Ok(()));
}
