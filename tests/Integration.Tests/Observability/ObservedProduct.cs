using System.Diagnostics;
using System.Globalization;
using System.Net;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Integration.Tests.Postgres;
using ConsentSnapshots.Tests.Support;

namespace ConsentSnapshots.Integration.Tests.Observability;

/// <summary>Worker and edge as the processes that an operator runs, on PostgreSQL and a directory. They are killed when the test ends.</summary>
internal sealed class ObservedProduct : IAsyncDisposable
{
    private readonly HttpClient _http = new();
    private readonly List<Process> _processes = [];
    private readonly List<string> _lines = [];

    private ObservedProduct(SourceDatabase database, DirectoryInfo store) => (Database, Store) = (database, store);

    public SourceDatabase Database { get; }

    public DirectoryInfo Store { get; }

    public Uri WorkerMetrics { get; } = Local("metrics");

    public Uri EdgeMetrics { get; } = Local("metrics");

    public Uri Edge { get; } = Local("");

    public string Lines
    {
        get
        {
            lock (_lines) return string.Join(Environment.NewLine, _lines);
        }
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static async Task<ObservedProduct> StartAsync(PostgresFixture postgres, params (string Name, string Value)[] variables)
    {
        var product = new ObservedProduct(await SourceDatabase.CreateAsync(postgres), Directory.CreateTempSubdirectory("consent-snapshots-observed-"));
        product.Start(Executable.Worker, ["run"],
        [
            ("Source__Provider", "postgres"), ("ConnectionStrings__Postgres", product.Database.Options.ConnectionString), ("Worker__Url", Origin(product.WorkerMetrics)),
            ("Storage__Directory", product.Store.FullName), .. variables,
        ]);
        product.Start(Executable.Edge, [],
        [
            ("ASPNETCORE_URLS", Origin(product.Edge)), ("Edge__MetricsUrl", Origin(product.EdgeMetrics)), ("Storage__Directory", product.Store.FullName), .. variables,
        ]);
        await product.EventuallyAsync(async () => (await product.GetAsync(new Uri(product.Edge, "/health/ready"))).Code == HttpStatusCode.OK, "the edge is ready");
        await product.EventuallyAsync(async () => (await product.GetAsync(new Uri(product.WorkerMetrics, "/health/ready"))).Code == HttpStatusCode.OK, "the worker is ready");
        return product;
    }

    /// <summary>Inserts a destination as the control plane would.</summary>
    public async Task InsertAsync(Guid organization, string settings, string type = "meta-pixel")
    {
        await using var command = Database.Pool.CreateCommand(
            "insert into destinations (organization_id, type, name, environment, settings, settings_encrypted) values ($1, $2, 'one', 'production', $3::jsonb, false)");
        command.Parameters.AddWithValue(organization);
        command.Parameters.AddWithValue(type);
        command.Parameters.AddWithValue(settings);
        await command.ExecuteNonQueryAsync(Cancel);
    }

    public Task ServesAsync(Guid organization, string text) => EventuallyAsync(
        async () => (await GetAsync(new Uri(Edge, $"/v1/{organization}/production/scripts?consent=marketing"))) is { Code: HttpStatusCode.OK } answer && answer.Body.Contains(text, StringComparison.Ordinal),
        $"the edge serves {organization} with {text}");

    public Task EventuallyAsync(Func<Task<bool>> condition, string what) => Eventually.TrueAsync(condition, what, details: () => Environment.NewLine + Lines);

    /// <summary>An answer; 503 where nobody listens.</summary>
    public async Task<(HttpStatusCode Code, string Body)> GetAsync(Uri address)
    {
        try
        {
            using var response = await _http.GetAsync(address, Cancel);
            return (response.StatusCode, await response.Content.ReadAsStringAsync(Cancel));
        }
        catch (HttpRequestException)
        {
            return (HttpStatusCode.ServiceUnavailable, "");
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _processes)
        {
            if (!process.HasExited) process.Kill();
            await process.WaitForExitAsync(Cancel);
            process.Dispose();
        }
        _http.Dispose();
        await Database.DisposeAsync();
        Store.Delete(recursive: true);
    }

    private void Start(string program, string[] arguments, (string Name, string Value)[] variables)
    {
        var start = Executable.Describe(program, arguments, variables.Select(variable => KeyValuePair.Create(variable.Name, (string?)variable.Value)));
        var process = Process.Start(start)!;
        process.StandardInput.Close();
        process.OutputDataReceived += (_, line) => Note(line.Data);
        process.ErrorDataReceived += (_, line) => Note(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _processes.Add(process);
    }

    private void Note(string? line)
    {
        lock (_lines)
            if (line is not null) _lines.Add(line);
    }

    private static Uri Local(string path) => new(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{FixedPort.Next()}/{path}"));

    private static string Origin(Uri address) => address.GetLeftPart(UriPartial.Authority);
}
