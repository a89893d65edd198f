using System.Globalization;
using System.Text.RegularExpressions;
using Azure.Core;
using Azure.Storage.Blobs;
using ConsentSnapshots.Integration.Tests.Fixtures;

namespace ConsentSnapshots.Torture.Tests.Platform;

/// <summary>A worker with networks of its own to the database and to the store.</summary>
internal sealed record WorkerPlace(Supervised Program, TcpProxy Postgres, TcpProxy Listen, TcpProxy Store);

/// <summary>An edge and its address.</summary>
internal sealed record EdgePlace(Supervised Program, Uri Address);

/// <summary>The whole product: three workers and two edges as processes, on one Postgres and one Azurite.</summary>
internal sealed partial class Product : IAsyncDisposable
{
    public const string Database = "consent";
    public const string PublicContainer = "public";
    public const string PrivateContainer = "private";
    public const string HistoryContainer = "history";
    private const int WorkerCount = 3;
    private const int EdgeCount = 2;

    private readonly string _logs;
    private readonly Ledger _ledger;
    private readonly string _azurite;
    private int _disposed;

    private Product(TorturePostgres postgres, AzuriteFixture azurite, string azuriteConnection, Ledger ledger, string logs)
    {
        (Postgres, Azurite, _azurite, _ledger, _logs) = (postgres, azurite, azuriteConnection, ledger, logs);
        // A reader that waits for a store that is down sees nothing meanwhile.
        Store = new BlobServiceClient(azuriteConnection, new BlobClientOptions { Retry = { MaxRetries = 0, NetworkTimeout = TimeSpan.FromSeconds(10), Mode = RetryMode.Fixed } });
        Workers = [.. Enumerable.Range(1, WorkerCount).Select(Worker)];
        Edges = [.. Enumerable.Range(1, EdgeCount).Select(Edge)];
    }

    public TorturePostgres Postgres { get; }

    public AzuriteFixture Azurite { get; }

    public BlobServiceClient Store { get; }

    public IReadOnlyList<WorkerPlace> Workers { get; }

    public IReadOnlyList<EdgePlace> Edges { get; }

    /// <summary>Makes databases and schema, and starts nothing yet.</summary>
    public static async Task<Product> CreateAsync(TorturePostgres postgres, AzuriteFixture azurite, Ledger ledger, string logs, CancellationToken cancellationToken)
    {
        await postgres.CreateDatabaseAsync(Database, cancellationToken);
        var product = new Product(postgres, azurite, await azurite.ConnectionStringAsync(cancellationToken), ledger, logs);
        var (exitCode, output) = await CommandAsync(["migrate", "--with-destinations"], product.Settings(), cancellationToken);
        Assert.True(exitCode == 0, output);
        return product;
    }

    public void Start()
    {
        foreach (var worker in Workers) worker.Program.Start();
        foreach (var edge in Edges) edge.Program.Start();
    }

    /// <summary>Runs a command of the worker to its end; its exit code and what it wrote. One that does not end is killed: -1.</summary>
    public static async Task<(int ExitCode, string Output)> CommandAsync(string[] words, IReadOnlyDictionary<string, string> settings, CancellationToken cancellationToken, TimeSpan? patience = null)
    {
        var lines = new List<string>();
        using var process = ProductProcess.Start("Worker/consent-snapshots", words, settings, line =>
        {
            lock (lines) lines.Add(line);
        });
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(patience ?? TimeSpan.FromMinutes(3));
        try
        {
            await process.ReadToEndAsync(limit.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (-1, $"It still ran after {patience ?? TimeSpan.FromMinutes(3)}.");
        }
        lock (lines) return (process.ExitCode, string.Join('\n', lines));
    }

    /// <summary>The settings of a worker without any network in between.</summary>
    public Dictionary<string, string> Settings(string database = Database) =>
        Settings(Pooled(Postgres.OwnerOf(database), Postgres.ServerPort, patience: 60), _azurite);

    /// <summary>The settings of a worker that reads another database into a directory.</summary>
    public Dictionary<string, string> SettingsOfDirectory(string database, string directory)
    {
        var settings = Settings(database);
        settings["Storage__Provider"] = "directory";
        settings["Storage__Directory"] = directory;
        settings.Remove("Storage__ConnectionString");
        return settings;
    }

    public async ValueTask DisposeAsync()
    {
        // A run that found nothing ends it early, to delete what its programs wrote.
        if (Interlocked.Exchange(ref _disposed, 1) == 1) return;
        foreach (var edge in Edges) await edge.Program.DisposeAsync();
        foreach (var worker in Workers)
        {
            await worker.Program.DisposeAsync();
            await worker.Postgres.DisposeAsync();
            await worker.Listen.DisposeAsync();
            await worker.Store.DisposeAsync();
        }
    }

    private static Dictionary<string, string> Settings(string postgres, string azurite) => new(StringComparer.Ordinal)
    {
        ["Source__Provider"] = "postgres",
        ["ConnectionStrings__Postgres"] = postgres,
        ["Storage__Provider"] = "azure",
        ["Storage__ConnectionString"] = azurite,
        ["Storage__Container"] = PublicContainer,
        ["Storage__PrivateContainer"] = PrivateContainer,
        ["Storage__HistoryContainer"] = HistoryContainer,
        // What takes hours in production takes seconds here.
        ["Schedule__Reconcile"] = "0/20 * * * * ?",
        ["Schedule__MaxRetryDelay"] = "00:00:05",
        ["DOTNET_gcServer"] = "0",
    };

    private WorkerPlace Worker(int number)
    {
        var (postgres, listen) = (new TcpProxy(() => Postgres.ServerPort), new TcpProxy(() => Postgres.ServerPort));
        var azuritePort = int.Parse(PortOfEndpoint().Match(_azurite).Value.TrimStart(':'), CultureInfo.InvariantCulture);
        var store = new TcpProxy(() => azuritePort);
        var settings = Settings(Pooled(Postgres.OwnerOf(Database), postgres.Port, patience: 10), PortOfEndpoint().Replace(_azurite, $":{store.Port}"));
        settings["ConnectionStrings__PostgresListen"] = Pooled(Postgres.OwnerOf(Database), listen.Port, patience: 10);
        return new WorkerPlace(new Supervised($"worker {number}", () => Start($"worker-{number}", "Worker/consent-snapshots", ["run"], settings), _ledger), postgres, listen, store);
    }

    private EdgePlace Edge(int number)
    {
        var address = new Uri($"http://127.0.0.1:{FixedPort.Next()}");
        var settings = Settings();
        settings["ASPNETCORE_URLS"] = address.ToString();
        // The second one keeps what it has across restarts.
        if (number == 2) settings["Edge__CacheDirectory"] = Path.Combine(_logs, "edge-cache");
        return new EdgePlace(new Supervised($"edge {number}", () => Start($"edge-{number}", "EdgeApi/consent-edge", [], settings), _ledger), address);
    }

    /// <summary>The product pools its connections; a test's own sessions do not. What waits for a network that is silent gives up after a while.</summary>
    private static string Pooled(string connection, int port, int patience) =>
        new Npgsql.NpgsqlConnectionStringBuilder(connection) { Port = port, Pooling = true, MaxPoolSize = 15, ApplicationName = "", Timeout = patience, CommandTimeout = patience }.ConnectionString;

    private ProductProcess Start(string name, string program, string[] arguments, Dictionary<string, string> settings)
    {
        var log = new StreamWriter(Path.Combine(_logs, $"{name}.log"), append: true) { AutoFlush = true };
        log.WriteLine($"--- started at {_ledger.Elapsed:mm\\:ss\\.fff}");
        return ProductProcess.Start(program, arguments, settings, line =>
        {
            lock (log) log.WriteLine($"{_ledger.Elapsed:mm\\:ss\\.fff} {line}");
            if (line.Contains(" crit: ConsentSnapshots.", StringComparison.Ordinal)) _ledger.Violate($"{name} logged a critical event: {line}");
        });
    }

    [GeneratedRegex("(?<=BlobEndpoint=http://127\\.0\\.0\\.1):[0-9]+", RegexOptions.CultureInvariant)]
    private static partial Regex PortOfEndpoint();
}
