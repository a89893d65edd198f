-- Whether whoever held the scope before may still commit a version: its claim ran out, or its commit was sent and not answered. The next build then
-- publishes a new version even where nothing changed, which takes the version number away from the other.
alter table consent_snapshots.work add column fence boolean not null default false;
