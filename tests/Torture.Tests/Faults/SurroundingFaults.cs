using Azure;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Torture.Tests.Platform;
using Npgsql;

namespace ConsentSnapshots.Torture.Tests.Faults;

/// <summary>What can happen to the database and to the store.</summary>
internal sealed class SurroundingFaults(Product product, IReadOnlyList<Scope> scopes, Damage damage, Ledger ledger, Random random)
{
    private readonly List<Task> _background = [];

    public IReadOnlyList<Fault> All =>
    [
        new("Postgres restarted", 2, RestartPostgresAsync),
        new("Postgres crashed", 2, CrashPostgresAsync),
        new("store stopped", 4, StopStoreAsync),
        new("transaction that pins the horizon", 1, PinHorizonAsync),
        new("connections of Postgres used up", 1, UseUpConnectionsAsync),
        new("triggers dropped", 1, DropTriggersAsync),
        new("blobs deleted from the public container", 1, DeletePublicBlobsAsync),
        new("blobs deleted from the private container", 1, DeletePrivateBlobsAsync),
        new("public container deleted", 1, token => DeleteContainersAsync([Product.PublicContainer], token)),
        new("private container deleted", 1, token => DeleteContainersAsync([Product.PrivateContainer], token)),
        new("history container deleted", 1, token => DeleteContainersAsync([Product.HistoryContainer], token)),
        new("every container deleted", 1, DeleteEveryContainerAsync),
    ];

    /// <summary>Completes when nothing that was begun goes on, and the servers run.</summary>
    public async Task EndAllAsync(CancellationToken cancellationToken)
    {
        await Task.WhenAll(_background);
        await product.Postgres.StartAsync(cancellationToken);
        await product.Azurite.StartAsync(cancellationToken);
    }

    private async Task<bool> RestartPostgresAsync(CancellationToken cancellationToken)
    {
        using var trouble = ledger.Begin(Troubles.Postgres);
        await product.Postgres.StopAsync(cancellationToken);
        await AfterAWhileAsync(product.Postgres.StartAsync, cancellationToken);
        return true;
    }

    private async Task<bool> CrashPostgresAsync(CancellationToken cancellationToken)
    {
        using var trouble = ledger.Begin(Troubles.Postgres);
        await product.Postgres.CrashAsync(cancellationToken);
        await AfterAWhileAsync(product.Postgres.StartAsync, cancellationToken);
        return true;
    }

    private async Task<bool> StopStoreAsync(CancellationToken cancellationToken)
    {
        using var trouble = ledger.Begin(Troubles.Store);
        await product.Azurite.StopAsync(cancellationToken);
        await AfterAWhileAsync(product.Azurite.StartAsync, cancellationToken);
        return true;
    }

    /// <summary>However the run ends, a server that was stopped is started again.</summary>
    private async Task AfterAWhileAsync(Func<CancellationToken, Task> start, CancellationToken cancellationToken)
    {
        await Task.Delay(TimeSpan.FromSeconds(5 * random.NextDouble()), TimeProvider.System, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await start(TestContext.Current.CancellationToken);
    }

    /// <summary>An old transaction that is forgotten: nothing that is deleted meanwhile can be removed from any table.</summary>
    private Task<bool> PinHorizonAsync(CancellationToken cancellationToken)
    {
        _background.Add(InBackgroundAsync());
        return Task.FromResult(true);

        async Task InBackgroundAsync()
        {
            try
            {
                await using var connection = new NpgsqlConnection(product.Postgres.AdministratorOf(Product.Database));
                await connection.OpenAsync(cancellationToken);
                await using var begin = new NpgsqlCommand("begin isolation level repeatable read; select pg_current_xact_id()", connection);
                await begin.ExecuteNonQueryAsync(cancellationToken);
                await Task.Delay(TimeSpan.FromSeconds(10 + (20 * random.NextDouble())), TimeProvider.System, cancellationToken);
            }
            catch (Exception exception) when (exception is NpgsqlException or OperationCanceledException)
            {
                // It ends with the run or with the server.
            }
        }
    }

    private async Task<bool> UseUpConnectionsAsync(CancellationToken cancellationToken)
    {
        using var trouble = ledger.Begin(Troubles.Postgres);
        var idle = new List<NpgsqlConnection>();
        try
        {
            for (var connections = 0; connections < TorturePostgres.Connections; connections++)
            {
                idle.Add(new NpgsqlConnection(product.Postgres.OwnerOf(Product.Database)));
                await idle[^1].OpenAsync(cancellationToken);
            }
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.TooManyConnections)
        {
            // That is what was wanted.
        }
        finally
        {
            await Task.Delay(TimeSpan.FromSeconds(3 + (3 * random.NextDouble())), TimeProvider.System, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            foreach (var connection in idle) await connection.DisposeAsync();
        }
        return true;
    }

    private async Task<bool> DropTriggersAsync(CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(product.Postgres.AdministratorOf(Product.Database));
        await connection.OpenAsync(cancellationToken);
        await using var drop = new NpgsqlCommand(
            """
            do $$
            declare found record;
            begin
                set local lock_timeout = '200ms';
                for found in select tgname from pg_trigger where tgrelid = 'public.destinations'::regclass and not tgisinternal loop
                    execute format('drop trigger %I on public.destinations', found.tgname);
                end loop;
            end $$
            """, connection);
        await drop.ExecuteNonQueryAsync(cancellationToken);
        return true;
    }

    private async Task<bool> DeletePublicBlobsAsync(CancellationToken cancellationToken)
    {
        var container = product.Store.GetBlobContainerClient(Product.PublicContainer);
        var deleted = 0;
        for (var scopesLeft = 3; scopesLeft > 0; scopesLeft--)
        {
            var scope = scopes[random.Next(scopes.Count)];
            await foreach (var blob in container.GetBlobsAsync(prefix: BlobNames.PublicFolder(scope), traits: default, states: default, cancellationToken: cancellationToken))
            {
                if (random.Next(2) == 0) continue;
                damage.Record(scope, Product.PublicContainer);
                await container.DeleteBlobIfExistsAsync(blob.Name, cancellationToken: cancellationToken);
                damage.Record(scope, Product.PublicContainer);
                deleted++;
            }
        }
        return deleted > 0;
    }

    private async Task<bool> DeletePrivateBlobsAsync(CancellationToken cancellationToken)
    {
        var deleted = false;
        for (var scopesLeft = 3; scopesLeft > 0; scopesLeft--)
        {
            var scope = scopes[random.Next(scopes.Count)];
            damage.Record(scope, Product.PrivateContainer);
            deleted |= await product.Store.GetBlobContainerClient(Product.PrivateContainer).DeleteBlobIfExistsAsync(BlobNames.Current(scope), cancellationToken: cancellationToken);
            damage.Record(scope, Product.PrivateContainer);
        }
        return deleted;
    }

    private async Task<bool> DeleteContainersAsync(string[] containers, CancellationToken cancellationToken)
    {
        foreach (var container in containers) damage.Record(null, container);
        try
        {
            foreach (var container in containers) await product.Store.GetBlobContainerClient(container).DeleteIfExistsAsync(cancellationToken: cancellationToken);
        }
        catch (RequestFailedException)
        {
            // It may have been deleted all the same.
        }
        foreach (var container in containers) damage.Record(null, container);
        return true;
    }

    /// <summary>With everything deleted only the database remembers versions, and not yet those that were committed a moment ago: readers begin anew.</summary>
    private async Task<bool> DeleteEveryContainerAsync(CancellationToken cancellationToken)
    {
        damage.RecordWipe();
        await DeleteContainersAsync([Product.HistoryContainer, Product.PrivateContainer, Product.PublicContainer], cancellationToken);
        damage.RecordWipe();
        return true;
    }
}
