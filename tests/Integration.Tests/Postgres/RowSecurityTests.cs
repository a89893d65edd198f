using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Worker.Postgres;

namespace ConsentSnapshots.Integration.Tests.Postgres;

/// <summary>Row-level security is accepted where it hides nothing from the worker. Everything else is refused, and is never read as an empty list.</summary>
public sealed class RowSecurityTests(PostgresFixture postgres)
{
    private static readonly Scope Production = SourceDatabase.ScopeOf(SourceDatabase.Acme);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("create policy p on destinations for select to {worker} using (true)")]
    [InlineData("create policy p on destinations to {worker} using (true)")]
    [InlineData("create policy p on destinations for select using (true)")]
    [InlineData("create policy p on destinations for select to {group} using (true)")]
    [InlineData("create policy p on destinations for select to {worker} using (true); create policy q on destinations for select using (organization_id is null)")]
    [InlineData("create policy p on destinations for select to {worker} using (true); create policy q on destinations as restrictive for select to {stranger} using (false)")]
    [InlineData("create policy p on destinations for select to {worker} using (true); create policy q on destinations as restrictive for delete to {worker} using (false)")]
    public async Task Read_PolicyThatHidesNothing_GivesEveryRow(string policies)
    {
        await using var database = await CreateAsync();
        await SecureAsync(database, policies);
        var reader = database.NewReader(database.As(database.Options.WorkerRole));

        await reader.CheckAsync(Cancel);

        Assert.Single((await reader.RowsAsync(Production, Cancel)).Rows);
        Assert.Single(await reader.ListOrganizationsAsync(Cancel));
    }

    [Theory]
    [InlineData("")]
    [InlineData("create policy p on destinations for select to {worker} using (organization_id is not null)")]
    [InlineData("create policy p on destinations for select to {worker} using (1 = 1)")]
    [InlineData("create policy p on destinations for insert to {worker} with check (true)")]
    [InlineData("create policy p on destinations for update to {worker} using (true)")]
    [InlineData("create policy p on destinations for select to {stranger} using (true)")]
    [InlineData("create policy p on destinations as restrictive for select to {worker} using (true)")]
    [InlineData("create policy p on destinations for select to {worker} using (true); create policy q on destinations as restrictive using (true)")]
    [InlineData("create policy p on destinations for select to {worker} using (true); create policy q on destinations as restrictive for select to {group} using (name = 'one')")]
    public async Task Read_AnyOtherPolicy_IsRefused(string policies)
    {
        await using var database = await CreateAsync();
        await SecureAsync(database, policies);
        var reader = database.NewReader(database.As(database.Options.WorkerRole));

        await Assert.ThrowsAsync<RowSecurityException>(() => reader.CheckAsync(Cancel));
        var refusal = await Assert.ThrowsAsync<RowSecurityException>(() => reader.RowsAsync(Production, Cancel));

        Assert.Contains($"create policy consent_snapshots on public.destinations for select to {database.Options.WorkerRole} using (true)", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("drop policy p on destinations")]
    [InlineData("alter policy p on destinations using (false)")]
    [InlineData("alter policy p on destinations to {stranger}")]
    [InlineData("create policy q on destinations as restrictive for select using (false)")]
    public async Task Read_PolicyChangedWhileTheWorkerRuns_IsRefusedAndNeverReadAsEmpty(string change)
    {
        await using var database = await CreateAsync();
        await SecureAsync(database, "create policy p on destinations for select to {worker} using (true)");
        var reader = database.NewReader(database.As(database.Options.WorkerRole));
        Assert.Single((await reader.RowsAsync(Production, Cancel)).Rows);

        await database.ExecuteAsync(await WithRolesAsync(database, change));

        await Assert.ThrowsAsync<RowSecurityException>(() => reader.RowsAsync(Production, Cancel));
        await Assert.ThrowsAsync<RowSecurityException>(() => reader.ListOrganizationsAsync(Cancel));
    }

    /// <summary>Readers at full speed against an owner who drops the policy and makes it again: each read has the row or is refused.</summary>
    [Fact]
    public async Task Read_PolicyComesAndGoes_IsNeverEmpty()
    {
        await using var database = await CreateAsync();
        await SecureAsync(database, "create policy p on destinations for select to {worker} using (true)");
        var reader = database.NewReader(database.As(database.Options.WorkerRole));
        var (read, refused, done) = (0, 0, false);
        var owner = Task.Run(async () =>
        {
            for (var round = 0; round < 100; round++)
            {
                await database.ExecuteAsync("drop policy p on destinations");
                await database.ExecuteAsync($"create policy p on destinations for select to {database.Options.WorkerRole} using (true)");
            }
            Volatile.Write(ref done, true);
        }, Cancel);

        while (!Volatile.Read(ref done))
        {
            try
            {
                Assert.Single((await reader.RowsAsync(Production, Cancel)).Rows);
                read++;
            }
            catch (RowSecurityException)
            {
                refused++;
            }
        }

        await owner;
        Assert.True(read > 0, $"{read} reads, {refused} refusals");
    }

    [Fact]
    public async Task Read_ForcedOnTheOwner_IsRefusedUntilAPolicyLetsItSeeEverything()
    {
        await using var database = await CreateAsync();
        await database.ExecuteAsync($"alter table destinations owner to {database.Options.WorkerRole}; alter table destinations enable row level security");
        var reader = database.NewReader(database.As(database.Options.WorkerRole));
        Assert.Single((await reader.RowsAsync(Production, Cancel)).Rows);

        await database.ExecuteAsync("alter table destinations force row level security");
        await Assert.ThrowsAsync<RowSecurityException>(() => reader.RowsAsync(Production, Cancel));
        await database.ExecuteAsync($"create policy p on destinations for select to {database.Options.WorkerRole} using (true)");

        Assert.Single((await reader.RowsAsync(Production, Cancel)).Rows);
    }

    /// <summary>The check cannot see through a view; Postgres itself refuses then, because the read switches row-level security off.</summary>
    [Fact]
    public async Task Read_ViewOverATableWithPolicies_IsRefusedWhereItWouldHideRows()
    {
        await using var database = await CreateAsync();
        await database.ExecuteAsync("create view places with (security_invoker = true) as select * from destinations");
        database.Options.DestinationsTable = "public.places";
        await database.MigrateAsync();
        var reader = database.NewReader(database.As(database.Options.WorkerRole));
        Assert.Single((await reader.RowsAsync(Production, Cancel)).Rows);

        await SecureAsync(database, "create policy p on destinations for select using (organization_id is null)");
        var refusal = await Assert.ThrowsAsync<RowSecurityException>(() => reader.RowsAsync(Production, Cancel));
        await Assert.ThrowsAsync<RowSecurityException>(() => reader.ListOrganizationsAsync(Cancel));
        await Assert.ThrowsAsync<RowSecurityException>(() => reader.CheckAsync(Cancel));
        // The owner of the view, who is exempt, reads for everybody.
        await database.ExecuteAsync("alter view places set (security_invoker = false)");

        Assert.StartsWith("Row-level security of a table that public.places reads would hide rows from the worker", refusal.Message, StringComparison.Ordinal);
        Assert.Single((await reader.RowsAsync(Production, Cancel)).Rows);
    }

    private async Task<SourceDatabase> CreateAsync()
    {
        var database = await SourceDatabase.CreateEmptyAsync(postgres);
        database.Options.WorkerRole = await database.CreateRoleAsync("worker");
        await database.MigrateAsync(withDestinations: true);
        await database.InsertAsync(SourceDatabase.Acme);
        var (group, _) = (await database.CreateRoleAsync("readers"), await database.CreateRoleAsync("stranger"));
        await database.ExecuteAsync($"grant {group} to {database.Options.WorkerRole}");
        return database;
    }

    private static async Task SecureAsync(SourceDatabase database, string policies) =>
        await database.ExecuteAsync($"alter table destinations enable row level security; {await WithRolesAsync(database, policies)}");

    private static async Task<string> WithRolesAsync(SourceDatabase database, string sql)
    {
        var name = await database.ScalarAsync<string>("select current_database()::text");
        return sql.Replace("{worker}", database.Options.WorkerRole, StringComparison.Ordinal).Replace("{group}", $"readers_{name}", StringComparison.Ordinal)
            .Replace("{stranger}", $"stranger_{name}", StringComparison.Ordinal);
    }
}
