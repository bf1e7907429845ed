//! The stream to the guest, byte by byte.

use codemate_preview::engine::Engine;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Rig, approved};

#[tokio::test]
async fn the_link_carries_bytes_both_ways_and_ends() {
    let rig = Rig::new("the_link_carries_bytes_both_ways_and_ends");
    rig.engine.start(&approved(rig.spec())).await.unwrap();
    let link = rig.engine.open_link(&rig.id()).await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(link);
    // Every byte, also those that a frame's header begins with, and more than any buffer holds.
    let sent: Vec<u8> = (0..1u32 << 20).map(|at| (at % 251) as u8).collect();
    let (echoed, ()) = tokio::join!(
        async {
            let mut echoed = vec![0; sent.len()];
            reader.read_exact(&mut echoed).await.unwrap();
            echoed
        },
        async { writer.write_all(&sent).await.unwrap() },
    );
    assert!(echoed == sent);
    writer.shutdown().await.unwrap();
    assert_eq!(reader.read(&mut [0; 1]).await.unwrap(), 0);
}
