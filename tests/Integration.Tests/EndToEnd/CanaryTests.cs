using System.Diagnostics.Metrics;
using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using ConsentSnapshots.EdgeApi;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Tests.Destinations;
using ConsentSnapshots.Integration.Tests.Database;
using ConsentSnapshots.Worker;
using ConsentSnapshots.Worker.Commands;
using ConsentSnapshots.Worker.Encryption;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Integration.Tests.EndToEnd;

/// <summary>A canary in every private and undeclared setting of every type, plain and encrypted, is in nothing the product writes, says, counts or answers.</summary>
public sealed class CanaryTests
{
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
        foreach (var kind in (string[])["plain", "sealed"])
            await Eventually.TrueAsync(async () => (await AnswerAsync(http, $"/v1/{kind}/production/scripts?consent=necessary")).Status == HttpStatusCode.OK, $"{kind} is served", seconds: 60);

        foreach (var kind in (string[])["plain", "sealed"])
        {
            foreach (var set in ConsentSet.All) await SaysNothingAsync(http, $"/v1/{kind}/production/scripts?consent={set}");
            await SaysNothingAsync(http, $"/analytics/scripts?consent={{\"marketing\":true}}&organizationId={kind}&environment=production");
            await SaysNothingAsync(http, $"/v1/{kind}/production/config");
            var preview = await CommandAsync(settings, "preview", "--org", kind, "--env", "production", "--consent", "functionality,experience,measurement,marketing");
            Assert.Contains("left out", preview, StringComparison.Ordinal);
        }
        await SaysNothingAsync(http, "/health/ready");
        await CommandAsync(settings, "preview", "--org", "plain", "--env", "production", "--consent", "marketing", "--json");
        await CommandAsync(settings, "status");
        await CommandAsync(settings, "status", "--json");

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

    /// <summary>Two organizations with every type: one row that loads and one that is refused; one organization's settings are sealed.</summary>
    private static JsonObject Destinations()
    {
        var keys = new SettingsKeyRing(new EncryptionOptions { Keys = { Platform.Key } });
        JsonNode Sealed(JsonObject settings) => keys.Seal(JsonElement.Parse(settings.ToJsonString()));
        return new JsonObject
        {
            ["organizations"] = new JsonArray(Organization("plain", settings => settings), Organization("sealed", Sealed)),
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

    private static async Task<string> CommandAsync(Dictionary<string, string?> settings, params string[] words)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var exitCode = await new CommandLine(output, error).InvokeAsync(
            [.. words, .. settings.Where(setting => setting.Key.Contains(':', StringComparison.Ordinal)).Select(setting => $"--{setting.Key}={setting.Value}")]);
        Assert.True(exitCode == 0, error.ToString());
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
