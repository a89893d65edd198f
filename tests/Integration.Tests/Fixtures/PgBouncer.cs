using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace ConsentSnapshots.Integration.Tests.Fixtures;

/// <summary>
/// A real PgBouncer of the machine's own package, between a test and the PostgreSQL server: it hands the server's sessions from one client to the next.
/// </summary>
internal sealed class PgBouncer : IAsyncDisposable
{
    /// <summary>How many server sessions it keeps for each database.</summary>
    public const int Sessions = 4;

    private readonly DirectoryInfo _folder;
    private readonly Process _process;
    private readonly int _port;

    private PgBouncer(DirectoryInfo folder, Process process, int port) => (_folder, _process, _port) = (folder, process, port);

    /// <summary>Starts it in front of a database's server, in one of its pool modes.</summary>
    /// <param name="database">The connection string whose server and role it logs in with.</param>
    /// <param name="mode"><c>transaction</c>, <c>session</c> or <c>statement</c>.</param>
    /// <param name="cancellationToken">Cancels the start.</param>
    public static async Task<PgBouncer> StartAsync(string database, string mode, CancellationToken cancellationToken)
    {
        var server = new NpgsqlConnectionStringBuilder(database);
        var port = FixedPort.Next();
        var folder = Directory.CreateTempSubdirectory("consent-snapshots-pgbouncer-");
        var settings = Path.Combine(folder.FullName, "pgbouncer.ini");
        // The statement that it runs in each new server session is how an application sets up sessions that it shares.
        await File.WriteAllTextAsync(settings, string.Create(CultureInfo.InvariantCulture,
            $"""
            [databases]
            * = host={server.Host} port={server.Port} user={server.Username} password={server.Password} connect_query='set search_path = app, public'
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {port}
            unix_socket_dir =
            auth_type = any
            pool_mode = {mode}
            default_pool_size = {Sessions}
            """), cancellationToken);
        var start = new ProcessStartInfo(SystemExecutable.Find("pgbouncer"), Environment.IsPrivilegedProcess ? ["-q", "-u", "nobody", settings] : ["-q", settings])
        {
            RedirectStandardError = true,
        };
        var process = Process.Start(start)!;
        var bouncer = new PgBouncer(folder, process, port);
        try
        {
            await bouncer.AnswersAsync(database, process.StandardError.ReadToEndAsync(cancellationToken), cancellationToken);
            return bouncer;
        }
        catch
        {
            await bouncer.DisposeAsync();
            throw;
        }
    }

    /// <summary>The same database, reached through the pooler.</summary>
    public string Through(string database) =>
        new NpgsqlConnectionStringBuilder(database) { Host = "127.0.0.1", Port = _port }.ConnectionString;

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await _process.WaitForExitAsync(patience.Token);
        _process.Dispose();
        _folder.Delete(recursive: true);
    }

    private async Task AnswersAsync(string database, Task<string> errors, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(TimeSpan.FromSeconds(30));
        while (true)
        {
            await using var connection = new NpgsqlConnection(Through(database) + ";Pooling=false");
            try
            {
                await connection.OpenAsync(patience.Token);
                return;
            }
            catch (NpgsqlException) when (!_process.HasExited)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, patience.Token);
            }
            catch (NpgsqlException)
            {
                throw new InvalidOperationException($"PgBouncer did not start: {await errors}");
            }
        }
    }
}
