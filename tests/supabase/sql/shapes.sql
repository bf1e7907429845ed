-- Tables of files as they are found in public code, and one that only has the name.
create table public.projects (id uuid primary key, owner_id uuid, name text);

create table public.with_path (
  id uuid primary key default gen_random_uuid(), project_id uuid not null, path text not null,
  content text not null, language text, size_bytes bigint,
  updated_at timestamptz not null default now(), unique (project_id, path));

create table public.with_file_path (
  id bigint generated always as identity primary key, project_id uuid not null,
  file_path text not null, file_content text, file_type text, content_hash text,
  unique (project_id, file_path));

create table public.versioned (
  id uuid primary key default gen_random_uuid(), project_id uuid not null,
  file_path text not null, content text, version int not null default 1,
  is_current_version boolean not null default true, is_directory boolean not null default false,
  is_binary boolean not null default false, encoding text default 'utf-8', content_hash text,
  unique (project_id, file_path, version));

create table public.soft_deleted (
  id uuid primary key default gen_random_uuid(), project_id uuid not null, path text not null,
  content text, updated_at timestamptz not null default now(), deleted_at timestamptz);

create table public.hybrid (
  id uuid primary key default gen_random_uuid(), project_id uuid not null, parent_id uuid,
  name text not null, type text not null, path text not null, content_text text,
  storage_path text, is_binary boolean default false, sha256 text, version int default 1);

create table public.flat (project_id uuid not null, name text collate "en-x-icu" not null,
  content text not null, primary key (project_id, name));

create table public.attachments (
  id uuid primary key default gen_random_uuid(), project_id uuid not null,
  file_name text not null, storage_path text not null, uploaded_by uuid);

create table public.tree (
  id uuid primary key default gen_random_uuid(), project_id uuid not null, parent_id uuid,
  name text not null, content text);

-- A row takes its time.
create function public.slowly(what text) returns text language plpgsql stable as
  $$ begin perform pg_sleep(0.02); return what; end $$;
create table public.slow_rows (
  id uuid primary key default gen_random_uuid(), project_id uuid not null, path text not null,
  content text, updated_at timestamptz not null default now());
create view public.slow as
  select id, project_id, path, public.slowly(content) as content, updated_at from public.slow_rows;
