using System.Text.Json;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Worker.Postgres;
using ConsentSnapshots.Worker.Sources;
using Npgsql;

namespace ConsentSnapshots.Integration.Tests.Postgres;

public sealed class DestinationReaderTests(PostgresFixture postgres)
{
    private static readonly Guid Acme = SourceDatabase.Acme;
    private static readonly Scope Production = SourceDatabase.ScopeOf(Acme);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Read_Scope_GivesItsRowsInOrderWithEveryField()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.ExecuteAsync(
            $$"""
            insert into destinations (id, organization_id, type, name, environment, settings, settings_encrypted, required_consent, enabled, test_mode, deleted_at, created_at) values
              ('00000000-0000-4000-8000-00000000000b', '{{Acme}}', 'console', 'second by id', null, 'null', false, '{}', true, false, null, '2026-01-02T00:00:00Z'),
              ('00000000-0000-4000-8000-00000000000a', '{{Acme}}', 'meta-pixel', 'first', 'production', '{"pixelId":"1","n":1.50}', false, '{marketing,measurement}', true, true, null, '2026-01-02T00:00:00Z'),
              ('00000000-0000-4000-8000-00000000000c', '{{Acme}}', 'console', 'earliest', 'production', '{"a":"b"}', true, '{}', false, false, null, '2026-01-01T00:00:00Z'),
              (gen_random_uuid(), '{{Acme}}', 'console', 'elsewhere', 'staging', '{}', true, '{}', true, false, null, now()),
              (gen_random_uuid(), '{{Acme}}', 'console', 'deleted', 'production', '{}', true, '{}', true, false, now(), now()),
              (gen_random_uuid(), '{{Acme}}', 'console', 'no such place', 'qa', '{}', true, '{}', true, false, null, now()),
              (gen_random_uuid(), '{{SourceDatabase.Globex}}', 'console', 'another tenant', 'production', '{}', true, '{}', true, false, null, now());
            """);

        var source = await database.Reader.RowsAsync(Production, Cancel);

        Assert.Equal((Production, new SourcePosition(1, 1)), (source.Scope, source.Position));
        Assert.Equal(["earliest", "first", "second by id"], source.Rows.Select(row => row.Name));
        var row = source.Rows[1];
        Assert.Equal(("meta-pixel", "production", false, true, true, false), (row.Type, row.Environment, row.SettingsEncrypted, row.Enabled, row.TestMode, row.Deleted));
        Assert.Equal("""{"n": 1.50, "pixelId": "1"}""", row.Settings.GetRawText());
        Assert.Equal(["marketing", "measurement"], row.RequiredConsent);
        Assert.Equal(new DateTimeOffset(2026, 1, 2, 0, 0, 0, TimeSpan.Zero), row.CreatedAt);
        Assert.Equal(JsonValueKind.Null, source.Rows[2].Settings.ValueKind);
        Assert.Null(source.Rows[2].Environment);
        // Nobody uses the settings of what is off, so they are not asked for.
        Assert.Equal((false, JsonValueKind.Null), (source.Rows[0].Enabled, source.Rows[0].Settings.ValueKind));
    }

    [Theory]
    [InlineData("jsonb", """ '["marketing"]' """, "marketing")]
    [InlineData("jsonb", """ '["marketing",null,5]' """, "marketing|null|5")]
    [InlineData("jsonb", """ '"measurement"' """, "measurement")]
    [InlineData("jsonb", """ '{"a":1}' """, """{"a": 1}""")]
    [InlineData("jsonb", """ 'null' """, "")]
    [InlineData("jsonb", "null", "")]
    [InlineData("text[]", "'{}'", "")]
    [InlineData("text[]", "null", "")]
    [InlineData("text[]", "'{marketing,NULL}'", "marketing|null")]
    [InlineData("varchar(20)[]", "'{necessary}'", "necessary")]
    public async Task Read_RequiredConsentInEveryForm_IsNeverWeakened(string type, string value, string expected)
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.ExecuteAsync(
            $"""
            alter table destinations drop column required_consent;
            alter table destinations add column required_consent {type};
            insert into destinations (organization_id, type, name, required_consent) values ('{Acme}', 'console', 'x', {value});
            """);

        var row = Assert.Single((await database.Reader.RowsAsync(Production, Cancel)).Rows);

        Assert.Equal(expected, string.Join('|', row.RequiredConsent));
    }

    [Theory]
    [InlineData("text")]
    [InlineData("varchar(64)")]
    public async Task Read_TextOrganization_IsRead(string type)
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.ExecuteAsync($"alter table destinations alter organization_id type {type}; insert into destinations (organization_id, type, name) values ('acme', 'console', 'x')");
        Assert.True(Scope.TryParse("acme", "staging", out var scope));

        Assert.Single((await database.Reader.RowsAsync(scope, Cancel)).Rows);
    }

    [Fact]
    public async Task Read_OrganizationTypeChangedMeanwhile_FailsOnceAndNeverReadsEmpty()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);
        await database.Reader.RowsAsync(Production, Cancel);
        await database.ExecuteAsync("alter table destinations alter organization_id type text");

        await Assert.ThrowsAsync<PostgresException>(() => database.Reader.RowsAsync(Production, Cancel));

        Assert.Single((await database.Reader.RowsAsync(Production, Cancel)).Rows);
    }

    [Fact]
    public async Task Read_AnotherSpellingOfTheUuid_IsAnotherOrganizationWithoutRows()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);
        Assert.True(Scope.TryParse(Acme.ToString().ToUpperInvariant(), "production", out var upper));

        var source = await database.Reader.RowsAsync(upper, Cancel);

        Assert.Empty(source.Rows);
    }

    [Fact]
    public async Task Read_ManyOrganizations_GivesAllThreeScopesOfEachInOrder()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.ExecuteAsync("insert into destinations (organization_id, type, name, environment) select gen_random_uuid(), 'console', n::text, 'production' from generate_series(1, 250) n");
        await database.InsertAsync(Acme, null);

        var organizations = await database.Reader.ListOrganizationsAsync(Cancel);
        var reads = await database.Reader.LookAsync(organizations, Cancel);

        Assert.Equal(251, organizations.Length);
        Assert.Equal(organizations.SelectMany(Scope.Of), reads.Select(read => read.Scope));
        Assert.Equal(253, reads.Sum(read => read.Require().Rows.Count));
        Assert.All(reads.Where(read => read.Scope.Organization != Production.Organization && read.Scope.Environment != DeploymentEnvironment.Production),
            read => Assert.Empty(read.Require().Rows));
        Assert.All(reads, read => Assert.Equal(new SourcePosition(1, 1), read.Require().Position));
    }

    [Fact]
    public async Task ListOrganizations_DeletedRowsAndGoneOnes_AreKnown()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.ExecuteAsync("alter table destinations alter organization_id type text");
        await database.ExecuteAsync("insert into destinations (organization_id, type, name) values ('was-here', 'console', 'x'); delete from destinations");
        await database.ExecuteAsync("insert into destinations (organization_id, type, name, deleted_at) values ('deleted', 'console', 'x', now()), ('a/b', 'console', 'x', null)");
        await database.ExecuteAsync("alter table destinations disable trigger user; insert into destinations (organization_id, type, name) values ('unseen', 'console', 'x')");

        Assert.Equal(["deleted", "unseen", "was-here"], (await database.Reader.ListOrganizationsAsync(Cancel)).Select(organization => organization.Value));
    }

    [Fact]
    public async Task Read_RowLevelSecurityOnOurRole_IsRefusedEverywhere()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);
        database.Options.WorkerRole = await database.CreateRoleAsync("worker");
        await database.MigrateAsync(withDestinations: true);
        await database.InsertAsync(Acme);
        var reader = database.NewReader(database.As(database.Options.WorkerRole));
        await reader.CheckAsync(Cancel);
        Assert.Single((await reader.RowsAsync(Production, Cancel)).Rows);

        await database.ExecuteAsync("alter table destinations enable row level security");

        var refusal = await Assert.ThrowsAsync<RowSecurityException>(() => reader.RowsAsync(Production, Cancel));
        Assert.Contains($"alter role {database.Options.WorkerRole} bypassrls", refusal.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<RowSecurityException>(() => reader.CheckAsync(Cancel));
        await Assert.ThrowsAsync<RowSecurityException>(() => reader.ListOrganizationsAsync(Cancel));
        await database.ExecuteAsync($"alter role {database.Options.WorkerRole} bypassrls");
        Assert.Single((await reader.RowsAsync(Production, Cancel)).Rows);
    }

    [Fact]
    public async Task Read_TableGoneOrForbidden_IsAnError()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);
        var stranger = database.NewReader(database.As(await database.CreateRoleAsync("stranger")));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, (await Assert.ThrowsAsync<PostgresException>(() => stranger.RowsAsync(Production, Cancel))).SqlState);
        await database.Reader.RowsAsync(Production, Cancel);

        await database.ExecuteAsync("drop table destinations");

        await Assert.ThrowsAsync<PostgresException>(() => database.Reader.RowsAsync(Production, Cancel));
        await Assert.ThrowsAsync<DatabaseShapeException>(() => database.Reader.RowsAsync(Production, Cancel));
    }

    [Fact]
    public async Task Check_NotMigrated_SaysWhatToRun()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);

        var exception = await Assert.ThrowsAsync<DatabaseShapeException>(() => database.Reader.CheckAsync(Cancel));

        Assert.Contains("consent-snapshots migrate", exception.Message, StringComparison.Ordinal);
    }

    /// <summary>300 MB of settings in one scope: they are measured where they are, and not sent.</summary>
    [Fact]
    public async Task Read_ScopeOverTheLimits_IsNotReadAndConcernsNoOther()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "staging");
        await database.InsertAsync(SourceDatabase.Globex);
        await InsertScriptsAsync(database, 5000, 60_000);
        OrganizationId[] organizations = [Production.Organization, SourceDatabase.ScopeOf(SourceDatabase.Globex).Organization];
        await database.Reader.RowsAsync(SourceDatabase.ScopeOf(SourceDatabase.Globex), Cancel); // so that nothing is allocated below that is allocated once

        var before = GC.GetTotalAllocatedBytes(precise: true);
        var large = Assert.IsType<ScopeRead.TooLarge>(await database.Reader.LookAsync(Production, Cancel));
        var reads = await database.Reader.LookAsync(organizations, Cancel);
        var allocated = GC.GetTotalAllocatedBytes(precise: true) - before;

        Assert.Equal("The scope has 5000 destinations, and the limit is 1000. A version that is published stays; remove what is not needed.", large.Problem);
        // Other tests allocate meanwhile; the settings alone are 300 MB, and 600 MB as text.
        Assert.True(allocated < 200_000_000, $"{allocated} bytes were allocated.");
        Assert.Equal([0, 1, null, 0, 0, 1], reads.Select(read => read is ScopeRead.Found found ? found.Rows.Rows.Count : (int?)null));
        Assert.IsType<ScopeRead.TooLarge>(reads[2]);
        Assert.Single((await database.Reader.RowsAsync(Production with { Environment = DeploymentEnvironment.Staging }, Cancel)).Rows);

        // Nobody reads the settings of what is switched off.
        await database.ExecuteAsync($"update destinations set enabled = false where organization_id = '{Acme}' and environment = 'production' and name <> '1'");
        Assert.Equal(5000, (await database.Reader.RowsAsync(Production, Cancel)).Rows.Count);
    }

    [Theory]
    [InlineData(100, 60_000, "The scope has 6001200 bytes of settings, and the limit is 4194304.")]
    [InlineData(1, 256_000, "The scope has 256012 bytes of settings in one destination, and the limit is 256000.")]
    public async Task Read_SettingsOverALimit_SaysWhichAndByHowMuch(int rows, int length, string message)
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await InsertScriptsAsync(database, rows, length);

        var large = Assert.IsType<ScopeRead.TooLarge>(await database.Reader.LookAsync(Production, Cancel));

        Assert.Equal($"{message} A version that is published stays; remove what is not needed.", large.Problem);
    }

    [Fact]
    public async Task Read_RowsOfAllEnvironments_CountForEach()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await InsertScriptsAsync(database, 2, 10);
        await database.ExecuteAsync("update destinations set environment = null where name = '1'");
        await database.InsertAsync(Acme, "staging");
        var reader = database.NewReader(database.Pool, ScopeLimits.Default with { Destinations = 1 });

        Assert.Single((await reader.RowsAsync(Production with { Environment = DeploymentEnvironment.Development }, Cancel)).Rows);
        foreach (var environment in (DeploymentEnvironment[])[DeploymentEnvironment.Staging, DeploymentEnvironment.Production])
        {
            var large = Assert.IsType<ScopeRead.TooLarge>(await reader.LookAsync(Production with { Environment = environment }, Cancel));
            Assert.StartsWith("The scope has 2 destinations, and the limit is 1.", large.Problem, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Read_Scope_HasTheDatabasesClockAndTheTimeOfTheOldestUnpublishedChange()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);
        var changed = await database.ScalarAsync<DateTime>($"select changed_at from consent_snapshots.scopes where organization_id = '{Acme}' and environment = 'production'");
        var earliest = await database.ScalarAsync<DateTime>("select clock_timestamp()");

        var pending = await database.Reader.RowsAsync(Production, Cancel);
        await database.DrainAsync();
        var completed = await database.Reader.RowsAsync(Production, Cancel);

        Assert.Equal(new DateTimeOffset(changed), pending.ChangedAt);
        Assert.Null(completed.ChangedAt);
        Assert.InRange(pending.Clock.ReadAt, new DateTimeOffset(earliest), new DateTimeOffset(await database.ScalarAsync<DateTime>("select clock_timestamp()")));
    }

    private static Task InsertScriptsAsync(SourceDatabase database, int rows, int length) => database.ExecuteAsync(
        $$"""
        insert into destinations (organization_id, type, name, environment, settings, settings_encrypted)
        select '{{Acme}}', 'script', n::text, 'production', jsonb_build_object('html', repeat('x', {{length}})), false from generate_series(1, {{rows}}) n
        """);
}
