//! Lines without an end, of which an engine shows nothing.

use tokio::time::timeout;

use super::{LIMIT, World, shell};

async fn until_logged(world: &World, text: &str) {
    let logged = async {
        while !world.log().ends_with(text) {
            tokio::task::yield_now().await;
        }
    };
    let found = timeout(LIMIT, logged).await;
    assert!(found.is_ok(), "{:?} has no {text:?}", world.log());
}

#[tokio::test]
async fn a_question_gets_an_end_while_the_app_waits_for_the_answer() {
    let mut world = World::new();
    let (link, _events) = world.link().await;
    let script = "echo whole; printf 'password: '; exec sleep 1000";
    link.start_app(shell(script)).await.unwrap();
    until_logged(&world, "whole\npassword: \n").await;
    world.stop().await;
}

#[tokio::test]
async fn a_line_that_comes_in_pieces_stays_one() {
    let mut world = World::new();
    let (link, _events) = world.link().await;
    let script = "printf one; printf ' two'; echo ' three'; exec sleep 1000";
    link.start_app(shell(script)).await.unwrap();
    until_logged(&world, "one two three\n").await;
    assert_eq!(world.log().matches('\n').count(), 1);
    world.stop().await;
}
