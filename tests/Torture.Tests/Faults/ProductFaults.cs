using ConsentSnapshots.Torture.Tests.Platform;
using Npgsql;

namespace ConsentSnapshots.Torture.Tests.Faults;

/// <summary>What can happen to the product's own processes and to their networks.</summary>
internal sealed class ProductFaults(Product product, Ledger ledger, Random random)
{
    // A heartbeat expires after two seconds.
    private static readonly TimeSpan s_beyondExpiry = TimeSpan.FromSeconds(2.5);

    public IReadOnlyList<Fault> All =>
    [
        new("SIGKILL of a worker", 9, _ => Task.FromResult(AnyWorker().Program.Kill())),
        new("SIGKILL of every worker at once", 1, _ => KillEveryWorker()),
        new("SIGTERM of a worker", 1, StopAWorkerAsync),
        new("SIGSTOP of a worker beyond its heartbeat's expiry", 2, FreezeAWorkerAsync),
        new("SIGKILL of an edge", 1, _ => Task.FromResult(AnyEdge().Program.Kill())),
        new("connections to Postgres cut", 2, _ => Cut(AnyWorker().Postgres)),
        new("network to Postgres swallows everything", 1, token => ForAWhileAsync(AnyWorker().Postgres, NetworkState.Blackhole, 2, 6, token)),
        new("network to Postgres is slow", 1, token => ForAWhileAsync(AnyWorker().Postgres, NetworkState.Slow, 2, 5, token)),
        new("network to Postgres is closed", 1, token => ForAWhileAsync(AnyWorker().Postgres, NetworkState.Closed, 1, 4, token)),
        new("notifications swallowed", 1, token => ForAWhileAsync(AnyWorker().Listen, NetworkState.Blackhole, 4, 8, token)),
        new("connections to the store cut", 2, _ => Cut(AnyWorker().Store)),
        new("network to the store swallows everything", 1, token => ForAWhileAsync(AnyWorker().Store, NetworkState.Blackhole, 2, 6, token)),
        new("network to the store is slow", 1, token => ForAWhileAsync(AnyWorker().Store, NetworkState.Slow, 2, 5, token)),
        new("pg_terminate_backend of every session of the workers", 1, TerminateSessionsAsync),
        new("regenerate --all beside the service", 1, RegenerateAsync),
    ];

    /// <summary>Opens every network again and lets every process go on.</summary>
    public async Task EndAllAsync(CancellationToken cancellationToken)
    {
        foreach (var worker in product.Workers)
        {
            worker.Postgres.State = worker.Listen.State = worker.Store.State = NetworkState.Open;
            if (worker.Program.Process is { HasExited: false } process) await process.SignalAsync("CONT", cancellationToken);
        }
    }

    private WorkerPlace AnyWorker() => product.Workers[random.Next(product.Workers.Count)];

    private EdgePlace AnyEdge() => product.Edges[random.Next(product.Edges.Count)];

    private Task<bool> KillEveryWorker()
    {
        var killed = product.Workers.Count(worker => worker.Program.Kill());
        // The one that is counted by the caller.
        ledger.Count("fault: SIGKILL of a worker", Math.Max(0, killed));
        return Task.FromResult(killed > 0);
    }

    private async Task<bool> StopAWorkerAsync(CancellationToken cancellationToken)
    {
        await AnyWorker().Program.StopInOrderAsync(cancellationToken);
        return true;
    }

    private async Task<bool> FreezeAWorkerAsync(CancellationToken cancellationToken)
    {
        if (AnyWorker().Program.Process is not { HasExited: false } process) return false;
        await process.SignalAsync("STOP", cancellationToken);
        await Task.Delay(s_beyondExpiry * (1 + random.NextDouble()), TimeProvider.System, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
        if (!process.HasExited) await process.SignalAsync("CONT", cancellationToken);
        return true;
    }

    private static Task<bool> Cut(TcpProxy network)
    {
        network.Cut();
        return Task.FromResult(true);
    }

    /// <summary>Half of the time the connections end with the fault; else what was held back arrives late.</summary>
    private async Task<bool> ForAWhileAsync(TcpProxy network, NetworkState state, int least, int most, CancellationToken cancellationToken)
    {
        network.State = state;
        try
        {
            if (state == NetworkState.Closed) network.Cut();
            await Task.Delay(TimeSpan.FromSeconds(least + ((most - least) * random.NextDouble())), TimeProvider.System, cancellationToken);
        }
        finally
        {
            if (random.Next(2) == 0) network.Cut();
            network.State = NetworkState.Open;
        }
        return true;
    }

    private async Task<bool> TerminateSessionsAsync(CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(product.Postgres.AdministratorOf(Product.Database));
        await connection.OpenAsync(cancellationToken);
        await using var terminate = new NpgsqlCommand("select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'consent-snapshots%'", connection);
        await terminate.ExecuteNonQueryAsync(cancellationToken);
        return true;
    }

    private async Task<bool> RegenerateAsync(CancellationToken cancellationToken)
    {
        string[] words = random.Next(3) == 0 ? ["regenerate", "--all", "--force"] : ["regenerate", "--all"];
        var (exitCode, _) = await Product.CommandAsync(words, product.Settings(), cancellationToken, TimeSpan.FromSeconds(30));
        ledger.Count($"regenerate --all that ended with {exitCode}");
        return true;
    }
}
