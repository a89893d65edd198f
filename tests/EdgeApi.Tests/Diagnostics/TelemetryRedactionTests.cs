using System.Diagnostics;
using ConsentSnapshots.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Logs;
using OpenTelemetry.Trace;

namespace ConsentSnapshots.EdgeApi.Tests.Diagnostics;

/// <summary>What is sent to a collector is redacted as what is written to the console is.</summary>
public sealed partial class TelemetryRedactionTests
{
    [Fact]
    public void Log_SecretInMessageAttributeAndException_IsNowhere()
    {
        var sent = new List<SentLog>();
        using (var services = new ServiceCollection().AddLogging(logging => logging.AddOpenTelemetry(options =>
        {
            options.IncludeFormattedMessage = true;
            options.AddProcessor(new LogRedaction()).AddProcessor(new SimpleLogRecordExportProcessor(new Exporter(sent)));
        })).BuildServiceProvider())
        {
            var exception = new InvalidOperationException("https://a.example/?sig=CANARY", new IOException("AccountKey=CANARY"));
            BuildFailed(services.GetRequiredService<ILoggerFactory>().CreateLogger("Category"), "Host=h;Password=CANARY;Database=app\u001b[2J", "CANARY", 7, exception);
        }

        var log = Assert.Single(sent);
        Assert.DoesNotContain("CANARY", log.Everything, StringComparison.Ordinal);
        Assert.Equal(@"Host=h;Password=***;Database=app\u001b[2J; password=***; 7", log.Message);
        Assert.Equal("4004", log.Attributes["event.id"]);
        Assert.Equal(@"Host=h;Password=***;Database=app\u001b[2J", log.Attributes["Reason"]);
        Assert.Equal("***", log.Attributes["Password"]);
        Assert.Equal("7", log.Attributes["Number"]);
        Assert.Equal("System.InvalidOperationException", log.Attributes["exception.type"]);
        Assert.Contains("System.IO.IOException: AccountKey=***", log.Attributes["exception.stacktrace"], StringComparison.Ordinal);
        Assert.False(log.HasException);
    }

    [Fact]
    public void Span_SecretInAttributeAndStatus_IsNowhere()
    {
        using var source = new ActivitySource("TelemetryRedactionTests");
        var sent = new List<string>();
        using (var provider = Sdk.CreateTracerProviderBuilder().AddSource(source.Name).AddProcessor(new SpanRedaction()).AddProcessor(new SimpleActivityExportProcessor(new SpanExporter(sent))).Build())
        using (var span = source.StartActivity("build"))
        {
            span!.SetTag("consent.scope", "acme/production").SetTag("reason", "postgres://app:CANARY@db/app").SetTag("api_key", "CANARY");
            span.SetStatus(ActivityStatusCode.Error, "Host=h;Password=CANARY");
        }

        Assert.Equal("acme/production | postgres://***@db/app | *** | Host=h;Password=***", Assert.Single(sent));
    }

    [LoggerMessage(4004, LogLevel.Error, "{Reason}; password={Password}; {Number}")]
    private static partial void BuildFailed(ILogger logger, string reason, string password, int number, Exception exception);

    private sealed record SentLog(string Message, Dictionary<string, string> Attributes, bool HasException, string Body)
    {
        public string Everything => string.Join('\n', Attributes.Select(pair => $"{pair.Key}={pair.Value}").Prepend(Body));
    }

    private sealed class Exporter(List<SentLog> sent) : BaseExporter<LogRecord>
    {
        public override ExportResult Export(in Batch<LogRecord> batch)
        {
            foreach (var log in batch)
                sent.Add(new SentLog(log.FormattedMessage!, log.Attributes!.ToDictionary(pair => pair.Key, pair => $"{pair.Value}"), log.Exception is not null, log.Body ?? ""));
            return ExportResult.Success;
        }
    }

    private sealed class SpanExporter(List<string> sent) : BaseExporter<Activity>
    {
        public override ExportResult Export(in Batch<Activity> batch)
        {
            foreach (var span in batch) sent.Add(string.Join(" | ", span.TagObjects.Select(tag => tag.Value).Append(span.StatusDescription)));
            return ExportResult.Success;
        }
    }
}
