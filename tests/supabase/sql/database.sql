-- What every Supabase database has, as far as policies and PostgREST need it. All claims are in
-- one setting, for PostgREST runs with db-use-legacy-gucs=false.
create schema auth;
grant usage on schema public, auth to anon, authenticated, service_role, hurried;
create function auth.jwt() returns jsonb language sql stable as
  $$ select nullif(current_setting('request.jwt.claims', true), '')::jsonb $$;
create function auth.uid() returns uuid language sql stable as
  $$ select (auth.jwt() ->> 'sub')::uuid $$;
alter default privileges in schema public
  grant all on tables to anon, authenticated, service_role, hurried;
alter default privileges in schema public
  grant all on sequences to anon, authenticated, service_role, hurried;
