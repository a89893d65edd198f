using System.Net;
using System.Text.Json;
using Azure.Storage.Blobs;
using ConsentSnapshots.EdgeApi;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Integration.Tests.Postgres;
using ConsentSnapshots.Tests.Support;
using ConsentSnapshots.Worker;
using ConsentSnapshots.Worker.Commands;
using ConsentSnapshots.Worker.Settings;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ConsentSnapshots.Integration.Tests.EndToEnd;

/// <summary>The whole product on real parts: PostgreSQL with a control plane's table, Azurite, the worker as a service, the edge on HTTP.</summary>
internal sealed class Platform : IAsyncDisposable
{
    public const string Key = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    private readonly Dictionary<string, string?> _settings;
    private IHost? _worker;
    private WebApplication? _edge;

    private Platform(SourceDatabase database, Dictionary<string, string?> settings) => (Database, _settings) = (database, settings);

    public SourceDatabase Database { get; }

    public HttpClient Http { get; private set; } = null!;

    public RecordingLogs Logs { get; } = new();

    public IServiceProvider Worker => _worker!.Services;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static async Task<Platform> CreateAsync(
        PostgresFixture postgres, AzuriteFixture azurite, Action<Dictionary<string, string?>>? configure = null, SourceDatabase? database = null)
    {
        database ??= await SourceDatabase.CreateAsync(postgres);
        var settings = new Dictionary<string, string?>
        {
            ["Source:Provider"] = "postgres",
            ["ConnectionStrings:Postgres"] = database.Options.ConnectionString,
            ["Storage:Provider"] = "azure",
            ["Storage:ConnectionString"] = await azurite.ConnectionStringAsync(Cancel),
            ["Storage:Container"] = azurite.NextContainerName("public"),
            ["Storage:PrivateContainer"] = azurite.NextContainerName("private"),
            ["Storage:HistoryContainer"] = azurite.NextContainerName("history"),
            ["Encryption:Keys:0"] = Key,
            // Only when a test asks for it: what is shown without must be due to the notification.
            ["Schedule:Drain"] = "0 0 0 1 1 ? 2099",
            ["Schedule:Reconcile"] = "0 0 0 1 1 ? 2099",
            ["urls"] = "http://127.0.0.1:0",
            // Nothing here is about slowness; a busy machine must reach none of these.
            ["Storage:Timeout"] = "00:02:00",
            ["Edge:NetworkTimeout"] = "00:00:30",
            ["Edge:LoadTimeout"] = "00:01:00",
        };
        configure?.Invoke(settings);
        return new Platform(database, settings);
    }

    /// <summary>Starts worker and edge.</summary>
    public async Task<Platform> StartAsync()
    {
        await StartWorkerAsync();
        await StartEdgeAsync();
        return this;
    }

    public async Task StartWorkerAsync()
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection(_settings);
        builder.Logging.AddProvider(Logs);
        builder.AddSnapshotService(WorkerConfiguration.Read(builder.Configuration));
        _worker = builder.Build();
        await _worker.StartAsync(Cancel);
    }

    public async Task StopWorkerAsync()
    {
        if (_worker is null) return;
        await _worker.StopAsync(Cancel);
        _worker.Dispose();
        _worker = null;
    }

    /// <summary>What an operator's mistake or a provider's fault takes from the store.</summary>
    public async Task LoseAsync(string what, Guid organization)
    {
        var service = new BlobServiceClient(_settings["Storage:ConnectionString"]);
        string[] containers = what switch
        {
            "all containers" => ["Storage:Container", "Storage:PrivateContainer", "Storage:HistoryContainer"],
            "the public container" => ["Storage:Container"],
            _ => [],
        };
        foreach (var container in containers) await service.DeleteBlobContainerAsync(_settings[container], cancellationToken: Cancel);
        if (containers.Length == 0)
            await service.GetBlobContainerClient(_settings["Storage:PrivateContainer"]).DeleteBlobAsync($"current/{organization}/production.json", cancellationToken: Cancel);
    }

    public async Task StartEdgeAsync()
    {
        _edge = EdgeApp.Build([], builder =>
        {
            builder.Configuration.AddInMemoryCollection(_settings);
            builder.Logging.ClearProviders().AddProvider(Logs);
        });
        await _edge.StartAsync(Cancel);
        Http = new HttpClient { BaseAddress = new Uri(_edge.Urls.First()) };
    }

    /// <summary>Runs a command of the worker's executable; its exit code and what it wrote.</summary>
    public async Task<(int ExitCode, string Output, string Error)> CommandAsync(params string[] words)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var settings = _settings.Where(setting => setting.Key.Contains(':', StringComparison.Ordinal)).Select(setting => $"--{setting.Key}={setting.Value}");
        var exitCode = await new CommandLine(output, error).InvokeAsync([.. words, .. settings]);
        return (exitCode, output.ToString(), error.ToString());
    }

    /// <summary>Runs the service as a process that is expected to refuse to start; its exit code and what it wrote.</summary>
    public async Task<(int ExitCode, string Output, string Error)> RunAsync()
    {
        var outcome = await Executable.RunAsync(
            Executable.Worker, ["run"], _settings.Select(setting => KeyValuePair.Create(setting.Key.Replace(":", "__", StringComparison.Ordinal), setting.Value)), Cancel);
        return (outcome.ExitCode, outcome.Output, outcome.Error);
    }

    /// <summary>Inserts a destination as the control plane would; its id.</summary>
    public async Task<Guid> InsertAsync(
        Guid organization, string settings, string type = "meta-pixel", string? environment = "production", string[]? requiredConsent = null,
        bool enabled = true, bool encrypted = false)
    {
        await using var command = Database.Pool.CreateCommand(
            """
            insert into destinations (organization_id, type, name, environment, settings, required_consent, enabled, settings_encrypted)
            values ($1, $2, 'one', $3, $4::jsonb, $5, $6, $7) returning id
            """);
        command.Parameters.AddWithValue(organization);
        command.Parameters.AddWithValue(type);
        command.Parameters.Add(new NpgsqlParameter { Value = (object?)environment ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text });
        command.Parameters.AddWithValue(settings);
        command.Parameters.AddWithValue(requiredConsent ?? []);
        command.Parameters.AddWithValue(enabled);
        command.Parameters.AddWithValue(encrypted);
        return (Guid)(await command.ExecuteScalarAsync(Cancel))!;
    }

    /// <summary>
    /// Settings of a Meta Pixel. An id that a test looks for in an answer has eleven digits: a shorter one can stand in a time, a hash
    /// or an organization's id as well.
    /// </summary>
    public static string Pixel(string pixelId) => $$"""{"pixelId":"{{pixelId}}"}""";

    /// <summary>The status of a scripts request, and the body.</summary>
    public async Task<(HttpStatusCode Status, string Body)> GetAsync(Guid organization, string environment = "production", string consent = "marketing")
    {
        using var response = await Http.GetAsync(new Uri($"/v1/{organization}/{environment}/scripts?consent={consent}", UriKind.Relative), Cancel);
        return (response.StatusCode, await response.Content.ReadAsStringAsync(Cancel));
    }

    /// <summary>Waits until the answer has (or, with <paramref name="present"/> false, no longer has) the text.</summary>
    public Task ServesAsync(Guid organization, string text, string environment = "production", string consent = "marketing", bool present = true) =>
        Eventually.TrueAsync(
            async () =>
            {
                var (status, body) = await GetAsync(organization, environment, consent);
                return status == HttpStatusCode.OK && body.Contains(text, StringComparison.Ordinal) == present;
            },
            $"the edge serves {organization}/{environment} {(present ? "with" : "without")} '{text}'",
            details: () => string.Concat(Logs.Lines.TakeLast(100).Select(line => $"{Environment.NewLine}  {line}")));

    /// <summary>Waits until nothing waits to be built.</summary>
    public Task DrainedAsync() => Eventually.TrueAsync(async () => (await Database.DepthAsync()).Pending == 0, "nothing is pending");

    /// <summary>The names of all blobs.</summary>
    public async Task<string[]> ListBlobsAsync()
    {
        var (service, names) = (new BlobServiceClient(_settings["Storage:ConnectionString"]), new List<string>());
        foreach (var container in (string[])["Storage:Container", "Storage:PrivateContainer", "Storage:HistoryContainer"])
            await foreach (var blob in service.GetBlobContainerClient(_settings[container]).GetBlobsAsync(cancellationToken: Cancel)) names.Add($"{container}/{blob.Name}");
        return [.. names.Order(StringComparer.Ordinal)];
    }

    public async Task<string[]> ScriptIdsAsync(Guid organization, string environment = "production", string consent = "marketing")
    {
        var (status, body) = await GetAsync(organization, environment, consent);
        Assert.Equal(HttpStatusCode.OK, status);
        using var document = JsonDocument.Parse(body);
        return [.. document.RootElement.GetProperty("scripts").EnumerateArray().Select(script => script.GetProperty("id").GetString()!)];
    }

    public async ValueTask DisposeAsync()
    {
        await StopWorkerAsync();
        if (_edge is not null)
        {
            await _edge.StopAsync(Cancel);
            await _edge.DisposeAsync();
        }
        Http?.Dispose();
        await Database.DisposeAsync();
    }
}

/// <summary>Keeps every log line, to look for what must not be in one and to count events.</summary>
internal sealed class RecordingLogs : ILoggerProvider
{
    private readonly List<(int Id, string Line)> _entries = [];

    public string[] Lines
    {
        get
        {
            lock (_entries) return [.. _entries.Select(entry => entry.Line)];
        }
    }

    public int Count(int id)
    {
        lock (_entries) return _entries.Count(entry => entry.Id == id);
    }

    public ILogger CreateLogger(string categoryName) => new Recorder(_entries, categoryName);

    public void Dispose()
    {
    }

    private sealed class Recorder(List<(int Id, string Line)> entries, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (entries) entries.Add((eventId.Id, $"{logLevel} {category} {eventId.Id} {formatter(state, exception)} {exception}"));
        }
    }
}
