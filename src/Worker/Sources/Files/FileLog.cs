using ConsentSnapshots.Worker.Diagnostics;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Worker.Sources.Files;

internal static partial class FileLog
{
    [LoggerMessage(Events.FileRead, LogLevel.Information, "Read {Path}: {Scopes} scopes to look at.")]
    public static partial void FileRead(this ILogger logger, string path, int scopes);

    [LoggerMessage(Events.FileNotRead, LogLevel.Error, "The destinations file was not taken; what was read before stays in force. {Problem}")]
    public static partial void FileNotRead(this ILogger logger, string problem);

    [LoggerMessage(Events.DestinationLeftOut, LogLevel.Warning, "{Scope}: destination {Destination} is left out. {Problem}")]
    public static partial void DestinationLeftOut(this ILogger logger, string scope, Guid destination, string problem);
}
