-- The roles of a Supabase project, with the timeouts its documentation names.
create role anon nologin noinherit;
create role authenticated nologin noinherit;
create role service_role nologin noinherit bypassrls;
create role hurried nologin noinherit;
create role authenticator login noinherit;
grant anon, authenticated, service_role, hurried to authenticator;
alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role hurried set statement_timeout = '100ms';
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';
