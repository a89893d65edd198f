-- What is wrong with a destination and how to put it right, as of the scope's last build. Never a setting's value.
create table consent_snapshots.destination_reports (
    organization_id text collate "C" not null,
    environment text collate "C" not null,
    destination_id uuid not null,
    position integer not null,
    destination_type text not null,
    destination_name text not null,
    kind text not null,
    -- Whether the destination is left out because of it; where it is not, the destination works.
    leaves_out boolean not null,
    field text,
    message text not null,
    reported_at timestamptz not null default clock_timestamp(),
    primary key (organization_id, environment, destination_id, position)
);

-- The operators' record of what was published when. The manifests in the store are the truth; this is where one can search.
create table consent_snapshots.publications (
    publication_id uuid primary key,
    organization_id text collate "C" not null,
    environment text collate "C" not null,
    version bigint not null check (version > 0),
    source_epoch bigint not null,
    source_revision bigint not null,
    generated_at timestamptz not null,
    manifest_sha256 text not null,
    changed_combinations integer not null check (changed_combinations between 0 and 16),
    recorded_at timestamptz not null default clock_timestamp()
);
create index publications_of_scope on consent_snapshots.publications (organization_id, environment, version desc);

-- Which tables the destinations were in when a worker last looked: the configured one and its partitions, or the definition of a view. Attaching or detaching a partition changes
-- what there is without any write.
create table consent_snapshots.followed (
    only_row boolean primary key default true check (only_row),
    relations text not null
);

-- Which destinations have scripts of their own in the current version of their scope, and which publication was the first to carry these scripts. A script that several
-- destinations share counts for none of them.
create table consent_snapshots.destination_scripts (
    organization_id text collate "C" not null,
    environment text collate "C" not null,
    destination_id uuid not null,
    -- A hash of the destination's scripts.
    content bytea not null,
    version bigint not null check (version > 0),
    since timestamptz not null,
    primary key (organization_id, environment, destination_id)
);

revoke all on all tables in schema consent_snapshots from public;

-- Records the scripts of a scope's current version. Only what differs is written, so an unchanged build writes nothing.
--
-- A build that was overtaken may record late: where a later version is recorded already, its record stays. For a destination that was not recorded before, the caller says which
-- version is known to have carried the scripts first, which is an earlier one where the record was lost.
create function consent_snapshots.record_scripts(
    scope_organization text, scope_environment text, manifest_version bigint, generated_at timestamptz,
    ids uuid[], contents bytea[], first_versions bigint[], first_times timestamptz[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (
        select from consent_snapshots.publications p
        where p.organization_id = scope_organization and p.environment = scope_environment and p.version > manifest_version)
    then
        return;
    end if;
    delete from consent_snapshots.destination_scripts s
    where s.organization_id = scope_organization and s.environment = scope_environment and s.destination_id <> all (ids);
    insert into consent_snapshots.destination_scripts as s (organization_id, environment, destination_id, content, version, since)
    select scope_organization, scope_environment, p.id, p.content,
           case when k.destination_id is null then p.version else manifest_version end, case when k.destination_id is null then p.since else generated_at end
    from unnest(ids, contents, first_versions, first_times) as p (id, content, version, since)
    left join consent_snapshots.destination_scripts k
        on k.organization_id = scope_organization and k.environment = scope_environment and k.destination_id = p.id
    where k.content is distinct from p.content
    on conflict (organization_id, environment, destination_id) do update
        set content = excluded.content, version = excluded.version, since = excluded.since;
end
$$;

-- The rows of an organization in the control plane's table, once for each environment that they belong to. `migrate` puts the configured table in its place.
--
-- The view below reads the table through this function, because a view that names a table keeps its owner from dropping it and from changing its columns.
create function consent_snapshots.destinations_of(organization text) returns table (destination_id uuid, environment text, enabled boolean)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as 'begin end';

revoke all on function consent_snapshots.record_scripts, consent_snapshots.destinations_of from public;

-- What became of each destination, for the control plane's own pages: one line for each environment. It tells no setting's value.
create view consent_snapshots.destination_status as
select d.destination_id, o.organization_id, d.environment, l.state, s.version, s.since,
       case l.state when 'left out' then case when u.unknown then 'environment' else r.field end when 'held' then r.field end as field,
       case l.state
           when 'left out' then case when u.unknown then 'The environment is none of development, staging, production.' else r.message end
           when 'held' then coalesce(r.message, k.held_reason)
       end as reason
from (
    -- Each organization that is known has this scope.
    select p.organization_id from consent_snapshots.scopes p where p.environment = 'production'
    union
    select c.organization_id from consent_snapshots.changes c where c.organization_id is not null
) o
cross join lateral consent_snapshots.destinations_of(o.organization_id) d
cross join lateral (select d.environment not in ('development', 'staging', 'production') as unknown) u
left join consent_snapshots.scopes k on k.organization_id = o.organization_id and k.environment = d.environment
left join consent_snapshots.destination_scripts s
    on s.organization_id = o.organization_id and s.environment = d.environment and s.destination_id = d.destination_id
left join lateral (
    select p.field, p.message from consent_snapshots.destination_reports p
    where p.organization_id = o.organization_id and p.environment = d.environment and p.destination_id = d.destination_id and p.leaves_out
    order by p.position
    limit 1
) r on true
cross join lateral (
    select case
        when not d.enabled and s.destination_id is null then 'off'
        when u.unknown then 'left out'
        when k.held_reason is not null and k.generation > k.completed_generation then 'held'
        when k.organization_id is null or k.generation > k.completed_generation or exists (
            select from consent_snapshots.changes c
            where c.organization_id is null or (c.organization_id = o.organization_id and (c.environment is null or c.environment = d.environment)))
            then 'waiting'
        when r.message is not null then 'left out'
        when s.destination_id is not null then 'live'
        else 'no script'
    end as state
) l;

revoke all on consent_snapshots.destination_status from public;
