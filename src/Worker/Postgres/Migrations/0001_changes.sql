-- What the control plane's transactions tell us: which scopes they changed. Rows are only ever appended by a writer, in its own transaction, and deleted by a worker that has
-- taken them in. A writer reads and locks no row of ours, so it never waits for us or for another writer.

create table consent_snapshots.source (
    only_row boolean primary key default true check (only_row),
    epoch bigint not null default 1 check (epoch > 0)
);
insert into consent_snapshots.source default values;

create table consent_snapshots.changes (
    id bigint generated always as identity primary key,
    -- Tells the worker how much one transaction touched, so that an import row by row counts as one.
    transaction_id xid8 not null default pg_current_xact_id(),
    -- Null stands for every scope.
    organization_id text collate "C",
    -- Null stands for all three environments.
    environment text collate "C",
    -- Whether no person waits for it: what we enqueue ourselves.
    bulk boolean not null default false,
    reason text not null,
    changed_at timestamptz not null default clock_timestamp()
);
-- The table is as good as empty most of the time, and what a worker deletes has to make room soon.
alter table consent_snapshots.changes set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
-- A vacuum that gives pages at the table's end back to the system locks the table for that, and a writer's trigger, which waits for no lock, could not note its change meanwhile.
alter table consent_snapshots.changes set (vacuum_truncate = false);

-- When a writer last told the workers, in milliseconds since 1970. A sequence is no transaction's: reading and setting it waits for nobody.
create sequence consent_snapshots.last_told minvalue 0 start 0;

revoke all on all tables in schema consent_snapshots from public;

-- Tells listening workers that there are changes. It is a hint: the workers look at the table by themselves, too.
--
-- Notifying makes commits wait for each other, so a transaction notifies once at most, and in a burst only one in fifty milliseconds does: a worker that was told looks again a
-- moment later. A transaction that has notified cannot be prepared, so where two-phase commit is enabled nobody notifies. A full queue would make the commit fail.
create function consent_snapshots.tell_workers() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    now_ms bigint := (extract(epoch from clock_timestamp()) * 1000)::bigint;
    told_ms bigint;
begin
    if current_setting('max_prepared_transactions')::integer > 0 or current_setting('consent_snapshots.told', true) = pg_current_xact_id()::text then
        return;
    end if;
    select last_value into told_ms from consent_snapshots.last_told;
    if now_ms - told_ms between 0 and 49 or pg_notification_queue_usage() >= 0.5 then
        return;
    end if;
    perform setval('consent_snapshots.last_told', now_ms);
    perform set_config('consent_snapshots.told', pg_current_xact_id()::text, true);
    perform pg_notify('consent_snapshots', '');
end
$$;

-- The statement trigger of the destinations table. It runs in the writer's transaction with our owner's rights, so the writer needs none.
--
-- It never fails a write: an error of ours is a warning, and the next reconcile publishes the change. What may fail stands in blocks that write nothing, because each block that
-- writes takes a transaction id, and more than 64 of them in a transaction slow every other session. What is not caught is the cancellation of the writer's own statement
-- (its statement_timeout included): that is the writer's will.
create function consent_snapshots.destinations_changed() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    organizations text[];
    environments text[];
    step text := 'collect';
    code text;
    message text;
begin
    begin
        -- Rows are compared whole, as text (jsonb equality would take 1 for 1.0), without the columns that no output depends on:
        -- a connection test that updates last_tested_at on a timer must not rebuild anything.
        if tg_op = 'INSERT' then
            select array_agg(t.organization_id), array_agg(t.environment) into organizations, environments
            from (select distinct n.organization_id::text, n.environment::text from new_rows n) t
            where t.organization_id is not null;
        elsif tg_op = 'DELETE' then
            select array_agg(t.organization_id), array_agg(t.environment) into organizations, environments
            from (select distinct o.organization_id::text, o.environment::text from old_rows o) t
            where t.organization_id is not null;
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
            ) t
            where t.organization_id is not null;
        else
            organizations := array[null]::text[];
            environments := array[null]::text[];
        end if;
        if organizations is null then
            return null;
        end if;
        step := 'lock';
        lock table consent_snapshots.changes in row exclusive mode nowait;
        step := 'tell';
        perform consent_snapshots.tell_workers();
    exception when others then
        get stacked diagnostics code = returned_sqlstate, message = message_text;
        case step
            when 'collect' then
                raise warning 'consent_snapshots: which scopes a change of destinations concerns is not known (%: %), so every scope is built', code, message;
                organizations := array[null]::text[];
                environments := array[null]::text[];
            when 'tell' then
                raise warning 'consent_snapshots: the workers were not told of a change (%: %) and will see it when they look', code, message;
            else
                raise warning 'consent_snapshots: a change of destinations was not noted (%: %) and will be published by the next reconcile', code, message;
                return null;
        end case;
        -- What failed has given its locks back.
        begin
            lock table consent_snapshots.changes in row exclusive mode nowait;
        exception when others then
            get stacked diagnostics code = returned_sqlstate, message = message_text;
            raise warning 'consent_snapshots: a change of destinations was not noted (%: %) and will be published by the next reconcile', code, message;
            return null;
        end;
    end;

    insert into consent_snapshots.changes (organization_id, environment, reason)
    select c.organization_id, c.environment, lower(tg_op)
    from unnest(organizations, environments) as c (organization_id, environment);
    return null;
end
$$;

-- The row trigger for what logical replication applies, which fires no statement triggers. It is enabled for replicas only; where `enable trigger all` has made it fire for
-- everybody, as after some restores, it does nothing for the others.
create function consent_snapshots.destinations_replicated() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    organizations text[];
    environments text[];
    code text;
    message text;
begin
    if current_setting('session_replication_role') <> 'replica' then
        return null;
    end if;
    begin
        if tg_op = 'UPDATE' then
            if (to_jsonb(old) - '{last_tested_at,connection_status,last_error,updated_at,updated_by}'::text[])::text
                = (to_jsonb(new) - '{last_tested_at,connection_status,last_error,updated_at,updated_by}'::text[])::text then
                return null;
            end if;
        end if;
        if tg_op <> 'INSERT' and old.organization_id is not null then
            organizations := organizations || old.organization_id::text;
            environments := environments || old.environment::text;
        end if;
        if tg_op <> 'DELETE' and new.organization_id is not null then
            organizations := organizations || new.organization_id::text;
            environments := environments || new.environment::text;
        end if;
        lock table consent_snapshots.changes in row exclusive mode nowait;
    exception when others then
        get stacked diagnostics code = returned_sqlstate, message = message_text;
        raise warning 'consent_snapshots: a replicated change of destinations was not noted (%: %) and will be published by the next reconcile', code, message;
        return null;
    end;

    insert into consent_snapshots.changes (organization_id, environment, reason)
    select distinct c.organization_id, c.environment, 'replicated'
    from unnest(organizations, environments) as c (organization_id, environment);
    return null;
end
$$;

-- For a control plane whose destinations are a view over tables of another shape: its own triggers say what changed. A null environment stands for all three, a null organization
-- for every scope.
--
-- It is as harmless to the caller as the triggers above: it waits for no lock, uses up no subtransaction, and what fails is a warning. The change is then published by the next
-- reconcile. A name that is none of the three environments is said to the caller, and the worker says it again when it takes the change in.
create function consent_snapshots.changed(organization text, environment text default null) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    step text := 'lock';
    code text;
    message text;
begin
    if environment not in ('development', 'staging', 'production') then
        raise warning 'consent_snapshots: environment % is none of development, staging, production, so nothing is published for it', quote_literal(left(environment, 100));
    end if;
    if current_setting('transaction_read_only')::boolean then
        raise warning 'consent_snapshots: a change of destinations was not noted, because a transaction that only reads changes none';
        return;
    end if;
    begin
        lock table consent_snapshots.changes in row exclusive mode nowait;
        step := 'tell';
        perform consent_snapshots.tell_workers();
    exception when others then
        get stacked diagnostics code = returned_sqlstate, message = message_text;
        if step = 'lock' then
            raise warning 'consent_snapshots: a change of destinations was not noted (%: %) and will be published by the next reconcile', code, message;
            return;
        end if;
        raise warning 'consent_snapshots: the workers were not told of a change (%: %) and will see it when they look', code, message;
        -- What failed has given its locks back.
        begin
            lock table consent_snapshots.changes in row exclusive mode nowait;
        exception when others then
            get stacked diagnostics code = returned_sqlstate, message = message_text;
            raise warning 'consent_snapshots: a change of destinations was not noted (%: %) and will be published by the next reconcile', code, message;
            return;
        end;
    end;
    insert into consent_snapshots.changes (organization_id, environment, reason) values (organization, environment, 'changed');
end
$$;
