-- What is wrong with a destination and how to put it right, as of the scope's last build. Never a setting's value.
create table consent_snapshots.destination_reports (
    organization_id text collate "C" not null,
    environment text collate "C" not null,
    destination_id uuid not null,
    position integer not null,
    destination_type text not null,
    destination_name text not null,
    kind text not null,
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

revoke all on consent_snapshots.destination_reports, consent_snapshots.publications from public;
