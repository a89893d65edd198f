using System.Data;
using Npgsql;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>Finds out whether a connection keeps one session of the server, which LISTEN needs, or whether a pooler gives it another one for each transaction.</summary>
internal static class ServerSession
{
    private const int Rounds = 10;

    // Only decides how soon the next question is asked: the order of the answers is what counts.
    private static readonly TimeSpan UntilAskingAgain = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Whether the server's sessions are shared between clients. Leaves nothing behind in any of them.</summary>
    /// <param name="source">A source of unpooled connections.</param>
    /// <param name="connection">An open connection of this source, in no transaction.</param>
    /// <param name="time">Bounds the wait for a session of a busy pooler.</param>
    /// <param name="ct">Cancels the call.</param>
    /// <exception cref="TimeoutException">The pooler has no session to give, so nothing can be known now.</exception>
    public static async Task<bool> IsSharedAsync(NpgsqlDataSource source, NpgsqlConnection connection, TimeProvider time, CancellationToken ct)
    {
        var session = await ProcessIdAsync(connection, ct);
        // The server tells each client which of its processes serves it. A pooler cannot pass that on, so it tells a number of its own.
        if (session == connection.ProcessID) return false;

        for (var round = 0; round < Rounds; round++)
        {
            if (await IsTakenAwayAsync(source, connection, session, time, ct) is { } shared) return shared;
        }
        return false;
    }

    /// <summary>Asks for a second session while the first client waits; null where the answer is not certain yet.</summary>
    private static async Task<bool?> IsTakenAwayAsync(NpgsqlDataSource source, NpgsqlConnection connection, int session, TimeProvider time, CancellationToken ct)
    {
        await using var other = await source.OpenConnectionAsync(ct);
        await using var transaction = await other.BeginTransactionAsync(IsolationLevel.ReadCommitted, ct);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var asking = ProcessIdAsync(other, stop.Token);
        try
        {
            // The second client gets the first one's session only where that was taken back after its statement.
            if (await asking.WaitAsync(UntilAskingAgain, time, ct) == session) return true;
        }
        catch (TimeoutException)
        {
            // Sessions are given in the order of asking. A first client that is served before the second one has a session of its own.
            await ProcessIdInTimeAsync(connection, time, ct);
            return asking.IsCompleted ? null : false;
        }
        catch (PostgresException exception) when (exception.MessageText.Contains("statement pooling", StringComparison.OrdinalIgnoreCase))
        {
            return true;
        }
        finally
        {
            await stop.CancelAsync();
            await ((Task)asking).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        // The second client's transaction holds a session now, so the first client's next statement may run in another one.
        return await ProcessIdAsync(connection, ct) == session ? null : true;
    }

    private static async Task ProcessIdInTimeAsync(NpgsqlConnection connection, TimeProvider time, CancellationToken ct)
    {
        using var limit = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, ct);
        try
        {
            await ProcessIdAsync(connection, either.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw new TimeoutException("The pooler has had no session of the server to give.");
        }
    }

    private static async Task<int> ProcessIdAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand("select pg_catalog.pg_backend_pid()", connection);
        return (int)(await command.ExecuteScalarAsync(ct))!;
    }
}
