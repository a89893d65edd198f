namespace ConsentSnapshots.Worker.Diagnostics;

/// <summary>
/// Decides which failures of something that is tried again and again are said: the first one, one with another cause, and one a minute. An outage of an hour is sixty lines, not thousands.
/// Not for several threads at once.
/// </summary>
internal sealed class Outage(TimeProvider time)
{
    private static readonly TimeSpan UntilSaidAgain = TimeSpan.FromMinutes(1);

    private long? _began;
    private long _said;
    private string? _cause;

    /// <summary>Notes a failure; whether it is to be said.</summary>
    public bool Fails(Exception exception)
    {
        var cause = $"{exception.GetType()} {exception.InnerException?.GetType()}";
        if (_began is not null && cause == _cause && time.GetElapsedTime(_said) < UntilSaidAgain) return false;
        _began ??= time.GetTimestamp();
        (_said, _cause) = (time.GetTimestamp(), cause);
        return true;
    }

    /// <summary>Notes a success; how long the outage took that it ends, and null where there was none.</summary>
    public TimeSpan? Ends()
    {
        if (_began is not { } began) return null;
        _began = null;
        return time.GetElapsedTime(began);
    }
}
