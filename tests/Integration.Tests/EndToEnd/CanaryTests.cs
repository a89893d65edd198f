using System.Diagnostics.Metrics;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using ConsentSnapshots.EdgeApi;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Tests.Destinations;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Integration.Tests.Postgres;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker;
using ConsentSnapshots.Worker.Commands;
using ConsentSnapshots.Worker.Settings;
using ConsentSnapshots.Worker.Sources;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Integration.Tests.EndToEnd;

/// <summary>A canary in every private and undeclared setting of every type, plain and encrypted, is in nothing the product writes, says, counts or answers.</summary>
public sealed class CanaryTests(PostgresFixture postgres, AzuriteFixture azurite)
{
    /// <summary>Questions that are not answered with scripts.</summary>
    private static readonly string[] Mistaken =
    [
        "/v1/plain/production/scripts", "/v1/plain/production/scripts?consent=%7B%22marketing%22%3A1%7D", "/v1/plain/nowhere/scripts?consent=marketing", "/v1/nobody/production/scripts?consent=marketing",
        "/v1/held/production/scripts?consent=marketing", "/v1/held/production/config", "/analytics/scripts?consent=marketing", "/nothing",
    ];

    private static readonly string[] Answers = ["config", "scripts.json", "scripts/functionality-experience-measurement-marketing.json"];

    private static readonly string[] Served = ["plain", "sealed"];

    private static readonly SettingsKeyRing Ours = new(new EncryptionOptions { Keys = { Platform.Key } });

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Run_CanaryInEverySettingThatStaysBehind_IsNowhere()
    {
        using var folder = new TemporaryFolder();
        var (file, store) = (Path.Combine(folder.Path, "destinations.json"), Path.Combine(folder.Path, "store"));
        await File.WriteAllTextAsync(file, Destinations().ToJsonString(), Cancel);
        var settings = new Dictionary<string, string?>
        {
            ["Source:Provider"] = "file",
            ["Source:File"] = file,
            ["Storage:Provider"] = "directory",
            ["Storage:Directory"] = store,
            ["Encryption:Keys:0"] = Platform.Key,
            ["urls"] = "http://127.0.0.1:0",
        };
        var logs = new RecordingLogs();
        using var metrics = new RecordedMetrics();
        await using var app = EdgeApp.Build([], builder =>
        {
            builder.Configuration.AddInMemoryCollection(settings);
            builder.Logging.ClearProviders().AddProvider(logs);
            builder.AddSnapshotService(WorkerConfiguration.Read(builder.Configuration));
        });
        await app.StartAsync(Cancel);
        using var http = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        foreach (var kind in Served)
            await Eventually.TrueAsync(async () => (await AnswerAsync(http, $"/v1/{kind}/production/scripts?consent=necessary")).Status == HttpStatusCode.OK, $"{kind} is served");

        await Eventually.TrueAsync(() => Task.FromResult(logs.Lines.Any(line => line.Contains("held/production", StringComparison.Ordinal))), "what cannot be opened is held");
        foreach (var kind in Served)
        {
            foreach (var set in ConsentSet.All) await SaysNothingAsync(http, $"/v1/{kind}/production/scripts?consent={set}");
            await SaysNothingAsync(http, $"/analytics/scripts?consent={{\"marketing\":true}}&organizationId={kind}&environment=production");
            foreach (var answer in Answers) await SaysNothingAsync(http, $"/v1/{kind}/production/{answer}");
            var preview = await CommandAsync(settings, "preview", "--org", kind, "--env", "production", "--consent", "functionality,experience,measurement,marketing");
            Assert.Contains("left out", preview, StringComparison.Ordinal);
        }
        await SaysNothingAsync(http, "/health/ready");
        await CommandAsync(settings, "preview", "--org", "plain", "--env", "production", "--consent", "marketing", "--json");
        foreach (var path in Mistaken)
        {
            var (status, text) = await AnswerAsync(http, path);
            Assert.True((int)status >= 400, $"{path} was answered with {status}.");
            Clean(text);
        }
        await CommandAsync(settings, "status");
        Assert.Contains("must be", await CommandAsync(settings, "status", "--json"), StringComparison.Ordinal);
        foreach (var kind in Served)
        {
            await CommandAsync(settings, "regenerate", "--org", kind, "--dry-run", "--json");
            await CommandAsync(settings, "regenerate", "--org", kind, "--force");
        }
        await CommandAsync(settings, expected: 1, "regenerate", "--all", "--json");
        await CommandAsync(settings, expected: 1, "regenerate", "--org", "held");
        await CommandAsync(settings, expected: 2, "types", "nonsense");

        await app.StopAsync(Cancel);
        metrics.Collect();
        Assert.NotEmpty(logs.Lines);
        Assert.All(logs.Lines, Clean);
        Assert.All(metrics.Seen, Clean);
        var files = Directory.GetFiles(store, "*", SearchOption.AllDirectories);
        Assert.True(files.Length > 10, $"Only {files.Length} files were written.");
        foreach (var path in files)
        {
            Clean(path);
            Clean(await File.ReadAllTextAsync(path, Cancel));
        }
    }

    /// <summary>The same on the parts of a production: PostgreSQL, whose tables of ours are looked through too, and Azure's blobs.</summary>
    [Fact]
    public async Task Run_OnPostgresAndAzure_CanaryIsNowhere()
    {
        await using var platform = await Platform.CreateAsync(postgres, azurite);
        using var metrics = new RecordedMetrics();
        foreach (var type in DestinationCatalogue.BuiltIn.Types)
            foreach (var settings in (JsonObject[])[CanarySettings.Valid(type), CanarySettings.Refused(type)])
            {
                await platform.InsertAsync(SourceDatabase.Acme, settings.ToJsonString(), type.Name);
                await platform.InsertAsync(SourceDatabase.Globex, Sealed(settings).ToJsonString(), type.Name, encrypted: true);
            }
        // What should be sealed and is not, and what nobody knows.
        await platform.InsertAsync(SourceDatabase.Acme, CanarySettings.Valid(DestinationCatalogue.BuiltIn.Types[0]).ToJsonString(), DestinationCatalogue.BuiltIn.Types[0].Name, encrypted: true);
        await platform.InsertAsync(SourceDatabase.Acme, CanarySettings.Valid(DestinationCatalogue.BuiltIn.Types[0]).ToJsonString(), "nobody-knows");
        await platform.StartAsync();

        foreach (var organization in (Guid[])[SourceDatabase.Acme, SourceDatabase.Globex])
        {
            await platform.ServesAsync(organization, "meta-pixel");
            foreach (var set in ConsentSet.All) await SaysNothingAsync(platform.Http, $"/v1/{organization}/production/scripts?consent={set}");
            foreach (var answer in Answers) await SaysNothingAsync(platform.Http, $"/v1/{organization}/production/{answer}");
            foreach (var words in (string[][])
                [
                    ["preview", "--org", $"{organization}", "--env", "production", "--consent", "marketing"], ["status", "--json"], ["status"],
                    ["regenerate", "--org", $"{organization}", "--json"], ["regenerate", "--all", "--force"],
                ])
            {
                var (_, output, error) = await platform.CommandAsync(words);
                Assert.NotEmpty(output + error);
                Clean(output);
                Clean(error);
            }
        }
        await SaysNothingAsync(platform.Http, "/health/ready");
        var blobs = platform.Worker.GetRequiredService<IBlobStore>();
        var seen = 0;
        foreach (var container in Enum.GetValues<BlobContainer>())
            await foreach (var blob in blobs.ListAsync(container, "", Cancel))
            {
                Clean(blob.Name);
                Clean(Encoding.UTF8.GetString(Assert.IsType<BlobRead.Found>(await blobs.ReadAsync(container, blob.Name, null, int.MaxValue, Cancel)).Bytes));
                seen++;
            }
        Assert.True(seen > 10, $"Only {seen} blobs were written.");
        var tables = await platform.Database.ScalarAsync<string>("select schema_to_xml('consent_snapshots', true, true, '')::text");
        Assert.Contains("must be", tables, StringComparison.Ordinal);
        Clean(tables);
        await platform.StopWorkerAsync();
        metrics.Collect();
        Assert.NotEmpty(platform.Logs.Lines);
        Assert.All(platform.Logs.Lines, Clean);
        Assert.All(metrics.Seen, Clean);
    }

    /// <summary>Three organizations with every type: one row that loads and one that is refused. One organization's settings are sealed, another's with a key that is lost.</summary>
    private static JsonObject Destinations()
    {
        var lost = new SettingsKeyRing(new EncryptionOptions { Keys = { new string('f', 64) } });
        return new JsonObject
        {
            ["organizations"] = new JsonArray(
                Organization("plain", settings => settings), Organization("sealed", Sealed), Organization("held", settings => lost.Seal(JsonElement.Parse(settings.ToJsonString())))),
        };

        static JsonNode Organization(string id, Func<JsonObject, JsonNode> form) => new JsonObject
        {
            ["id"] = id,
            ["environments"] = new JsonObject
            {
                ["production"] = new JsonObject
                {
                    ["destinations"] = new JsonArray(
                    [
                        .. DestinationCatalogue.BuiltIn.Types.SelectMany(type => (JsonObject[])[CanarySettings.Valid(type), CanarySettings.Refused(type)],
                            (type, settings) => new JsonObject { ["type"] = type.Name, ["settings"] = form(settings) }),
                    ]),
                },
            },
        };
    }

    private static JsonNode Sealed(JsonObject settings) => Ours.Seal(JsonElement.Parse(settings.ToJsonString()));

    private static void Clean(string text) => Assert.DoesNotContain(CanarySettings.Canary, text, StringComparison.OrdinalIgnoreCase);

    private static async Task SaysNothingAsync(HttpClient http, string path)
    {
        var (status, text) = await AnswerAsync(http, path);
        Assert.Equal(HttpStatusCode.OK, status);
        Clean(text);
    }

    private static async Task<(HttpStatusCode Status, string Text)> AnswerAsync(HttpClient http, string path)
    {
        using var response = await http.GetAsync(new Uri(path, UriKind.Relative), Cancel);
        return (response.StatusCode, $"{response.Headers}{response.Content.Headers}{await response.Content.ReadAsStringAsync(Cancel)}");
    }

    private static Task<string> CommandAsync(Dictionary<string, string?> settings, params string[] words) => CommandAsync(settings, 0, words);

    private static async Task<string> CommandAsync(Dictionary<string, string?> settings, int expected, params string[] words)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var exitCode = await new CommandLine(output, error).InvokeAsync(
            [.. words, .. settings.Where(setting => setting.Key.Contains(':', StringComparison.Ordinal)).Select(setting => $"--{setting.Key}={setting.Value}")]);
        Assert.True(exitCode == expected, $"{string.Join(' ', words)} ended with {exitCode}: {error}");
        Clean(output.ToString());
        Clean(error.ToString());
        return $"{output}{error}";
    }

    private sealed class TemporaryFolder : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("consent-snapshots-secrets-").FullName;

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }

    /// <summary>Names and tags of every measurement of this process.</summary>
    private sealed class RecordedMetrics : IDisposable
    {
        private readonly HashSet<string> _seen = [];
        private readonly MeterListener _listener = new();

        public RecordedMetrics()
        {
            _listener.InstrumentPublished = (instrument, listener) => listener.EnableMeasurementEvents(instrument);
            _listener.SetMeasurementEventCallback<long>(Record);
            _listener.SetMeasurementEventCallback<int>(Record);
            _listener.SetMeasurementEventCallback<double>(Record);
            _listener.Start();
        }

        public string[] Seen
        {
            get
            {
                lock (_seen) return [.. _seen];
            }
        }

        public void Collect() => _listener.RecordObservableInstruments();

        public void Dispose() => _listener.Dispose();

        private void Record<T>(Instrument instrument, T measurement, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state)
        {
            var text = instrument.Name;
            foreach (var tag in tags) text += string.Create(CultureInfo.InvariantCulture, $" {tag.Key}={tag.Value}");
            lock (_seen) _seen.Add(text);
        }
    }
}
