using System.Globalization;
using ConsentSnapshots.EdgeApi;

namespace ConsentSnapshots.Edge.Benchmarks;

/// <summary>Servers that this program runs in a process of its own, and which say on standard output what they have allocated when standard input asks for it.</summary>
internal static class Hosted
{
    private const string ETag = "\"nothing\"";

    /// <summary>Runs one of them until standard input ends.</summary>
    /// <param name="arguments"><c>edge</c>, <c>nothing BYTES</c>, or <c>naive DATABASE SECONDS</c>.</param>
    public static async Task RunAsync(string[] arguments)
    {
        await using var app = arguments switch
        {
            ["edge"] => EdgeApp.Build([]),
            ["nothing", var bytes] => Nothing(int.Parse(bytes, CultureInfo.InvariantCulture)),
            ["naive", var database, var seconds] => NaiveHandler.Build(database, TimeSpan.FromSeconds(int.Parse(seconds, CultureInfo.InvariantCulture))),
            _ => throw new ArgumentException(string.Join(' ', arguments)),
        };
        await app.StartAsync();
        while (await Console.In.ReadLineAsync() is not null) await Console.Out.WriteLineAsync(GC.GetTotalAllocatedBytes(precise: true).ToString(CultureInfo.InvariantCulture));
        await app.StopAsync();
    }

    /// <summary>Kestrel with one handler that sends a body of fixed length, or 304 to whoever has it, and looks at nothing: what the web server itself costs.</summary>
    private static WebApplication Nothing(int length)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.AddServerHeader = false);
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        var app = builder.Build();
        var body = new byte[length];
        app.Run(context =>
        {
            context.Response.Headers.ETag = ETag;
            if (context.Request.Headers.IfNoneMatch.Count > 0)
            {
                context.Response.StatusCode = StatusCodes.Status304NotModified;
                return Task.CompletedTask;
            }
            context.Response.ContentLength = body.Length;
            return context.Response.Body.WriteAsync(body, context.RequestAborted).AsTask();
        });
        return app;
    }
}
