using System.Data;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Integration.Tests.EndToEnd;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Worker.Postgres;
using ConsentSnapshots.Worker.Queue;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ConsentSnapshots.Integration.Tests.Postgres;

/// <summary>The function with which a control plane tells its changes itself. Whatever is wrong, its transaction goes on.</summary>
public sealed class ChangedFunctionTests(PostgresFixture postgres)
{
    private static readonly Guid Acme = SourceDatabase.Acme;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("'production'", 1, 1, 2)]
    [InlineData("'staging'", 1, 2, 1)]
    [InlineData("null", 2, 2, 2)]
    public async Task Changed_KnownOrganization_CountsTheEnvironment(string environment, long development, long staging, long production)
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);

        await database.ExecuteAsync($"select consent_snapshots.changed('{Acme}', {environment})");

        Assert.Equal((development, staging, production), await database.ChangesSeenAsync(Acme));
    }

    [Fact]
    public async Task Changed_UnknownEnvironment_IsSaidToTheCallerAndByTheWorkerAndBreaksNothing()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);
        await database.DrainAsync();
        var (writer, warnings) = await ListenAsync(database);
        await using (var transaction = await writer.BeginTransactionAsync(Cancel))
        {
            await ExecuteAsync(writer, $"select consent_snapshots.changed('{Acme}', 'qa'), consent_snapshots.changed('{Acme}', 'staging')");
            await transaction.CommitAsync(Cancel);
        }
        var logs = new RecordingLogs();
        using var factory = LoggerFactory.Create(builder => builder.AddProvider(logs));

        var claims = await new ScopeQueue(database.Pool, SourceDatabase.IdOf("worker-1"), factory.CreateLogger<ScopeQueue>()).ClaimAsync(Lane.Edits, 10, Cancel);

        Assert.Equal("consent_snapshots: environment 'qa' is none of development, staging, production, so nothing is published for it", Assert.Single(warnings));
        Assert.Contains("A destination of environment qa was changed", Assert.Single(logs.Lines), StringComparison.Ordinal);
        Assert.Equal("staging", Assert.Single(claims).Scope.Environment.Name());
        Assert.Equal(0, await NotedAsync(database));
    }

    [Theory]
    [InlineData("alter table consent_snapshots.changes rename to changes_gone", "a change of destinations was not noted (42P01")]
    [InlineData("drop sequence consent_snapshots.last_told", "the workers were not told of a change (42P01")]
    public async Task Changed_OurObjectsBroken_WarnsAndGoesOn(string breakage, string warning)
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.ExecuteAsync(breakage);
        var (writer, warnings) = await ListenAsync(database);
        await using var transaction = await writer.BeginTransactionAsync(Cancel);

        await ExecuteAsync(writer, $"select consent_snapshots.changed('{Acme}')");
        await ExecuteAsync(writer, "select 1");

        Assert.StartsWith($"consent_snapshots: {warning}", Assert.Single(warnings), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Changed_OurTableLocked_WarnsAndDoesNotWait()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        var other = await database.ConnectAsync();
        await using var transaction = await other.BeginTransactionAsync(Cancel);
        await ExecuteAsync(other, "lock table consent_snapshots.changes in share mode");
        var (writer, warnings) = await ListenAsync(database);

        await ExecuteAsync(writer, $"set statement_timeout = '30s'; select consent_snapshots.changed('{Acme}')");

        Assert.Contains("was not noted (55P03", Assert.Single(warnings), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Changed_TransactionThatOnlyReads_WarnsAndGoesOn()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        var (writer, warnings) = await ListenAsync(database);

        await ExecuteAsync(writer, $"begin read only; select consent_snapshots.changed('{Acme}'); commit");

        Assert.Contains("a transaction that only reads", Assert.Single(warnings), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Changed_Serializable_BothCommit()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        var (first, second) = (await database.ConnectAsync(), await database.ConnectAsync());
        await using var one = await first.BeginTransactionAsync(IsolationLevel.Serializable, Cancel);
        await using var two = await second.BeginTransactionAsync(IsolationLevel.Serializable, Cancel);

        await ExecuteAsync(first, $"select consent_snapshots.changed('{Acme}')");
        await ExecuteAsync(second, $"select consent_snapshots.changed('{Acme}')");
        await one.CommitAsync(Cancel);
        await two.CommitAsync(Cancel);

        Assert.Equal(2, await NotedAsync(database));
    }

    [Fact]
    public async Task Changed_ManyCalls_TakeNoTransactionIdsBesideTheCallers()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);

        await database.ExecuteAsync($"do $$ begin for n in 1..100 loop perform consent_snapshots.changed('{Acme}'); end loop; end $$");

        Assert.Equal(1L, await database.ScalarAsync<long>("select count(distinct xmin::text) from consent_snapshots.changes"));
    }

    /// <summary>No index takes a text of this length, so it must not get as far as one: it would keep every change from being taken in.</summary>
    [Theory]
    [InlineData("select consent_snapshots.changed({long})")]
    [InlineData("insert into destinations (organization_id, type, name) values ({long}, 'console', 'x')")]
    public async Task Changed_OrganizationWithAVeryLongName_HoldsUpNobody(string sql)
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        // The table's own index would refuse such a row.
        await database.ExecuteAsync("drop index destinations_organization_id_idx; alter table destinations alter organization_id type text");
        await database.ExecuteAsync(sql.Replace("{long}", "(select string_agg(md5(n::text), '') from generate_series(1, 1000) n)", StringComparison.Ordinal));
        await database.ExecuteAsync("select consent_snapshots.changed('acme', 'production')");

        var claims = await database.Queue.ClaimAsync(Lane.Edits, 10, Cancel);

        Assert.Equal(["acme", "acme", "acme"], claims.Select(claim => claim.Scope.Organization.Value));
        Assert.Equal(0, await NotedAsync(database));
    }

    private static async Task<(NpgsqlConnection Writer, List<string> Warnings)> ListenAsync(SourceDatabase database)
    {
        var writer = await database.ConnectAsync();
        var warnings = new List<string>();
        writer.Notice += (_, notice) => warnings.Add(notice.Notice.MessageText);
        return (writer, warnings);
    }

    private static Task<long> NotedAsync(SourceDatabase database) => database.ScalarAsync<long>("select count(*) from consent_snapshots.changes");

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(Cancel);
    }
}
