using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Worker.Postgres;
using ConsentSnapshots.Worker.Sources;

namespace ConsentSnapshots.Integration.Tests.Postgres;

public sealed class BuildRecordsTests(PostgresFixture postgres)
{
    private static readonly Scope Production = SourceDatabase.ScopeOf(SourceDatabase.Acme);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task ReplaceReports_EachBuild_LeavesThatBuildsOnly()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        var records = new BuildRecords(database.Pool);
        var staging = Production with { Environment = DeploymentEnvironment.Staging };
        var first = Problem("one", null);

        await records.RecordAsync(Production, [first, first with { Field = "pixelId" }, Problem("two", "id")], null, Cancel);
        await records.RecordAsync(staging, [first], null, Cancel);
        await records.RecordAsync(Production, [first with { Field = "pixelId" }, first], null, Cancel);

        Assert.Equal(
            [(Production, first with { Field = "pixelId" }), (Production, first), (staging, first)],
            await records.ListReportsAsync(Production.Organization, Cancel));
        await records.RecordAsync(Production, [], null, Cancel);
        Assert.Equal([(staging, first)], await records.ListReportsAsync(null, Cancel));
    }

    [Fact]
    public async Task RecordPublication_Again_ChangesNothing()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        var records = new BuildRecords(database.Pool);
        var first = new PublicationRecord(
            Production, 1, Guid.NewGuid(), new SourcePosition(1, 7), new DateTimeOffset(2026, 3, 1, 10, 0, 0, TimeSpan.Zero), new string('a', 64), 16);
        var second = first with { Version = 2, PublicationId = Guid.NewGuid(), ChangedCombinations = 3 };

        await records.RecordAsync(Production, [], first, Cancel);
        await records.RecordAsync(Production, [], second, Cancel);
        await records.RecordAsync(Production, [], first with { Version = 9 }, Cancel);

        Assert.Equal([second, first], await ReadPublicationsAsync(database));
    }

    private static async Task<List<PublicationRecord>> ReadPublicationsAsync(SourceDatabase database)
    {
        await using var command = database.Pool.CreateCommand(
            """
            select version, publication_id, source_epoch, source_revision, generated_at, manifest_sha256, changed_combinations
            from consent_snapshots.publications
            where organization_id = $1 and environment = $2
            order by version desc
            """);
        command.Parameters.AddWithValue(Production.Organization.Value);
        command.Parameters.AddWithValue(Production.Environment.Name());
        var publications = new List<PublicationRecord>();
        await using var reader = await command.ExecuteReaderAsync(Cancel);
        while (await reader.ReadAsync(Cancel))
        {
            publications.Add(new PublicationRecord(
                Production, reader.GetInt64(0), reader.GetGuid(1), new SourcePosition(reader.GetInt64(2), reader.GetInt64(3)),
                reader.GetFieldValue<DateTimeOffset>(4), reader.GetString(5), reader.GetInt32(6)));
        }
        return publications;
    }

    private static DestinationProblem Problem(string name, string? field) => new(
        Guid.Parse("00000000-0000-4000-8000-000000000001"), "meta-pixel", name, DestinationProblemKind.InvalidSettings, field, "pixelId must be digits.");
}
