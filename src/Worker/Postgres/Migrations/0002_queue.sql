-- Which scopes there are, what each waits for, and who builds it. Only workers read and write here.

create table consent_snapshots.workers (
    worker_id uuid primary key,
    name text not null,
    started_at timestamptz not null default clock_timestamp(),
    beaten_at timestamptz not null default clock_timestamp()
) with (fillfactor = 50);

create table consent_snapshots.scopes (
    organization_id text collate "C" not null,
    environment text collate "C" not null check (environment in ('development', 'staging', 'production')),
    -- What a build read has the next number, taken in the transaction that reads: a higher one never has older rows.
    revision bigint not null default 0 check (revision >= 0),
    -- How often changes of the scope were taken in, and how many of them are published. A build reads the first in the snapshot of its rows.
    generation bigint not null default 1,
    completed_generation bigint not null default 0,
    -- When the oldest change was made that no completed build has read; and the oldest since the present build began.
    changed_at timestamptz,
    changed_again_at timestamptz,
    -- 0: an edit, for which somebody waits. 1: bulk.
    lane smallint not null default 0 check (lane in (0, 1)),
    -- From when on the scope may be built; null while there is nothing to build or somebody builds it.
    ready_at timestamptz,
    -- How far ahead that may lie.
    waits interval,
    attempts integer not null default 0,
    claimed_by uuid,
    claim_token uuid,
    -- Whether whoever held the scope before may still commit a version: the claim was lost, or a commit was sent and not answered. The next build then publishes a new version
    -- even where nothing changed, which takes the version number away from the other.
    fence boolean not null default false,
    last_error text,
    held_reason text,
    completed_at timestamptz,
    primary key (organization_id, environment)
) with (fillfactor = 70);
create index scopes_ready on consent_snapshots.scopes (lane, ready_at) where ready_at is not null;
create index scopes_claimed on consent_snapshots.scopes (claimed_by) where claimed_by is not null;

revoke all on all tables in schema consent_snapshots from public;

-- Turns changes into scopes that wait to be built, and deletes them. Returns how many changes were taken in, and the first environment's name that is none.
--
-- An organization's name of more than 1000 bytes is none that could be published, and an index would not take it: such a change is deleted. Each reconcile names the organization.
--
-- A change names a few of many scopes, as a rule, which the planner cannot know. Each is therefore looked up by itself (a subquery with a limit or a lock is not made a join of),
-- so that an edit does not read all scopes.
--
-- One worker does it at a time; the others have nothing to wait for. A scope that somebody has locked is left for the next time with its changes, so a session that hangs holds up
-- one scope and nothing else.
create function consent_snapshots.take_in_changes(out taken bigint, out unknown_environment text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    taken := 0;
    if not exists (select from consent_snapshots.changes) or not pg_try_advisory_xact_lock(7165065844173895521) then
        return;
    end if;
    with seen as materialized (
        select c.id, c.transaction_id, c.organization_id, c.environment, c.bulk, c.changed_at from consent_snapshots.changes c
    ), three (environment) as (
        values ('development'), ('production'), ('staging')
    ), named as materialized (
        select s.transaction_id, s.organization_id, t.environment collate "C" as environment, s.changed_at, s.bulk
        from seen s
        join three t on s.environment is null or s.environment = t.environment
        where octet_length(s.organization_id) <= 1000
    ), imports as (
        -- A transaction that touches more than ten scopes is no edit that somebody waits for.
        select n.transaction_id
        from (select distinct transaction_id, organization_id, environment from named where not bulk) n
        group by 1
        having count(*) > 10
    ), targets as materialized (
        select a.organization_id, a.environment, min(a.changed_at) as changed_at, bool_and(a.bulk) as bulk
        from (
            select n.organization_id, n.environment, n.changed_at, n.bulk or i.transaction_id is not null as bulk
            from named n
            left join imports i using (transaction_id)
            union all
            -- An organization has all three scopes from its first row on.
            select o.organization_id, t.environment, o.changed_at, o.bulk
            from (
                select s.organization_id, min(s.changed_at) as changed_at, bool_and(s.bulk or i.transaction_id is not null) as bulk
                from seen s left join imports i using (transaction_id)
                where octet_length(s.organization_id) <= 1000 group by 1
            ) o
            cross join three t
            left join lateral (
                select true as found from consent_snapshots.scopes k where k.organization_id = o.organization_id and k.environment = t.environment limit 1
            ) known on true
            where known.found is null
            union all
            select k.organization_id, k.environment, e.changed_at, true
            from consent_snapshots.scopes k
            join (select min(changed_at) as changed_at from seen where organization_id is null) e on e.changed_at is not null
        ) a
        group by 1, 2
    ), known as materialized (
        select t.organization_id, t.environment
        from targets t
        cross join lateral (
            select from consent_snapshots.scopes k where k.organization_id = t.organization_id and k.environment = t.environment limit 1
        ) k
    ), free as materialized (
        select k.organization_id, k.environment
        from (select t.organization_id, t.environment from targets t order by t.organization_id, t.environment) t
        cross join lateral (
            select k.organization_id, k.environment from consent_snapshots.scopes k
            where k.organization_id = t.organization_id and k.environment = t.environment
            for update skip locked
        ) k
    ), blocked as materialized (
        select * from known except select * from free
    ), counted as (
        insert into consent_snapshots.scopes as s (organization_id, environment, lane, changed_at, ready_at)
        select t.organization_id, t.environment, case when t.bulk then 1 else 0 end, t.changed_at, now()
        from targets t
        left join blocked b using (organization_id, environment)
        where b.organization_id is null
        order by t.organization_id, t.environment
        on conflict (organization_id, environment) do update
            set generation = s.generation + 1,
                changed_at = coalesce(s.changed_at, excluded.changed_at),
                changed_again_at = case when s.claim_token is not null then coalesce(s.changed_again_at, excluded.changed_at) end,
                lane = case when s.ready_at is null and s.claim_token is null then excluded.lane else least(s.lane, excluded.lane) end,
                ready_at = case when s.claim_token is null then least(s.ready_at, excluded.ready_at) end
    ), deleted as (
        delete from consent_snapshots.changes c
        using seen s
        where c.id = s.id
          and not exists (
              select from blocked b
              where s.organization_id is null or (b.organization_id = s.organization_id and (s.environment is null or s.environment = b.environment)))
        returning s.environment
    )
    select count(*), min(d.environment) filter (where d.environment not in ('development', 'production', 'staging'))
    into taken, unknown_environment
    from deleted d;
end
$$;

-- Takes in what has changed, and up to so many scopes of a lane that are ready, the oldest first. A function, because its statements are planned once in a session and no statement
-- of ours is prepared there. The first row says what was taken in; its token is null.
create function consent_snapshots.claim_scopes(worker uuid, wanted_lane integer, most integer)
returns table (organization_id text, environment text, attempts integer, claim_token uuid, fence boolean, changes bigint, taken bigint, unknown_environment text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    taken_in record;
begin
    select t.taken, t.unknown_environment into taken_in from consent_snapshots.take_in_changes() t;
    return query select null::text, null::text, null::integer, null::uuid, null::boolean, null::bigint, taken_in.taken, taken_in.unknown_environment;
    if not exists (select from consent_snapshots.workers w where w.worker_id = worker) then
        return;
    end if;
    return query
    with ready as materialized (
        select k.organization_id, k.environment from consent_snapshots.scopes k
        where k.lane = wanted_lane and k.ready_at <= now()
        order by k.ready_at
        limit most
        for update skip locked
    )
    update consent_snapshots.scopes s
    set claimed_by = worker, claim_token = gen_random_uuid(), ready_at = null, changed_again_at = null, attempts = s.attempts + 1
    from ready r
    where s.organization_id = r.organization_id and s.environment = r.environment
    returning s.organization_id, s.environment, s.attempts, s.claim_token, s.fence, s.generation, null::bigint, null::text;
end
$$;

-- A sign of life, and what follows from the lack of others': claims live as long as their worker's row does, and its row for two seconds. No clock counts but the database's;
-- where that was set back, a row lies ahead of it and has expired as well. Returns whether the worker's own row was still there: if not, its claims may be somebody else's.
create function consent_snapshots.beat(worker uuid, worker_name text) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    known boolean;
begin
    update consent_snapshots.workers w set beaten_at = clock_timestamp() where w.worker_id = worker;
    known := found;
    if not known then
        insert into consent_snapshots.workers (worker_id, name) values (worker, worker_name) on conflict do nothing;
    end if;

    delete from consent_snapshots.workers w
    using (
        select o.worker_id from consent_snapshots.workers o
        where o.beaten_at not between clock_timestamp() - interval '2 seconds' and clock_timestamp() + interval '2 seconds'
        for update skip locked
    ) expired
    where w.worker_id = expired.worker_id;
    perform consent_snapshots.release_lost_claims();
    return known;
end
$$;

-- Makes due what workers hold that are gone. A scope that has been lost with its worker again and again may be what ends them: it waits longer each time.
create function consent_snapshots.release_lost_claims() returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    update consent_snapshots.scopes s
    set claimed_by = null, claim_token = null, fence = true,
        waits = interval '1 second' * case when s.attempts > 2 then least(2 ^ least(s.attempts - 2, 10), 300) else 0 end,
        ready_at = now() + interval '1 second' * case when s.attempts > 2 then least(2 ^ least(s.attempts - 2, 10), 300) else 0 end
    from (
        select k.organization_id, k.environment from consent_snapshots.scopes k
        where k.claimed_by is not null and not exists (select from consent_snapshots.workers w where w.worker_id = k.claimed_by)
        for update skip locked
    ) lost
    where s.organization_id = lost.organization_id and s.environment = lost.environment
$$;

-- Where the database's clock was set back, times that were right lie further ahead than anything waits.
create function consent_snapshots.mend_times() returns bigint
language sql
set search_path = pg_catalog, pg_temp
as $$
    with mended as (
        update consent_snapshots.scopes s set ready_at = now()
        where s.lane in (0, 1) and s.ready_at > now() + interval '2 seconds' and s.ready_at > now() + coalesce(s.waits, interval '0') + interval '2 seconds'
        returning 1
    )
    select count(*) from mended
$$;

revoke all on all functions in schema consent_snapshots from public;
