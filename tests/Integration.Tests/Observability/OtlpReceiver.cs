using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Integration.Tests.Observability;

/// <summary>A span as it was sent.</summary>
internal sealed record ReceivedSpan(
    string Service, string Source, string TraceId, string SpanId, string ParentId, string Name, int Kind, DateTimeOffset Start, DateTimeOffset End, IReadOnlyDictionary<string, string> Attributes,
    IReadOnlyList<string> LinkedTraces, bool IsError)
{
    public TimeSpan Duration => End - Start;
}

/// <summary>A log record as it was sent.</summary>
internal sealed record ReceivedLog(string Service, string Category, string EventName, string Severity, string Body, string TraceId, IReadOnlyDictionary<string, string> Attributes);

/// <summary>A collector for OTLP over HTTP, which keeps what programs send. It reads the few fields of the protocol that the tests look at.</summary>
internal sealed class OtlpReceiver : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<ReceivedSpan> _spans = new();
    private readonly ConcurrentQueue<ReceivedLog> _logs = new();
    private readonly ConcurrentDictionary<string, string> _metrics = new();
    private readonly ConcurrentQueue<byte[]> _payloads = new();
    private readonly ConcurrentDictionary<(string Signal, string Service), IReadOnlyDictionary<string, string>> _resources = new();

    private OtlpReceiver(WebApplication app) => _app = app;

    public string Address => _app.Urls.First();

    public IReadOnlyList<ReceivedSpan> Spans => [.. _spans];

    public IReadOnlyList<ReceivedLog> Logs => [.. _logs];

    /// <summary>The names of the metrics, and who sent each.</summary>
    public IReadOnlyDictionary<string, string> Metrics => _metrics;

    /// <summary>What each service said of itself with each signal.</summary>
    public IReadOnlyDictionary<(string Signal, string Service), IReadOnlyDictionary<string, string>> Resources => _resources;

    /// <summary>Whether a text stands in anything that was sent.</summary>
    public bool HasText(string text) => _payloads.Any(payload => payload.AsSpan().IndexOf(Encoding.UTF8.GetBytes(text)) >= 0);

    public static async Task<OtlpReceiver> StartAsync(CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration.Sources.Clear();
        builder.Configuration.AddInMemoryCollection([KeyValuePair.Create("urls", (string?)"http://127.0.0.1:0")]);
        builder.Logging.ClearProviders();
        var app = builder.Build();
        var receiver = new OtlpReceiver(app);
        app.Run(receiver.ReceiveAsync);
        await app.StartAsync(cancellationToken);
        return receiver;
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task ReceiveAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        var payload = body.ToArray();
        _payloads.Enqueue(payload);
        var signal = context.Request.Path.Value!.Split('/')[^1];
        foreach (var resource in Fields(payload).Where(field => field.Number == 1).Select(field => Fields(field.Bytes).ToList()))
        {
            var attributes = Attributes(Fields(resource.FirstOrDefault(field => field.Number == 1).Bytes ?? []), 1);
            var service = attributes.GetValueOrDefault("service.name", "");
            _resources[(signal, service)] = attributes;
            foreach (var scope in resource.Where(field => field.Number == 2).Select(field => Fields(field.Bytes).ToList()))
            {
                var source = Text(Fields(scope.FirstOrDefault(field => field.Number == 1).Bytes ?? []), 1);
                foreach (var item in scope.Where(field => field.Number == 2).Select(field => Fields(field.Bytes).ToList()))
                {
                    if (signal == "traces") _spans.Enqueue(Span(service, source, item));
                    else if (signal == "logs") _logs.Enqueue(Log(service, source, item));
                    else _metrics[Text(item, 1)] = service;
                }
            }
        }
        context.Response.ContentType = "application/x-protobuf";
    }

    private static ReceivedSpan Span(string service, string source, List<Field> span)
    {
        var status = Fields(span.FirstOrDefault(field => field.Number == 15).Bytes ?? []);
        return new ReceivedSpan(
            service, source, Hex(span, 1), Hex(span, 2), Hex(span, 4), Text(span, 5), (int)Number(span, 6), Time(span, 7), Time(span, 8), Attributes(span, 9),
            [.. span.Where(field => field.Number == 13).Select(field => Hex(Fields(field.Bytes), 1))], Number(status, 3) == 2);
    }

    private static ReceivedLog Log(string service, string source, List<Field> log) =>
        new(service, source, Text(log, 12), Text(log, 3), Value(log.First(field => field.Number == 5).Bytes), Hex(log, 9), Attributes(log, 6));

    private static Dictionary<string, string> Attributes(IEnumerable<Field> fields, int number)
    {
        var attributes = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var pair in fields.Where(field => field.Number == number).Select(field => Fields(field.Bytes).ToList()))
            attributes[Text(pair, 1)] = Value(pair.FirstOrDefault(field => field.Number == 2).Bytes ?? []);
        return attributes;
    }

    private static string Value(byte[] any) => Fields(any).FirstOrDefault() switch
    {
        { Number: 1, Bytes: { } text } => Encoding.UTF8.GetString(text),
        { Number: 2, Number64: var truth } => truth == 1 ? "true" : "false",
        { Number: 3, Number64: var number } => ((long)number).ToString(CultureInfo.InvariantCulture),
        { Number: 4, Number64: var real } => BitConverter.UInt64BitsToDouble(real).ToString(CultureInfo.InvariantCulture),
        _ => "",
    };

    private static string Text(IEnumerable<Field> fields, int number) => Encoding.UTF8.GetString(fields.FirstOrDefault(field => field.Number == number).Bytes ?? []);

    private static string Hex(IEnumerable<Field> fields, int number) => Convert.ToHexStringLower(fields.FirstOrDefault(field => field.Number == number).Bytes ?? []);

    private static ulong Number(IEnumerable<Field> fields, int number) => fields.FirstOrDefault(field => field.Number == number).Number64;

    private static DateTimeOffset Time(IEnumerable<Field> fields, int number) => DateTimeOffset.UnixEpoch.AddTicks((long)(Number(fields, number) / 100));

    private readonly record struct Field(int Number, ulong Number64, byte[]? Payload)
    {
        public byte[] Bytes => Payload!;
    }

    /// <summary>The fields of a message of Protocol Buffers, each as a number or as bytes.</summary>
    private static IEnumerable<Field> Fields(byte[] message)
    {
        var place = 0;
        while (place < message.Length)
        {
            var key = Varint(message, ref place);
            switch (key & 7)
            {
                case 0:
                    yield return new Field((int)(key >> 3), Varint(message, ref place), null);
                    break;
                case 1:
                    yield return new Field((int)(key >> 3), BinaryPrimitives.ReadUInt64LittleEndian(message.AsSpan(place)), null);
                    place += 8;
                    break;
                case 2:
                    var length = (int)Varint(message, ref place);
                    yield return new Field((int)(key >> 3), 0, message[place..(place + length)]);
                    place += length;
                    break;
                case 5:
                    yield return new Field((int)(key >> 3), BinaryPrimitives.ReadUInt32LittleEndian(message.AsSpan(place)), null);
                    place += 4;
                    break;
                default:
                    throw new InvalidDataException($"Wire type {key & 7} is none of those there are.");
            }
        }
    }

    private static ulong Varint(byte[] message, ref int place)
    {
        var value = 0UL;
        for (var shift = 0; ; shift += 7)
        {
            var part = message[place++];
            value |= (ulong)(part & 0x7f) << shift;
            if (part < 0x80) return value;
        }
    }
}
