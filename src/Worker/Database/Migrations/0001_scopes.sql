-- The source's own state: which scopes exist, at which revision, and what the workers have done about it.
--
-- Writers (triggers) touch `scopes`, workers touch `work`, and neither ever locks the other's rows for longer than one short
-- statement. Were they one table, a control-plane transaction that stays open for a minute would keep the worker from completing,
-- renewing or even seeing every scope that it touched, and a worker's lease update could make a repeatable-read writer fail.

create table consent_snapshots.source (
    only_row boolean primary key default true check (only_row),
    epoch bigint not null default 1 check (epoch > 0)
);
insert into consent_snapshots.source default values;

create table consent_snapshots.scopes (
    organization_id text collate "C" not null,
    environment text collate "C" not null check (environment in ('development', 'staging', 'production')),
    revision bigint not null check (revision > 0),
    changed_at timestamptz not null default clock_timestamp(),
    primary key (organization_id, environment)
) with (fillfactor = 80);

create table consent_snapshots.work (
    organization_id text collate "C" not null,
    environment text collate "C" not null,
    completed_revision bigint not null default 0,
    completed_at timestamptz,
    -- The revision of the last attempt that failed: a newer one is due at once, whatever the backoff says.
    attempted_revision bigint not null default 0,
    attempts integer not null default 0,
    next_attempt_at timestamptz,
    claimed_by text,
    claim_token uuid,
    claimed_until timestamptz,
    last_error text,
    held_reason text,
    primary key (organization_id, environment)
) with (fillfactor = 80);

-- Changes that a trigger could not count because another session held the scope's row: append-only, so nothing waits for anything.
-- A null organization stands for every scope, a claim turns the rows into revisions.
create table consent_snapshots.uncounted_changes (
    id bigint generated always as identity primary key,
    organization_id text collate "C",
    environment text collate "C",
    reason text not null,
    noticed_at timestamptz not null default clock_timestamp()
);

revoke all on all tables in schema consent_snapshots from public;
