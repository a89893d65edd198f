-- Counts one change of each given scope and makes sure that every organization named has all three scopes: environments[i] belongs to
-- organizations[i]; null there means all three environments, a name that is none of the three counts nothing.
-- Returns whether a worker has to be told: true when a scope was idle, or is being built by somebody who may have read it already.
--
-- Rows are locked in the order of the primary key, so two single statements never wait for each other in a circle.
create function consent_snapshots.count_changes(organizations text[], environments text[]) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    counted_organizations text[];
    counted_environments text[];
    counted_revisions bigint[];
begin
    with named as (
        select n.organization_id collate "C" as organization_id, e.environment collate "C" as environment,
               bool_or(n.environment is null or n.environment = e.environment) as changed
        from unnest(organizations, environments) as n (organization_id, environment)
        cross join (values ('development'), ('production'), ('staging')) as e (environment)
        where n.organization_id is not null
        group by 1, 2
    ), counted as (
        insert into consent_snapshots.scopes as s (organization_id, environment, revision)
        select n.organization_id, n.environment, 1
        from named n
        where n.changed or not exists (
            select from consent_snapshots.scopes k where k.organization_id = n.organization_id and k.environment = n.environment)
        order by n.organization_id, n.environment
        on conflict (organization_id, environment) do update
            set revision = s.revision + 1, changed_at = excluded.changed_at
        returning s.organization_id, s.environment, s.revision
    )
    select array_agg(c.organization_id), array_agg(c.environment), array_agg(c.revision)
    into counted_organizations, counted_environments, counted_revisions
    from counted c;

    if counted_organizations is null then
        return false;
    end if;

    insert into consent_snapshots.work (organization_id, environment)
    select c.organization_id, c.environment
    from unnest(counted_organizations, counted_environments, counted_revisions) as c (organization_id, environment, revision)
    where c.revision = 1
    order by c.organization_id collate "C", c.environment collate "C"
    on conflict do nothing;

    -- A repeatable-read snapshot is older than the row locks just taken: what it says of the workers may be past. Tell them.
    if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
        return true;
    end if;

    -- A statement of its own, because it must see what was committed while the one above waited. A scope that was already pending and
    -- is in nobody's hands was announced when it became so; whoever claims it from now on finds out about this transaction when it
    -- completes (it looks whether the row in `scopes` is locked), so nothing is lost between the two.
    return exists (
        select
        from unnest(counted_organizations, counted_environments, counted_revisions) as c (organization_id, environment, revision)
        left join consent_snapshots.work w on w.organization_id = c.organization_id and w.environment = c.environment
        where c.revision - 1 <= greatest(w.completed_revision, w.attempted_revision, 0)
           or w.claimed_until > clock_timestamp());
end
$$;

-- One hint a transaction, whatever it changed: identical payloads are folded by Postgres, and the listener looks at the table anyway.
-- A full notification queue would make the writer's commit fail, so a queue that fills up is left alone.
create function consent_snapshots.tell_workers() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if pg_notification_queue_usage() < 0.5 then
        perform pg_notify('consent_snapshots', '');
    end if;
end
$$;

-- The statement trigger of the destinations table. It runs in the writer's transaction with our owner's rights, so the writer needs none.
--
-- It never fails a write. Waiting for another writer of the same scope is bounded; where the wait ends in a timeout, a deadlock or a
-- serialization failure the change goes to uncounted_changes, which nothing can hold, and is not lost. Any other error is ours: it is
-- noted there too where that is still possible, and the writer sees a warning. What is not caught is the cancellation of the writer's own
-- statement (its statement_timeout included): that is the writer's will.
create function consent_snapshots.destinations_changed() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '1s'
as $$
declare
    organizations text[];
    environments text[];
    collected boolean := false;
    code text;
    message text;
begin
    begin
        -- Rows are compared whole, as text (jsonb equality would take 1 for 1.0), without the columns that no output depends on:
        -- a connection test that updates last_tested_at on a timer must not rebuild anything.
        if tg_op = 'INSERT' then
            select array_agg(t.organization_id), array_agg(t.environment) into organizations, environments
            from (select distinct n.organization_id::text, n.environment::text from new_rows n) t;
        elsif tg_op = 'DELETE' then
            select array_agg(t.organization_id), array_agg(t.environment) into organizations, environments
            from (select distinct o.organization_id::text, o.environment::text from old_rows o) t;
        elsif tg_op = 'UPDATE' then
            with before as (
                select o.organization_id::text, o.environment::text,
                       (to_jsonb(o) - '{last_tested_at,connection_status,last_error,updated_at,updated_by}'::text[])::text as content
                from old_rows o
            ), after as (
                select n.organization_id::text, n.environment::text,
                       (to_jsonb(n) - '{last_tested_at,connection_status,last_error,updated_at,updated_by}'::text[])::text as content
                from new_rows n
            )
            select array_agg(t.organization_id), array_agg(t.environment) into organizations, environments
            from (
                select d.organization_id, d.environment from (table before except all table after) d
                union
                select d.organization_id, d.environment from (table after except all table before) d
            ) t;
        else
            select array_agg(s.organization_id), array_agg(s.environment) into organizations, environments
            from consent_snapshots.scopes s;
        end if;
        collected := true;

        if consent_snapshots.count_changes(organizations, environments) then
            perform consent_snapshots.tell_workers();
        end if;
    exception when others then
        get stacked diagnostics code = returned_sqlstate, message = message_text;
        begin
            insert into consent_snapshots.uncounted_changes (organization_id, environment, reason)
            select m.organization_id, e.environment, code || ': ' || message
            from unnest(organizations, environments) as m (organization_id, environment)
            join (values ('development'), ('production'), ('staging')) as e (environment)
                on m.environment is null or m.environment = e.environment
            where collected
            union all
            select null, null, code || ': ' || message
            where not collected;
            perform consent_snapshots.tell_workers();
            -- lock_not_available, deadlock_detected, serialization_failure: contention, provided for.
            if code not in ('55P03', '40P01', '40001') then
                raise warning 'consent_snapshots: a change of destinations was not counted (%: %); it is noted in consent_snapshots.uncounted_changes', code, message;
            end if;
        exception when others then
            raise warning 'consent_snapshots: a change of destinations was not counted (%: %) and will be published by the next reconcile', code, message;
        end;
    end;
    return null;
end
$$;

-- Turns uncounted changes into revisions, as far as nobody holds the scopes; the rest stays for the next time. Returns how many were turned.
create function consent_snapshots.count_uncounted_changes() returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '1s'
as $$
declare
    folded bigint;
begin
    if not exists (select from consent_snapshots.uncounted_changes) then
        return 0;
    end if;

    -- One statement, because a row that is committed between two would be deleted unread.
    with everything as (
        delete from consent_snapshots.uncounted_changes where organization_id is null returning id
    )
    insert into consent_snapshots.uncounted_changes (organization_id, environment, reason)
    select s.organization_id, s.environment, 'every scope'
    from consent_snapshots.scopes s
    where exists (select from everything);

    -- Organizations whose very first row was missed: their scopes are created here and counted below. The insert may have to wait for a
    -- writer that creates them at the same time; that must not keep the others waiting for long.
    begin
        perform consent_snapshots.count_changes(array_agg(t.organization_id), array_agg('none'::text))
        from (
            select distinct m.organization_id
            from consent_snapshots.uncounted_changes m
            where not exists (select from consent_snapshots.scopes s where s.organization_id = m.organization_id)
        ) t;
    exception when lock_not_available or deadlock_detected then
        null;
    end;

    with free as (
        select s.organization_id, s.environment
        from consent_snapshots.scopes s
        where exists (
            select from consent_snapshots.uncounted_changes m
            where m.organization_id = s.organization_id and m.environment = s.environment)
        order by s.organization_id, s.environment
        for no key update skip locked
    ), counted as (
        update consent_snapshots.scopes s
        set revision = s.revision + 1, changed_at = clock_timestamp()
        from free f
        where s.organization_id = f.organization_id and s.environment = f.environment
        returning s.organization_id, s.environment
    )
    delete from consent_snapshots.uncounted_changes m
    using counted c
    where m.organization_id = c.organization_id and m.environment = c.environment;
    get diagnostics folded = row_count;
    return folded;
end
$$;

revoke all on all functions in schema consent_snapshots from public;
