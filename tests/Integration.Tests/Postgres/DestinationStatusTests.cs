using ConsentSnapshots.Integration.Tests.Fixtures;
using Npgsql;

namespace ConsentSnapshots.Integration.Tests.Postgres;

/// <summary>What a control plane is told of its destinations.</summary>
public sealed class DestinationStatusTests(PostgresFixture postgres)
{
    private static readonly Guid Acme = SourceDatabase.Acme;
    private static readonly Guid Globex = SourceDatabase.Globex;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private sealed record Line(string State, long? Version, DateTime? Since, string? Field, string? Reason);

    [Fact]
    public async Task Status_NewDestination_WaitsUntilItIsBuiltAndIsLiveThen()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await using var worker = BuildingWorker.Create(database);
        var id = await PixelAsync(database, "11111111111");
        var before = await LineAsync(database, id);

        await worker.BuildAsync();

        Assert.Equal(new Line("waiting", null, null, null, null), before);
        var live = await LineAsync(database, id);
        Assert.Equal(("live", 1, null, null), (live.State, live.Version, live.Field, live.Reason));
        Assert.Equal(await GeneratedAtAsync(database, 1), live.Since);
    }

    [Fact]
    public async Task Status_OtherDestinationChanged_SinceStaysForTheOneAndMovesForTheOther()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await using var worker = BuildingWorker.Create(database);
        var (stays, moves) = (await PixelAsync(database, "11111111111"), await InsertAsync(database, "posthog", """{"apiKey":"phc_one"}"""));
        await worker.BuildAsync();

        await database.ExecuteAsync($$"""update destinations set settings = '{"apiKey":"phc_two"}' where id = '{{moves}}'""");
        var waiting = await LineAsync(database, stays);
        await worker.BuildAsync();

        // What is published stays so while something newer waits.
        Assert.Equal(("waiting", 1), (waiting.State, waiting.Version));
        Assert.Equal(("live", 1, await GeneratedAtAsync(database, 1)), await VersionAsync(database, stays));
        Assert.Equal(("live", 2, await GeneratedAtAsync(database, 2)), await VersionAsync(database, moves));
    }

    [Fact]
    public async Task Status_SameContentPublishedAgain_SinceStays()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await using var worker = BuildingWorker.Create(database);
        var id = await PixelAsync(database, "11111111111");
        await worker.BuildAsync();

        // As after a worker that was lost: a new version takes the number away from it.
        await database.ExecuteAsync("update consent_snapshots.scopes set fence = true; select consent_snapshots.changed(null)");
        await worker.BuildAsync();

        Assert.Equal(2L, await database.ScalarAsync<long>("select max(version) from consent_snapshots.publications where environment = 'production'"));
        Assert.Equal(("live", 1, await GeneratedAtAsync(database, 1)), await VersionAsync(database, id));
    }

    [Fact]
    public async Task Status_UnchangedBuild_WritesNothing()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await using var worker = BuildingWorker.Create(database);
        await PixelAsync(database, "11111111111");
        await worker.BuildAsync();
        const string Written = "select string_agg(xmin::text, ',' order by environment, destination_id) from consent_snapshots.destination_scripts";
        var before = await database.ScalarAsync<string>(Written);

        await database.ExecuteAsync("select consent_snapshots.changed(null)");
        await worker.BuildAsync();

        Assert.Equal(before, await database.ScalarAsync<string>(Written));
    }

    [Fact]
    public async Task Status_SwitchedOffAndOnAgain_IsOffAndThenLiveSinceTheNewVersion()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await using var worker = BuildingWorker.Create(database);
        var id = await PixelAsync(database, "11111111111");
        await worker.BuildAsync();

        await database.ExecuteAsync("update destinations set enabled = false");
        Assert.Equal("waiting", (await LineAsync(database, id)).State); // it still loads
        await worker.BuildAsync();
        Assert.Equal(new Line("off", null, null, null, null), await LineAsync(database, id));
        await database.ExecuteAsync("select consent_snapshots.changed(null)");
        Assert.Equal("off", (await LineAsync(database, id)).State); // whatever is built, it stays off
        await database.ExecuteAsync("update destinations set enabled = true");
        await worker.BuildAsync();

        Assert.Equal(("live", 3, await GeneratedAtAsync(database, 3)), await VersionAsync(database, id));
    }

    [Fact]
    public async Task Status_RowOfAllEnvironments_HasThreeLinesOfTheirOwn()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await using var worker = BuildingWorker.Create(database);
        var id = await PixelAsync(database, "11111111111", environment: null);
        await worker.BuildAsync();
        await database.ExecuteAsync($"select consent_snapshots.changed('{Acme}', 'staging')");

        var lines = await LinesAsync(database, $"destination_id = '{id}' order by environment");

        Assert.Equal(
            [("development", "live", (long?)1), ("production", "live", 1), ("staging", "waiting", 1)],
            lines.Select(line => (line.Environment, line.Line.State, line.Line.Version)));
    }

    [Fact]
    public async Task Status_BadSettings_IsLeftOutWithFieldAndReasonAndWithoutAnyValue()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await using var worker = BuildingWorker.Create(database);
        var good = await PixelAsync(database, "11111111111");
        var bad = await InsertAsync(database, "meta-pixel", """{"pixelId":"hidden-value","accessToken":"secret-token"}""");
        await worker.BuildAsync();

        var line = await LineAsync(database, bad);

        Assert.Equal(("left out", null, "pixelId"), (line.State, line.Version, line.Field));
        Assert.NotEmpty(line.Reason!);
        Assert.DoesNotContain("hidden-value", line.Reason, StringComparison.Ordinal);
        Assert.DoesNotContain("secret-token", line.Reason, StringComparison.Ordinal);
        Assert.Equal("live", (await LineAsync(database, good)).State);
    }

    [Fact]
    public async Task Status_TypeWithoutClientScript_HasNoScript()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await using var worker = BuildingWorker.Create(database);
        var id = await InsertAsync(database, "console", "{}");

        await worker.BuildAsync();

        Assert.Equal(new Line("no script", null, null, null, null), await LineAsync(database, id));
    }

    /// <summary>No key opens what is new, so the version before stays: the destination that waits for a key and the one beside it are both held.</summary>
    [Fact]
    public async Task Status_HeldScope_SaysWhyAndKeepsTheVersionThatIsServed()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await using var worker = BuildingWorker.Create(database);
        var served = await PixelAsync(database, "11111111111");
        await worker.BuildAsync();
        var sealedOne = await InsertAsync(
            database, "meta-pixel", $$"""{"encrypted":"{{new string('a', 40)}}","iv":"{{new string('b', 24)}}","tag":"{{new string('c', 32)}}"}""", encrypted: true);
        await worker.BuildAsync();

        var (held, other) = (await LineAsync(database, served), await LineAsync(database, sealedOne));

        Assert.Equal(("held", 1, "1 destination(s) have settings that no configured key opens."), (held.State, held.Version, held.Reason));
        Assert.Equal(("held", null), (other.State, other.Version));
        Assert.Contains("key", other.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Status_DeletedRows_HaveNoLine()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await using var worker = BuildingWorker.Create(database);
        var (marked, gone) = (await PixelAsync(database, "11111111111"), await PixelAsync(database, "22222222222"));
        await worker.BuildAsync();

        await database.ExecuteAsync($"update destinations set deleted_at = now() where id = '{marked}'; delete from destinations where id = '{gone}'");

        Assert.Empty(await LinesAsync(database, "true"));
        await worker.BuildAsync();
        Assert.Equal(0L, await database.ScalarAsync<long>("select count(*) from consent_snapshots.destination_scripts"));
    }

    [Fact]
    public async Task Status_UnknownEnvironment_IsLeftOutForIt()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await using var worker = BuildingWorker.Create(database);
        var id = await PixelAsync(database, "11111111111", environment: "qa");

        await worker.BuildAsync();

        Assert.Equal(
            new Line("left out", null, null, "environment", "The environment is none of development, staging, production."), await LineAsync(database, id));
    }

    /// <summary>A builder that was overtaken says late what it published.</summary>
    [Fact]
    public async Task Record_OfAnOlderVersionThatComesLate_ChangesNothing()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await using var worker = BuildingWorker.Create(database);
        var id = await PixelAsync(database, "11111111111");
        await worker.BuildAsync();
        await database.ExecuteAsync("""update destinations set settings = '{"pixelId":"22222222222"}'""");
        await worker.BuildAsync();

        await database.ExecuteAsync($"select consent_snapshots.record_scripts('{Acme}', 'production', 1, now(), '{{}}', '{{}}', '{{}}', '{{}}')");

        Assert.Equal(("live", 2, await GeneratedAtAsync(database, 2)), await VersionAsync(database, id));
    }

    /// <summary>The record is lost, as with a database that is restored; the manifests still know since when most answers have been as they are.</summary>
    [Fact]
    public async Task Status_RecordLost_IsMadeAgainFromTheManifest()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await using var worker = BuildingWorker.Create(database);
        var first = await InsertAsync(database, "posthog", """{"apiKey":"phc_one"}""", "{measurement}");
        await PixelAsync(database, "11111111111");
        await worker.BuildAsync();
        var recorded = await VersionAsync(database, first);
        await database.ExecuteAsync("""update destinations set settings = '{"pixelId":"22222222222"}' where type = 'meta-pixel'""");
        await worker.BuildAsync();

        await database.ExecuteAsync("truncate consent_snapshots.destination_scripts; select consent_snapshots.changed(null)");
        await worker.BuildAsync();

        Assert.Equal(recorded, await VersionAsync(database, first));
    }

    /// <summary>A schema tool makes the table anew or changes a column; the view must not be in its way.</summary>
    [Fact]
    public async Task Table_DroppedOrAltered_IsNotHeldByTheView()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);

        await database.ExecuteAsync("alter table destinations alter organization_id type text");
        await database.ExecuteAsync("alter table destinations drop column description, alter column name type text");
        await database.MigrateAsync();
        await database.ExecuteAsync("insert into destinations (organization_id, type, name) values ('acme', 'console', 'x')");

        Assert.Equal(3, (await LinesAsync(database, "organization_id = 'acme'")).Count);
        await database.ExecuteAsync("drop table destinations");
    }

    /// <summary>A page of one organization asks for that organization: it costs nothing that others have many.</summary>
    [Fact]
    public async Task Status_OfOneOrganizationAmongMany_ReadsThatOrganizationsRows()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.ExecuteAsync(
            "insert into destinations (organization_id, type, name, environment) select gen_random_uuid(), 'console', n::text, null from generate_series(1, 5000) n");
        await PixelAsync(database, "11111111111");
        await database.TakeInAsync();
        await database.ExecuteAsync("analyze destinations; analyze consent_snapshots.scopes; analyze consent_snapshots.changes");

        await using var explain = database.Pool.CreateCommand($"explain (analyze, format text) select * from consent_snapshots.destination_status where organization_id = '{Acme}'");
        var plan = new List<string>();
        await using (var reader = await explain.ExecuteReaderAsync(Cancel))
            while (await reader.ReadAsync(Cancel)) plan.Add(reader.GetString(0));

        Assert.Contains("loops=1)", Assert.Single(plan, line => line.Contains("Function Scan on destinations_of", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.DoesNotContain(plan, line => line.Contains("Seq Scan on scopes", StringComparison.Ordinal));
    }

    private static Task<Guid> PixelAsync(SourceDatabase database, string pixelId, string? environment = "production") =>
        InsertAsync(database, "meta-pixel", $$"""{"pixelId":"{{pixelId}}"}""", environment: environment);

    private static async Task<Guid> InsertAsync(
        SourceDatabase database, string type, string settings, string requiredConsent = "{}", string? environment = "production", bool encrypted = false)
    {
        await using var command = database.Pool.CreateCommand(
            """
            insert into destinations (organization_id, type, name, environment, settings, settings_encrypted, required_consent)
            values ($1, $2, 'one', $3, $4::jsonb, $5, $6::text[]) returning id
            """);
        command.Parameters.AddWithValue(Acme);
        command.Parameters.AddWithValue(type);
        command.Parameters.Add(new NpgsqlParameter { Value = (object?)environment ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text });
        command.Parameters.AddWithValue(settings);
        command.Parameters.AddWithValue(encrypted);
        command.Parameters.AddWithValue(requiredConsent);
        return (Guid)(await command.ExecuteScalarAsync(Cancel))!;
    }

    private static Task<DateTime> GeneratedAtAsync(SourceDatabase database, int version) => database.ScalarAsync<DateTime>(
        $"select generated_at from consent_snapshots.publications where organization_id = '{Acme}' and environment = 'production' and version = {version}");

    private static async Task<(string State, long? Version, DateTime? Since)> VersionAsync(SourceDatabase database, Guid id)
    {
        var line = await LineAsync(database, id);
        return (line.State, line.Version, line.Since);
    }

    private static async Task<Line> LineAsync(SourceDatabase database, Guid id) => Assert.Single(await LinesAsync(database, $"destination_id = '{id}'")).Line;

    private static async Task<List<(string Environment, Line Line)>> LinesAsync(SourceDatabase database, string condition)
    {
        await using var command = database.Pool.CreateCommand(
            $"select environment, state, version, since, field, reason from consent_snapshots.destination_status where {condition}");
        var lines = new List<(string, Line)>();
        await using var reader = await command.ExecuteReaderAsync(Cancel);
        while (await reader.ReadAsync(Cancel))
        {
            lines.Add((reader.GetString(0), new Line(
                reader.GetString(1), reader.IsDBNull(2) ? null : reader.GetInt64(2), reader.IsDBNull(3) ? null : reader.GetDateTime(3),
                reader.IsDBNull(4) ? null : reader.GetString(4), reader.IsDBNull(5) ? null : reader.GetString(5))));
        }
        return lines;
    }
}
