//! Previews of the API's owners: what the host's user has and they have not.

use std::{fs, time::Duration};

use codemate_preview::{
    lifecycle::StartRequest,
    model::{Code, Options, PhaseKind, PublicUrl, TunnelChoice, TunnelKind},
    security::OwnerRules,
    store::Record,
};

use super::{
    tunnel::{Straight, WANTED, agent, agent_of, urls, with},
    world::{Agent, SERVER, World},
};

fn world() -> World {
    World::new(&SERVER.replace("TEXT", "one"))
}

fn anns(order: StartRequest) -> StartRequest {
    StartRequest {
        owner: Some("ann".to_owned()),
        ..order
    }
}

fn in_image(world: &World, image: &str) -> StartRequest {
    let order = world.order();
    StartRequest {
        options: Options {
            image: Some(image.to_owned()),
            ..order.options
        },
        ..order
    }
}

async fn refused(agent: &Agent, order: StartRequest, image: &str) {
    let problem = agent.up(order).await.unwrap_err().problem();
    assert_eq!(problem.code, Code::Policy, "{problem:?}");
    assert!(problem.message.contains(image), "{problem:?}");
    assert!(problem.hint.unwrap().contains("`images` under `[api]`"));
}

/// Down, so that the next one may have its port.
async fn away(agent: &Agent) {
    for record in agent.manager.list() {
        let id = record.id.as_str();
        agent.manager.down(id, true).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owners_image_is_one_of_ours_or_a_listed_one() {
    let mut world = world();
    let agent = world.agent();
    refused(&agent, anns(in_image(&world, "evil:1")), "evil:1").await;
    assert!(agent.up(in_image(&world, "evil:1")).await.is_ok());
    away(&agent).await;
    assert!(agent.up(anns(world.order())).await.is_ok());
    // It looks like one of ours, and would be pulled from whoever has that name.
    let lookalike = "codemate/python:evil";
    refused(&agent, anns(in_image(&world, lookalike)), lookalike).await;
    away(&agent).await;
    agent.stop().await;

    world.owners.images = vec!["evil:*".to_owned()];
    let next = world.agent();
    assert!(next.up(anns(in_image(&world, "evil:1"))).await.is_ok());
    away(&next).await;
    next.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_has_so_many_and_no_more() {
    let mut world = world();
    world.owners.previews = 1;
    let agent = world.agent();
    let labelled = |label: &str, owner: Option<&str>| StartRequest {
        label: Some(label.parse().unwrap()),
        owner: owner.map(str::to_owned),
        ..world.order()
    };
    assert!(agent.up(labelled("one", Some("ann"))).await.is_ok());
    assert!(agent.up(labelled("one", Some("ann"))).await.is_ok());
    let second = agent.up(labelled("two", Some("ann"))).await;
    let problem = second.unwrap_err().problem();
    assert_eq!(problem.code, Code::Policy, "{problem:?}");
    assert!(problem.hint.unwrap().contains("`previews` under `[api]`"));
    assert_eq!(agent.manager.list().len(), 1, "nothing is left of it");
    away(&agent).await;
    assert!(agent.up(labelled("two", Some("ann"))).await.is_ok());
    away(&agent).await;
    // Of another owner, and of the host's user, are others.
    for owner in [Some("ann"), Some("bob"), None] {
        assert!(agent.up(labelled("three", owner)).await.is_ok());
        let id = agent.manager.list().last().unwrap().id.to_string();
        agent.manager.down(&id, false).await.unwrap();
    }
    away(&agent).await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_an_owners_template_bring_in_another() {
    let world = world();
    let agent = world.agent();
    let templates = world.project().join(".codemate/templates");
    fs::create_dir_all(&templates).unwrap();
    fs::write(
        templates.join("mine.toml"),
        "schema = 1\nid = \"mine\"\ntitle = \"Mine\"\npriority = 1000\nimage.name = \"evil:1\"\n\
         detect.all = [{ file = \"main.py\" }]\n\
         run = { command = [\"python\", \"main.py\"], port = 8000 }\n",
    )
    .unwrap();
    refused(&agent, anns(world.order()), "evil:1").await;
    assert!(agent.up(world.order()).await.is_ok(), "the control");
    let record = &agent.manager.list()[0];
    let image = record.plan.as_ref().map(|plan| plan.image.to_string());
    assert_eq!(image.as_deref(), Some("evil:1"));
    away(&agent).await;
    agent.stop().await;
}

async fn public(agent: &Agent, order: StartRequest) -> Option<PublicUrl> {
    let outcome = agent.up(order).await.unwrap();
    urls(&outcome).public.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_has_no_tunnel_unless_the_host_lets_them() {
    let mut world = world();
    world.tunnel = WANTED;
    let provider = Straight::new(&[Some("shop.test")]);
    let agent = agent(&world, &provider);
    assert!(public(&agent, with(&world, None)).await.is_some());
    away(&agent).await;
    assert_eq!(provider.opened(), 1);
    // As a project's file may say it.
    for asked in [None, WANTED] {
        assert_eq!(public(&agent, anns(with(&world, asked))).await, None);
    }
    assert_eq!(provider.opened(), 1);
    // The host's user may, for it is theirs to say.
    let id = agent.manager.list()[0].id.clone();
    let opened = agent
        .manager
        .open_tunnel(id.as_str(), Some(TunnelKind::Command));
    let outcome = opened.await.unwrap().outcome.await.unwrap().unwrap();
    assert!(urls(&outcome).public.is_some());
    assert_eq!(public(&agent, anns(with(&world, None))).await, None);
    away(&agent).await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_who_may_have_a_tunnel_has_the_hosts() {
    let mut world = world();
    world.tunnel = WANTED;
    world.owners.tunnels = true;
    let provider = Straight::new(&[Some("shop.test")]);
    let other = Straight::of(TunnelKind::Ngrok, &[Some("shop.test")]);
    let agent = agent_of(&world, vec![provider.clone(), other.clone()]);
    let asked = Some(TunnelChoice::Kind(TunnelKind::Ngrok));
    assert!(public(&agent, anns(with(&world, asked))).await.is_some());
    assert_eq!((provider.opened(), other.opened()), (1, 0));
    let none = anns(with(&world, Some(TunnelChoice::None)));
    assert_eq!(public(&agent, none).await, None);
    assert!(public(&agent, anns(with(&world, None))).await.is_some());
    agent.stop().await;

    // What is not allowed any more does not come back with the next agent.
    world.owners = OwnerRules::default();
    let next = agent_of(&world, vec![provider.clone(), other.clone()]);
    let opened = provider.opened();
    let is_settled =
        |record: &Record| record.phase.kind() == PhaseKind::Ready && record.tunnel.is_none();
    for _ in 0..3000 {
        if is_settled(&next.manager.list()[0]) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let record = next.manager.list().remove(0);
    assert!(is_settled(&record), "{:?}", record.phase);
    assert_eq!(record.phase.urls().unwrap().public, None);
    assert_eq!(provider.opened(), opened);
    away(&next).await;
    next.stop().await;
}
