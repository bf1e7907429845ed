//! Tables as they are found in public code, each read by its own columns.

use std::sync::Arc;

use codemate_preview::{
    config::SupabaseSettings,
    source::supabase::{Key, Options, Puller, SupabaseError},
};

use crate::{
    Test,
    gate::Fault,
    world::{Files, PROJECT, World, a_dir, alice, block_on, files, on_disk, token},
};

pub const TESTS: &[Test] = &[
    ("path_and_content", with_path),
    ("file_path_and_file_content_with_a_hash", with_file_path),
    ("versions_of_which_one_is_current", versioned),
    ("rows_deleted_softly", soft_deleted),
    ("text_in_rows_and_the_rest_in_storage", hybrid),
    ("names_and_content_and_nothing_else", flat),
    ("what_holds_no_files_is_said_with_its_columns", not_files),
    ("columns_named_in_the_settings_win", named),
    ("an_empty_table_is_known_by_its_columns", empty),
    ("rows_that_take_long_are_asked_for_fewer_at_a_time", slow),
];

const SHAPES: &str = include_str!("sql/shapes.sql");

fn table(name: &str) -> SupabaseSettings {
    SupabaseSettings {
        table: Some(name.to_owned()),
        ..SupabaseSettings::default()
    }
}

struct Shaped {
    world: World,
    dir: tempfile::TempDir,
    puller: Puller,
}

impl Shaped {
    async fn new(world: World, settings: &SupabaseSettings) -> Self {
        let dir = a_dir();
        let options = world.options(settings);
        let puller = world.connect_as(options, alice(), PROJECT, dir.path());
        let puller = puller.await.unwrap();
        assert!(puller.shape().revisions.is_none());
        Self { world, dir, puller }
    }

    /// After `sql`, the mirror is `expected`.
    async fn after(&mut self, sql: &str, expected: &[(&str, &str)]) {
        self.world
            .sql(&sql.replace("$P", &format!("'{PROJECT}'")))
            .await;
        let done = self.puller.quick().await.unwrap();
        assert_eq!(self.found(), files(expected), "{sql}: {done:?}");
        let again = self.puller.quick().await.unwrap();
        assert!(again.written.is_empty(), "settled after {sql}: {again:?}");
    }

    fn found(&self) -> Files {
        on_disk(self.dir.path())
    }
}

/// The world with the tables, and some rows.
async fn with_rows(scope: &codemate_preview::task::Scope, sql: &str) -> World {
    let world = World::with(scope, SHAPES, 1000).await;
    let visible = format!("insert into projects values ($P, null, 'one'); {sql}");
    world
        .sql(&visible.replace("$P", &format!("'{PROJECT}'")))
        .await;
    world
}

fn with_path() {
    block_on(|scope| async move {
        let sql = "insert into with_path (project_id, path, content) values
            ($P, '/a', '1'), ($P, 'b', '2'), (gen_random_uuid(), 'other', 'x')";
        let world = with_rows(&scope, sql).await;
        let mut it = Shaped::new(world, &table("with_path")).await;
        assert!(matches!(it.puller.shape().key, Key::Id(_)));
        it.after("select 1", &[("a", "1"), ("b", "2")]).await;
        let sql = "update with_path set content = '3', updated_at = now() where path = 'b'";
        it.after(sql, &[("a", "1"), ("b", "3")]).await;
        it.after(
            "update with_path set path = 'c' where path = '/a'",
            &[("b", "3"), ("c", "1")],
        )
        .await;
        it.after("delete from with_path where path = 'b'", &[("c", "1")])
            .await;
    });
}

fn with_file_path() {
    block_on(|scope| async move {
        let sql = "insert into with_file_path (project_id, file_path, file_content, content_hash)
            values ($P, 'a', '1', 'h1'), ($P, 'b', '2', 'h2')";
        let world = with_rows(&scope, sql).await;
        let mut it = Shaped::new(world, &table("with_file_path")).await;
        it.after("select 1", &[("a", "1"), ("b", "2")]).await;
        let sql = "update with_file_path set file_content = '3', content_hash = 'h3' where id = 1";
        it.after(sql, &[("a", "3"), ("b", "2")]).await;
        // The control: without a new hash it is the same file.
        it.after(
            "update with_file_path set file_content = '4' where id = 1",
            &[("a", "3"), ("b", "2")],
        )
        .await;
    });
}

fn versioned() {
    block_on(|scope| async move {
        let sql = "insert into versioned (project_id, file_path, content, version,
              is_current_version, is_directory) values
            ($P, 'd', null, 1, true, true), ($P, 'd/a', 'old', 1, false, false),
            ($P, 'd/a', 'new', 2, true, false), ($P, 'b', 'b', 1, true, false)";
        let world = with_rows(&scope, sql).await;
        let mut it = Shaped::new(world, &table("versioned")).await;
        it.after("select 1", &[("d/a", "new"), ("b", "b")]).await;
        let sql = "update versioned set is_current_version = false where file_path = 'd/a';
            insert into versioned (project_id, file_path, content, version)
            values ($P, 'd/a', 'newer', 3)";
        it.after(sql, &[("d/a", "newer"), ("b", "b")]).await;
        // Two current ones: the higher version.
        it.after(
            "update versioned set is_current_version = true where version = 1",
            &[("d/a", "newer"), ("b", "b")],
        )
        .await;
        it.after(
            "delete from versioned where file_path = 'd/a'",
            &[("b", "b")],
        )
        .await;
    });
}

fn soft_deleted() {
    block_on(|scope| async move {
        let sql = "insert into soft_deleted (project_id, path, content, deleted_at) values
            ($P, 'a', '1', null), ($P, 'b', '2', null), ($P, 'c', '3', now())";
        let world = with_rows(&scope, sql).await;
        let mut it = Shaped::new(world, &table("soft_deleted")).await;
        it.after("select 1", &[("a", "1"), ("b", "2")]).await;
        it.after(
            "update soft_deleted set deleted_at = now() where path = 'a'",
            &[("b", "2")],
        )
        .await;
        it.after(
            "update soft_deleted set deleted_at = null where path = 'c'",
            &[("b", "2"), ("c", "3")],
        )
        .await;
    });
}

fn hybrid() {
    block_on(|scope| async move {
        let sql = "insert into hybrid (project_id, name, type, path, content_text, storage_path,
              sha256) values
            ($P, 'd', 'folder', 'd', null, null, null), ($P, 'a', 'file', 'd/a', 'text', null, 'x'),
            ($P, 'i.png', 'file', 'd/i.png', null, 'p/ä b.png', 'y'),
            ($P, 'no', 'file', 'no', null, 'p/none', 'z')";
        let world = with_rows(&scope, sql).await;
        world.gate.keep_object("assets", "p/ä b.png", b"\x89PNG");
        let mut settings = table("hybrid");
        settings.bucket = Some("assets".to_owned());
        let mut it = Shaped::new(world, &settings).await;
        let done = it.puller.full().await.unwrap();
        let found = it.found();
        assert_eq!(found["d/i.png"], b"\x89PNG");
        assert_eq!((found.len(), done.refused.len()), (2, 1), "{done:?}");
        assert_eq!(done.refused[0].path, "no");
        // An object that is gone for now leaves the last good file.
        it.world.gate.fail(Fault::NoObjects, 0);
        it.world
            .sql("update hybrid set version = 2 where name = 'i.png'")
            .await;
        let done = it.puller.full().await.unwrap();
        assert_eq!((done.refused.len(), it.found()), (2, found));
        it.world.gate.mend();
        it.world.gate.keep_object("assets", "p/ä b.png", b"newer");
        it.world.gate.keep_object("assets", "p/none", b"there");
        // As before every full check.
        it.puller.doubt().await.unwrap();
        it.puller.full().await.unwrap();
        let found = it.found();
        assert_eq!(
            (&*found["d/i.png"], &*found["no"]),
            (&b"newer"[..], &b"there"[..])
        );
    });
}

fn flat() {
    block_on(|scope| async move {
        // In the collation of the column, which is not that of bytes.
        let sql = "insert into flat values ($P, 'b', '1'), ($P, 'A', '2'), ($P, 'é', '3'),
            ($P, 'a b', '4'), ($P, 'Z', '5')";
        let world = with_rows(&scope, sql).await;
        let mut it = Shaped::new(world, &table("flat")).await;
        assert!(it.puller.shape().is_blind());
        it.after(
            "select 1",
            &[("b", "1"), ("A", "2"), ("é", "3"), ("a b", "4"), ("Z", "5")],
        )
        .await;
        let sql = "update flat set content = '9' where name = 'b'; delete from flat
            where name = 'Z'";
        it.after(sql, &[("b", "9"), ("A", "2"), ("é", "3"), ("a b", "4")])
            .await;
        it.after(
            "update flat set name = '0' where name = 'b'",
            &[("0", "9"), ("A", "2"), ("é", "3"), ("a b", "4")],
        )
        .await;
    });
}

async fn refused(world: &World, settings: &SupabaseSettings) -> SupabaseError {
    let dir = a_dir();
    let options = world.options(settings);
    let puller = world
        .connect_as(options, alice(), PROJECT, dir.path())
        .await;
    puller.err().unwrap()
}

fn not_files() {
    block_on(|scope| async move {
        let sql = "insert into attachments (project_id, file_name, storage_path)
              values ($P, 'a.pdf', 'x/a.pdf');
            insert into tree (project_id, name, content) values ($P, 'a', 'a')";
        let world = with_rows(&scope, sql).await;
        let said = refused(&world, &table("attachments")).await.to_string();
        let expected = "`attachments` has no column for the path; its columns are: file_name, id, \
                        project_id, storage_path, uploaded_by";
        assert_eq!(said, expected);
        let mut with_path = table("attachments");
        with_path.columns.path = Some("file_name".to_owned());
        let said = refused(&world, &with_path).await.to_string();
        assert!(said.contains("no column for the content"), "{said}");
        let said = refused(&world, &table("tree")).await.to_string();
        assert!(said.contains("tree of names"), "{said}");
        // Who says that the content is in Storage means it.
        with_path.columns.storage = Some("storage_path".to_owned());
        with_path.bucket = Some("b".to_owned());
        world.gate.keep_object("b", "x/a.pdf", b"%PDF");
        let mut it = Shaped::new(world, &with_path).await;
        it.puller.full().await.unwrap();
        assert_eq!(it.found(), files(&[("a.pdf", "%PDF")]));
    });
}

fn named() {
    block_on(|scope| async move {
        let sql = "insert into with_path (project_id, path, content, language) values
            ($P, 'a', '1', 'x/a'), ($P, 'b', '2', 'x/b')";
        let world = with_rows(&scope, sql).await;
        let mut settings = table("with_path");
        settings.columns.path = Some("language".to_owned());
        settings.columns.id = Some(String::new());
        settings.extra_filter = Some("path=neq.b".to_owned());
        let mut it = Shaped::new(world, &settings).await;
        assert_eq!(it.puller.shape().key, Key::Path);
        it.after("select 1", &[("x/a", "1")]).await;
    });
}

fn empty() {
    block_on(|scope| async move {
        for (name, row) in [
            ("with_file_path", "(project_id, file_path, file_content)"),
            ("versioned", "(project_id, file_path, content)"),
        ] {
            let world = with_rows(&scope, "").await;
            let mut it = Shaped::new(world, &table(name)).await;
            assert_eq!(it.puller.full().await.unwrap().files, 0);
            it.after(
                &format!("insert into {name} {row} values ($P, 'a', '1')"),
                &[("a", "1")],
            )
            .await;
        }
    });
}

fn slow() {
    block_on(|scope| async move {
        let sql = "insert into slow_rows (project_id, path, content)
            select $P, 'f' || n, n::text from generate_series(1, 60) n";
        let world = with_rows(&scope, sql).await;
        let dir = a_dir();
        let mut settings = table("slow");
        settings.columns.id = Some("id".to_owned());
        // 20 ms a row, and 100 ms a statement.
        let hurried = token("hurried", None);
        let options: Options = world.options(&settings);
        let puller = Puller::connect(options, Arc::new(hurried), PROJECT, dir.path(), &scope);
        let mut puller = puller.await.unwrap();
        let done = puller.full().await.unwrap();
        assert_eq!((done.files, done.refused.len()), (60, 0));
        assert_eq!(on_disk(dir.path()).len(), 60);
    });
}
