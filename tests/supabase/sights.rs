//! Wrong ids, policies, empty projects and expired tokens, told apart.

use std::sync::Arc;

use codemate_preview::{
    config::SupabaseSettings,
    source::supabase::{FixedToken, SupabaseError, SupabaseFindingState, examine},
};

use crate::{
    Test,
    world::{
        ALICE, BARE, BOB, NOWHERE, PROJECT, World, a_dir, alice, block_on, nobody, on_disk, token,
    },
};

pub const TESTS: &[Test] = &[
    ("who_may_see_nothing_is_told_so", hidden),
    ("a_project_without_files_is_no_error", empty),
    ("each_mistake_has_its_own_error", mistakes),
    ("files_survive_a_policy_that_hides_them", revoked),
    ("a_truncated_table_takes_a_second_look", truncated),
    ("the_doctor_names_what_is_wrong", doctor),
];

async fn error_of(
    world: &World,
    settings: &SupabaseSettings,
    token: FixedToken,
    project: &str,
) -> SupabaseError {
    let dir = a_dir();
    let options = world.options(settings);
    match world.connect_as(options, token, project, dir.path()).await {
        Err(error) => error,
        Ok(mut puller) => puller.full().await.unwrap_err(),
    }
}

fn hidden() {
    block_on(|scope| async move {
        let world = World::ours(&scope, 1000).await;
        world.put("a", "a").await;
        let settings = SupabaseSettings::default();
        let table = [
            (token("authenticated", Some(BOB)), PROJECT, false),
            (nobody(), PROJECT, false),
            (alice(), NOWHERE, false),
            (token("service_role", None), NOWHERE, true),
        ];
        for (token, project, certain) in table {
            let error = error_of(&world, &settings, token, project).await;
            let expected = SupabaseError::NoProject {
                project: project.to_owned(),
                is_certain: certain,
            };
            assert_eq!(error, expected);
        }
    });
}

fn empty() {
    block_on(|scope| async move {
        let world = World::ours(&scope, 1000).await;
        let dir = a_dir();
        let options = world.options(&SupabaseSettings::default());
        let puller = world.connect_as(options, alice(), BARE, dir.path()).await;
        let mut puller = puller.unwrap();
        assert!(
            puller.shape().revisions.is_some(),
            "its columns are found by name"
        );
        assert_eq!(puller.full().await.unwrap().files, 0);
        let sql = format!(
            "insert into project_files (project_id, path, content) values ('{BARE}', 'a', 'a')"
        );
        world.sql(&sql).await;
        assert_eq!(puller.quick().await.unwrap().written, ["a"]);
    });
}

fn mistakes() {
    block_on(|scope| async move {
        use SupabaseError as E;
        let world = World::ours(&scope, 1000).await;
        world.put("a", "a").await;
        world
            .sql("create table locked (id int); revoke all on locked from authenticated")
            .await;
        world.sql("notify pgrst, 'reload schema'").await;
        let usual = SupabaseSettings::default();
        let table = |name: &str| SupabaseSettings {
            table: Some(name.to_owned()),
            ..usual.clone()
        };
        let mut column = usual.clone();
        column.columns.path = Some("nowhere".to_owned());
        let mut filtered = usual.clone();
        filtered.extra_filter = Some("nowhere=is.true".to_owned());
        let late = FixedToken(Some(codemate_preview::model::Secret::new(crate::rig::jwt(
            "authenticated",
            Some(ALICE),
            -60,
        ))));
        let error = error_of(&world, &usual, late, PROJECT).await;
        assert!(matches!(error, E::Credential { .. }), "{error:?}");
        let error = error_of(&world, &usual, alice(), "not-a-uuid").await;
        assert!(matches!(error, E::BadValue { .. }), "{error:?}");
        let error = error_of(&world, &table("nowhere"), alice(), PROJECT).await;
        assert!(matches!(error, E::NoTable { .. }), "{error:?}");
        let error = error_of(&world, &table("locked"), alice(), PROJECT).await;
        assert!(matches!(error, E::Denied { .. }), "{error:?}");
        let error = error_of(&world, &column, alice(), PROJECT).await;
        assert!(
            matches!(&error, E::NotFiles { columns, .. } if columns.len() > 5),
            "{error:?}"
        );
        let error = error_of(&world, &filtered, alice(), PROJECT).await;
        assert!(matches!(error, E::NoColumn { .. }), "{error:?}");
        let mut unreachable = usual.clone();
        unreachable.rest_url = Some(format!("http://127.0.0.1:{}", crate::rig::free_port()));
        let error = error_of(&world, &unreachable, alice(), PROJECT).await;
        assert!(matches!(error, E::Unreachable { .. }), "{error:?}");
    });
}

fn revoked() {
    block_on(|scope| async move {
        let world = World::ours(&scope, 1000).await;
        for name in ["a", "b"] {
            world.put(name, name).await;
        }
        let dir = a_dir();
        let mut puller = world.connect(dir.path()).await;
        puller.full().await.unwrap();
        let before = on_disk(dir.path());
        let owner = |user: &str| format!("update projects set owner_id = '{user}'");
        world.sql(&owner(BOB)).await;
        for _ in 0..3 {
            let error = puller.full().await.unwrap_err();
            assert!(
                matches!(error, SupabaseError::NoProject { .. }),
                "{error:?}"
            );
            puller.quick().await.unwrap();
            assert_eq!(on_disk(dir.path()), before);
        }
        world.sql(&owner(ALICE)).await;
        world.put("a", "a2").await;
        puller.quick().await.unwrap();
        assert_eq!(on_disk(dir.path()), world.truth().await);
    });
}

fn truncated() {
    block_on(|scope| async move {
        let world = World::ours(&scope, 1000).await;
        for name in ["a", "b"] {
            world.put(name, name).await;
        }
        let dir = a_dir();
        let mut puller = world.connect(dir.path()).await;
        puller.full().await.unwrap();
        // TRUNCATE leaves no tombstone.
        world.sql("truncate project_files").await;
        let error = puller.full().await.unwrap_err();
        assert!(matches!(error, SupabaseError::Emptied { .. }), "{error:?}");
        assert_eq!(on_disk(dir.path()).len(), 2);
        let done = puller.full().await.unwrap();
        assert_eq!(done.deleted.len(), 2);
        assert_eq!(on_disk(dir.path()).len(), 0);
    });
}

fn doctor() {
    block_on(|scope| async move {
        let world = World::ours(&scope, 1000).await;
        world.put("a", "a").await;
        world.put("nul", "refused").await;
        let settings = SupabaseSettings::default();
        let mut no_table = settings.clone();
        no_table.table = Some("nowhere".to_owned());
        let mut no_column = settings.clone();
        no_column.columns.content = Some("nowhere".to_owned());
        // What the last finding is of, and how bad.
        let table = [
            (
                &settings,
                alice(),
                PROJECT,
                "files",
                SupabaseFindingState::Unsure,
            ),
            (
                &settings,
                alice(),
                BARE,
                "files",
                SupabaseFindingState::Unsure,
            ),
            (
                &settings,
                alice(),
                NOWHERE,
                "project",
                SupabaseFindingState::Bad,
            ),
            (
                &settings,
                nobody(),
                PROJECT,
                "project",
                SupabaseFindingState::Bad,
            ),
            (
                &no_table,
                alice(),
                PROJECT,
                "table",
                SupabaseFindingState::Bad,
            ),
            (
                &no_column,
                alice(),
                PROJECT,
                "columns",
                SupabaseFindingState::Bad,
            ),
        ];
        for (settings, token, project, subject, state) in table {
            let options = world.options(settings);
            let findings = examine(&options, Arc::new(token), Some(project)).await;
            let last = findings.last().unwrap();
            assert_eq!(
                (last.subject.as_str(), last.state),
                (subject, state),
                "{findings:?}"
            );
            assert!(last.hint.is_some(), "{last:?}");
        }
        world
            .sql("delete from project_files where path = 'nul'")
            .await;
        let options = world.options(&settings);
        let findings = examine(&options, Arc::new(alice()), Some(PROJECT)).await;
        let is_good = |finding: &codemate_preview::source::supabase::SupabaseFinding| {
            finding.state == SupabaseFindingState::Good
        };
        assert!(
            findings.len() == 7 && findings.iter().all(is_good),
            "{findings:?}"
        );
    });
}
