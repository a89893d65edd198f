using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.EdgeApi.Tests.Support;

/// <summary>What the edge logged.</summary>
internal sealed class CollectedLog : ILoggerProvider
{
    private readonly ConcurrentQueue<(int Id, LogLevel Level, string Message)> _entries = new();

    public IReadOnlyCollection<(int Id, LogLevel Level, string Message)> Entries => _entries;

    public int Count(int id) => _entries.Count(entry => entry.Id == id);

    public ILogger CreateLogger(string categoryName) => new Collector(_entries);

    public void Dispose()
    {
    }

    private sealed class Collector(ConcurrentQueue<(int Id, LogLevel Level, string Message)> entries) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            entries.Enqueue((eventId.Id, logLevel, $"{formatter(state, exception)} {exception}"));
    }
}
