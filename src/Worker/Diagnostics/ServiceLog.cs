using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Worker.Diagnostics;

/// <summary>What the service says of its start, its stop and its health.</summary>
internal static partial class ServiceLog
{
    [LoggerMessage(Events.WaitingToStart, LogLevel.Warning, "The worker waits and publishes nothing yet: {Reason} It tries again by itself")]
    public static partial void WaitingToStart(this ILogger logger, string reason);

    [LoggerMessage(Events.GoesOnStarting, LogLevel.Information, "The worker goes on after {Seconds:F1} s: database and store answer")]
    public static partial void GoesOnStarting(this ILogger logger, double seconds);

    [LoggerMessage(Events.HealthServed, LogLevel.Information, "Health and metrics are served on {Url}")]
    public static partial void HealthServed(this ILogger logger, string url);

    [LoggerMessage(Events.HealthNotServed, LogLevel.Warning,
        "Health and metrics cannot be served on {Url}: {Reason} Publishing goes on, and the address is tried again every 5 seconds. Set Worker:Url to a free address, or to off")]
    public static partial void HealthNotServed(this ILogger logger, string url, string reason);
}
