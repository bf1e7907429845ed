-- The tables that codemate-preview reads best: a project's files, one row each.
--
-- What matters in them:
--   * (project_id, path) is the primary key, so that deletions told by Realtime name the path and
--     obey the filter on the project;
--   * every change takes a number, `rev`, under a lock of its project that is held until the
--     transaction ends: the order of numbers is the order of commits, and whoever has seen one
--     number has seen all below it. Numbers have gaps;
--   * deleted and renamed files leave a tombstone.
--
-- Run it once, in the SQL editor or as a migration. An own table of projects will do as well, if it
-- has a column `id`: leave out the first statement and mend the policies.

create table public.projects (
  id uuid primary key default gen_random_uuid(),
  owner_id uuid not null,
  name text not null
);

create table public.project_files (
  project_id uuid not null references public.projects (id) on delete cascade,
  path text not null check (
    path <> ''
    and octet_length(path) <= 1024
    and path !~ '(^/|/$|(^|/)\.\.?(/|$)|//|\\)'
  ),
  content text,
  encoding text not null default 'utf8' check (encoding in ('utf8', 'base64')),
  -- An object in Storage that holds the content, where `content` is null.
  storage_path text,
  bucket text,
  is_directory boolean not null default false,
  -- Unix permissions; only whether the file can be run is of interest.
  mode integer,
  -- Set by trigger where there is content.
  size bigint,
  sha256 text,
  rev bigint not null default 0,
  updated_at timestamptz not null default now(),
  primary key (project_id, path)
);

create index project_files_rev on public.project_files (project_id, rev);

create table public.project_file_deletions (
  project_id uuid not null references public.projects (id) on delete cascade,
  path text not null,
  rev bigint not null,
  deleted_at timestamptz not null default clock_timestamp(),
  primary key (project_id, path)
);

create index project_file_deletions_rev on public.project_file_deletions (project_id, rev);

create sequence public.project_files_rev_seq;

create function public.project_files_bump() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  bytes bytea;
begin
  -- One writer a project until it commits.
  perform pg_advisory_xact_lock(hashtextextended(new.project_id::text, 7101));
  new.rev := nextval('public.project_files_rev_seq');
  new.updated_at := clock_timestamp();
  if new.content is not null then
    bytes := case new.encoding
      when 'base64' then decode(new.content, 'base64')
      else convert_to(new.content, 'UTF8')
    end;
    new.size := octet_length(bytes);
    new.sha256 := encode(sha256(bytes), 'hex');
  elsif new.storage_path is null then
    new.size := null;
    new.sha256 := null;
  end if;
  return new;
end $$;

create trigger project_files_bump
  before insert or update on public.project_files
  for each row execute function public.project_files_bump();

create function public.project_files_bury() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if tg_op = 'DELETE'
    or old.path is distinct from new.path
    or old.project_id is distinct from new.project_id
  then
    perform pg_advisory_xact_lock(hashtextextended(old.project_id::text, 7101));
    -- Not where the whole project goes.
    insert into public.project_file_deletions (project_id, path, rev)
      select old.project_id, old.path, nextval('public.project_files_rev_seq')
      where exists (select 1 from public.projects p where p.id = old.project_id)
      on conflict (project_id, path)
      do update set rev = excluded.rev, deleted_at = clock_timestamp();
  end if;
  return null;
end $$;

create trigger project_files_bury
  after delete or update of path, project_id on public.project_files
  for each row execute function public.project_files_bury();

-- `(select auth.uid())` is asked once a query, a bare `auth.uid()` once a row.
alter table public.projects enable row level security;
alter table public.project_files enable row level security;
alter table public.project_file_deletions enable row level security;

create policy own on public.projects for all to authenticated
  using (owner_id = (select auth.uid()))
  with check (owner_id = (select auth.uid()));

create policy own on public.project_files for all to authenticated
  using (project_id in (select id from public.projects where owner_id = (select auth.uid())))
  with check (project_id in (select id from public.projects where owner_id = (select auth.uid())));

-- Tombstones are written by the trigger alone.
revoke insert, update, delete on public.project_file_deletions from anon, authenticated;

create policy own on public.project_file_deletions for select to authenticated
  using (project_id in (select id from public.projects where owner_id = (select auth.uid())));

-- For Realtime: who follows the files is told that something changed.
do $$
begin
  if not exists (select 1 from pg_publication where pubname = 'supabase_realtime') then
    create publication supabase_realtime;
  end if;
end $$;

alter publication supabase_realtime add table public.project_files;
