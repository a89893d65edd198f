using System.Globalization;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace ConsentSnapshots.Storage;

/// <summary>Writes each log event as one line of plain text: time in UTC, level, category, id, message and exception, redacted as a whole.</summary>
public sealed class LogLines(TimeProvider? time = null) : ConsoleFormatter(FormatterName)
{
    /// <summary>What the form is called in <c>Logging:Console:FormatterName</c>.</summary>
    public const string FormatterName = "lines";

    private readonly TimeProvider _time = time ?? TimeProvider.System;

    /// <summary>Logs to the console in this form, unless <c>Logging:Console:FormatterName</c> chooses another one.</summary>
    public static void AddTo(ILoggingBuilder logging, IConfiguration configuration)
    {
        logging.AddConsole(options => options.FormatterName = configuration["Logging:Console:FormatterName"] ?? FormatterName);
        // It has no options to be bound, which AddConsoleFormatter would do by reflection.
        logging.Services.AddSingleton<ConsoleFormatter, LogLines>();
    }

    /// <inheritdoc/>
    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        var message = logEntry.Formatter(logEntry.State, logEntry.Exception);
        if (logEntry.Exception is { } exception) message = $"{message} {exception}";
        textWriter.Write(_time.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z' ", CultureInfo.InvariantCulture));
        textWriter.Write($"{Level(logEntry.LogLevel)}: {logEntry.Category}[{logEntry.EventId.Id}] ");
        textWriter.WriteLine(Redaction.Clean(message).Replace('\n', ' '));
    }

    private static string Level(LogLevel level) => level switch
    {
        LogLevel.Trace => "trce",
        LogLevel.Debug => "dbug",
        LogLevel.Information => "info",
        LogLevel.Warning => "warn",
        LogLevel.Error => "fail",
        _ => "crit",
    };
}
