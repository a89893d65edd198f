using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text.RegularExpressions;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Diagnostics;
using Microsoft.Extensions.DependencyInjection;

namespace ConsentSnapshots.Worker.Tests.Diagnostics;

/// <summary>Metrics are a contract with dashboards and alerts: names, types and units are those of the document.</summary>
public sealed partial class WorkerMetricsTests : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly List<(string Name, double Value, string Tags)> _measured = [];
    private readonly List<Instrument> _instruments = [];
    private readonly MeterListener _listener = new();
    private readonly WorkerMetrics _metrics;

    public WorkerMetricsTests()
    {
        var factory = _services.GetRequiredService<IMeterFactory>();
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name != WorkerMetrics.MeterName || !ReferenceEquals(instrument.Meter.Scope, factory)) return;
            _instruments.Add(instrument);
            listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Record(instrument, value, tags));
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Record(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Record(instrument, value, tags));
        _listener.Start();
        _metrics = new WorkerMetrics(factory);
    }

    public void Dispose()
    {
        _listener.Dispose();
        _services.Dispose();
    }

    [Fact]
    public void Instruments_All_AreThoseOfTheDocument()
    {
        ObserveEverything();

        var documented = DocumentedRow().Matches(File.ReadAllText(Path.Combine(RepositoryRoot(), "docs", "operations.md")))
            .Select(row => (row.Groups["name"].Value, row.Groups["type"].Value, row.Groups["unit"].Value))
            .Order();

        Assert.Equal(_instruments.Select(instrument => (instrument.Name, TypeOf(instrument), instrument.Unit ?? "")).Order(), documented);
    }

    [Fact]
    public void Instruments_All_AreNamedAsOpenTelemetrySays()
    {
        ObserveEverything();

        Assert.All(_instruments, instrument =>
        {
            Assert.Matches("^consent\\.worker(\\.[a-z]+)+$", instrument.Name);
            Assert.False(string.IsNullOrWhiteSpace(instrument.Description));
            Assert.Matches("^(s|By|\\{[a-z]+\\})$", instrument.Unit);
        });
    }

    [Fact]
    public void Built_Published_CountsBuildAndPublicationAndItsTime()
    {
        _metrics.Built("published", attempt: 1, TimeSpan.FromMilliseconds(250));
        _metrics.Published();

        Assert.Equal(
            [("consent.worker.builds", 1, "outcome=published"), ("consent.worker.build.duration", 0.25, "outcome=published"), ("consent.worker.publications", 1, "")], _measured);
    }

    [Fact]
    public void Built_FailedAgain_CountsARetryAndNoPublication()
    {
        _metrics.Built("failed", attempt: 2, TimeSpan.FromSeconds(1));

        Assert.Equal([("consent.worker.builds", 1, "outcome=failed"), ("consent.worker.build.duration", 1, "outcome=failed"), ("consent.worker.retries", 1, "")], _measured);
    }

    [Fact]
    public void Triggers_Weaker_AreOneInThatStateAndZeroInTheOthers()
    {
        _metrics.ObserveTriggers(() => TriggerState.Weaker);

        _listener.RecordObservableInstruments();

        Assert.Equal(
            [("consent.worker.triggers", 0, "state=unknown"), ("consent.worker.triggers", 0, "state=right"), ("consent.worker.triggers", 1, "state=weaker"),
                ("consent.worker.triggers", 0, "state=missing")],
            _measured);
    }

    /// <summary>A queue that cannot be read is no empty queue.</summary>
    [Fact]
    public void Queue_NotRead_IsNotMeasured()
    {
        _metrics.ObserveQueue(() => null);

        _listener.RecordObservableInstruments();

        Assert.Empty(_measured);
    }

    [Theory]
    [InlineData(BlobContainer.Public, "acme/production/0123456789abcdef0123456789abcdef.json", "snapshot")]
    [InlineData(BlobContainer.Public, "acme/production/scripts.json", "list")]
    [InlineData(BlobContainer.Public, "acme/production/tags.js", "tags")]
    [InlineData(BlobContainer.Public, "_/loader.js", "loader")]
    [InlineData(BlobContainer.History, "acme/production/00000001.json", "history")]
    [InlineData(BlobContainer.Private, "current/acme/production.json", "current")]
    [InlineData(BlobContainer.Private, "changes/00000001.log", "changes")]
    [InlineData(BlobContainer.Private, "state/reports/acme/production.json", "other")]
    public async Task Store_BlobWritten_IsCountedByItsKind(BlobContainer container, string name, string kind)
    {
        var folder = Directory.CreateTempSubdirectory("consent-snapshots-metrics-");
        try
        {
            using var directory = new DirectoryBlobStore(folder.FullName, TimeProvider.System);
            var store = new MeteredBlobStore(directory, _metrics);

            var first = await store.CreateAsync(container, name, new byte[100], BlobProperties.PrivateJson, TestContext.Current.CancellationToken);
            var second = await store.CreateAsync(container, name, new byte[100], BlobProperties.PrivateJson, TestContext.Current.CancellationToken);

            Assert.Equal((true, true), (first is not null, second is null));
            Assert.Equal([("consent.worker.blob.writes", 1, $"kind={kind}"), ("consent.worker.blob.written", 100, $"kind={kind}")], _measured);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private void ObserveEverything()
    {
        _metrics.ObserveQueue(() => null);
        _metrics.ObserveListener(() => true, () => 0);
        _metrics.ObserveHeartbeat(() => null, () => 0);
        _metrics.ObserveTriggers(() => TriggerState.Right);
    }

    private void Record(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
        _measured.Add((instrument.Name, value, string.Join(',', tags.ToArray().Select(tag => string.Create(CultureInfo.InvariantCulture, $"{tag.Key}={tag.Value}")))));

    private static string TypeOf(Instrument instrument) => instrument.GetType().Name.Split('`')[0] switch
    {
        "Counter" or "ObservableCounter" => "counter",
        "Histogram" => "histogram",
        _ => "gauge",
    };

    private static string RepositoryRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Consent.Snapshots.sln"))) return folder.FullName;
        throw new DirectoryNotFoundException("The tests do not stand in the repository.");
    }

    [GeneratedRegex(@"^\| `(?<name>consent\.worker\.[a-z.]+)` \| (?<type>counter|gauge|histogram) \| (?:`(?<unit>[^`]+)`) \|", RegexOptions.Multiline)]
    private static partial Regex DocumentedRow();
}
