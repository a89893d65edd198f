using System.Globalization;
using ConsentSnapshots.Integration.Tests.Fixtures;

namespace ConsentSnapshots.Integration.Tests.Observability;

/// <summary>What a collector gets of worker and edge, when somebody saves a destination.</summary>
public sealed class TraceTests(PostgresFixture postgres)
{
    private const string Canary = "c4naryOf0therPeople";

    private readonly Guid _acme = Guid.NewGuid();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Export_ADestinationIsSaved_IsOneTraceToTheChangeLineAndOneOfTheEdge()
    {
        await using var collector = await OtlpReceiver.StartAsync(Cancel);
        await using var product = await StartAsync(collector);
        await product.InsertAsync(_acme, """{"pixelId":"11111111111"}""");
        await product.ServesAsync(_acme, "11111111111");

        // Once in a while a look that the worker makes by itself is quicker than the notification. Then the next insert is looked at.
        var (scope, version) = ($"{_acme}/production", 1);
        do
        {
            version++;
            var pixel = (22222222220 + version).ToString(CultureInfo.InvariantCulture);
            await product.InsertAsync(_acme, $$"""{"pixelId":"{{pixel}}"}""");
            await product.ServesAsync(_acme, pixel);
            await product.EventuallyAsync(() => Task.FromResult(Worker().Count > 0 && Edge().Count > 0), $"both traces of version {version} arrive");
        }
        while (Root(Worker()).Attributes["consent.trigger"] != "notification" && version < 10);

        var (worker, edge) = (Worker(), Edge());
        var (root, text) = (Root(worker), TraceText.Of(worker) + TraceText.Of(edge));
        Assert.Equal(("process changes", "consent-snapshots", "notification"), (root.Name, root.Service, root.Attributes["consent.trigger"]));
        Assert.Equal(("receive changes", "consent-edge"), (Root(edge).Name, Root(edge).Service));
        // Times are the only thing in the document that differs each time.
        await ReportAsync(text);
        Assert.Equal(TraceText.Paths(Documented()), TraceText.Paths(text));
        // The change line is the last thing that a visitor waits for, and the edge begins with it.
        var sent = Assert.Single(worker, span => span.Name == "send changes");
        Assert.InRange(sent.End, worker.Where(span => span.Name == "make current").Max(span => span.End), root.End);
        Assert.DoesNotContain(worker, span => span.IsError);

        List<ReceivedSpan> Worker() => Trace("process changes", "send changes");
        List<ReceivedSpan> Edge() => Trace("receive changes", "refresh scope");

        // The whole trace that has both spans, the second one of the version that is looked at.
        List<ReceivedSpan> Trace(string first, string second)
        {
            var spans = collector.Spans;
            var trace = spans.FirstOrDefault(span => span.Name == second && span.Attributes["consent.scope"] == scope && span.Attributes["consent.version"] == version.ToString(CultureInfo.InvariantCulture))?.TraceId;
            return spans.Any(span => span.TraceId == trace && span.Name == first) ? [.. spans.Where(span => span.TraceId == trace).OrderBy(span => span.Start)] : [];
        }
    }

    private static ReceivedSpan Root(IEnumerable<ReceivedSpan> trace) => Assert.Single(trace, span => span.ParentId.Length == 0);

    [Fact]
    public async Task Export_AllSignals_BelongTogetherAndHaveNoSecret()
    {
        await using var collector = await OtlpReceiver.StartAsync(Cancel);
        await using var product = await StartAsync(collector);

        await product.InsertAsync(_acme, $$"""{"pixelId":"11111111111","accessToken":"{{Canary}}"}""");
        await product.InsertAsync(Guid.NewGuid(), $$"""{"pixelId":"no pixel, password={{Canary}}"}""");
        await product.ServesAsync(_acme, "11111111111");

        await product.EventuallyAsync(
            () => Task.FromResult(collector.Logs.Any(IsBuilt) && collector.Spans.Any(span => span.Name == "build")
                && collector.Metrics.ContainsKey("consent.worker.builds") && collector.Metrics.ContainsKey("consent.edge.requests")), "all signals arrive");
        var built = collector.Logs.First(IsBuilt);
        Assert.Equal(("Built", "4001", "ConsentSnapshots.Worker.Scheduling.BuildRunner"), (built.EventName, built.Attributes["event.id"], built.Category));
        Assert.Contains(collector.Spans, span => span.TraceId == built.TraceId && span.Name == "build");
        Assert.Contains(collector.Logs, log => log is { Service: "consent-edge", EventName: "Started" } && log.Attributes["event.id"] == "5000");
        foreach (var service in (string[])["consent-snapshots", "consent-edge"])
        {
            var instances = ((string[])["traces", "metrics", "logs"]).Where(signal => collector.Resources.ContainsKey((signal, service))).Select(signal =>
            {
                var resource = collector.Resources[(signal, service)];
                Assert.Equal("a test", resource["deployment.environment.name"]);
                Assert.Matches(@"^[0-9]+\.[0-9]+\.[0-9]+", resource["service.version"]);
                return resource["service.instance.id"];
            }).ToList();
            Assert.True(instances.Count >= 2, $"{service} sent {instances.Count} signals");
            Assert.Single(instances.Distinct());
        }
        // No setting's value, no password of the database, no metric with a tenant.
        Assert.False(collector.HasText(Canary));
        Assert.False(collector.HasText("only-for-tests"));

        bool IsBuilt(ReceivedLog log) => log.EventName == "Built" && log.Body.Contains($"{_acme}/production: Published", StringComparison.Ordinal);
    }

    private Task<ObservedProduct> StartAsync(OtlpReceiver collector) => ObservedProduct.StartAsync(
        postgres, ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Address), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"), ("OTEL_BSP_SCHEDULE_DELAY", "100"),
        ("OTEL_BLRP_SCHEDULE_DELAY", "100"), ("OTEL_METRIC_EXPORT_INTERVAL", "500"), ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=a test"));

    /// <summary>The trace that docs/telemetry.md shows.</summary>
    private static string Documented()
    {
        var document = File.ReadAllText(Path.Combine(RepositoryRoot.Path, "docs", "telemetry.md"));
        var begin = document.IndexOf("```trace\n", StringComparison.Ordinal) + "```trace\n".Length;
        return document[begin..document.IndexOf("```", begin, StringComparison.Ordinal)];
    }

    private static async Task ReportAsync(string text)
    {
        TestContext.Current.TestOutputHelper?.WriteLine(text);
        if (Environment.GetEnvironmentVariable("CONSENT_SNAPSHOTS_TRACE") is { Length: > 0 } file) await File.WriteAllTextAsync(file, text, Cancel);
    }
}
