-- roles.sql: the three roles of an installation, each with what it needs and nothing else. docs/control-plane.md says what they are for.
--
--   psql "host=… dbname=app user=ADMIN" -v owner=consent_owner -v worker=consent_worker -v control_plane=app -v table=public.destinations -f roles.sql
--
-- Run it in the database that has the destinations, as a role that may create roles, and before the first `migrate`. It may be run again. Roles that exist are used as they are: the
-- control plane's own one, and those of managed identities. It sets no password: set one with \password, or let the roles sign in by what pg_hba.conf or Entra says.
--
-- This script gives the roles what has to be there before `migrate`. What worker and control plane may do in the schema consent_snapshots is granted by `migrate` itself
-- (Database__WorkerRole, Database__ControlPlaneRole), because it changes with the schema.

\set ON_ERROR_STOP on
\if :{?owner} \else \set owner consent_owner \endif
\if :{?worker} \else \set worker consent_worker \endif
\if :{?control_plane} \else \set control_plane consent_control_plane \endif
\if :{?table} \else \set table public.destinations \endif

begin;

select set_config('consent.owner', :'owner', true), set_config('consent.worker', :'worker', true), set_config('consent.control_plane', :'control_plane', true),
    set_config('consent.table', :'table', true) \g /dev/null

do $$
declare
    names text[] := array[current_setting('consent.owner'), current_setting('consent.worker'), current_setting('consent.control_plane')];
    destinations regclass := to_regclass(current_setting('consent.table'));
    holder name := (select pg_get_userbyid(relowner) from pg_class where oid = destinations);
begin
    if names[1] = names[2] or names[2] = names[3] then
        raise exception 'The worker''s role must be another one than the owner''s and the control plane''s. They are %.', array_to_string(names, ', ');
    end if;
    if position('.' in current_setting('consent.table')) = 0 then
        raise exception 'table must be schema.table; it is %.', current_setting('consent.table');
    end if;
    -- A member of a superuser's role may do everything.
    if exists (select from pg_roles where rolname = holder and rolsuper) and not exists (select from pg_roles where rolname = names[1] and rolname = holder) then
        raise exception '% belongs to the superuser %. Only its owner may attach the change triggers, so give it to an ordinary role first: alter table % owner to ROLE.',
            destinations, quote_ident(holder), destinations;
    end if;
end
$$;

select format('create role %I login', wanted.name) from (values (:'owner'), (:'worker'), (:'control_plane')) as wanted (name)
where not exists (select from pg_roles where rolname = wanted.name)
\gexec

grant connect on database :"DBNAME" to :"owner", :"worker", :"control_plane";
-- For the schema consent_snapshots, which then belongs to it.
grant create on database :"DBNAME" to :"owner";

select to_regclass(:'table') is not null as has_table \gset
\if :has_table
    -- Only the table's owner may attach the change triggers. A member of that role counts as it.
    select format('grant %I to %I', pg_get_userbyid(relowner), :'owner') from pg_class where oid = to_regclass(:'table') and not pg_has_role(:'owner', relowner, 'member')
    \gexec
\else
    -- There is no table yet: `migrate --with-destinations` creates it, and the control plane writes it.
    select split_part(:'table', '.', 1) as schema \gset
    grant usage, create on schema :"schema" to :"owner";
    grant usage on schema :"schema" to :"control_plane";
    -- What another role's new tables are to give can be said by its members only.
    select not pg_has_role(current_user, :'owner', 'usage') as joins \gset
    \if :joins
        grant :"owner" to current_user;
    \endif
    alter default privileges for role :"owner" in schema :"schema" grant select, insert, update, delete on tables to :"control_plane";
    \if :joins
        revoke :"owner" from current_user;
    \endif
\endif

commit;
