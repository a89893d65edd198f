using System.Diagnostics;
using ConsentSnapshots.Worker.Diagnostics;
using ConsentSnapshots.Worker.Queue;

namespace ConsentSnapshots.Worker.Scheduling;

/// <summary>The trace of the scopes that one look at the queue has found: from the signal, through the build of each of them, to the end of the last.</summary>
internal sealed class ChangeTrace
{
    private static readonly TimeSpan Recent = TimeSpan.FromSeconds(5);

    private readonly Activity _root;
    private int _open;

    private ChangeTrace(Activity root, int scopes) => (_root, _open) = (root, scopes);

    /// <summary>Begins the trace of what was found; null where nobody listens.</summary>
    /// <param name="signal">What the look was made for; the default where it was made for what is left of a look before it.</param>
    /// <param name="asked">When the queue was asked.</param>
    /// <param name="answered">When it answered.</param>
    /// <param name="lane">Whose turn it was.</param>
    /// <param name="scopes">How many scopes it gave.</param>
    public static ChangeTrace? Begin(WakeUpSignal signal, DateTimeOffset asked, DateTimeOffset answered, Lane lane, int scopes)
    {
        // What was signalled long ago was signalled for something else.
        var since = signal.At == default || signal.At > asked || asked - signal.At > Recent ? asked : signal.At;
        if (WorkerSpans.Found(since) is not { } root) return null;
        root.SetTag("consent.trigger", signal.Cause.ToString().ToLowerInvariant()).SetTag("consent.lane", lane.ToString().ToLowerInvariant()).SetTag("consent.scopes", scopes);
        if (signal.Cause == WakeUpCause.Notification)
            root.SetTag("messaging.system", "postgresql").SetTag("messaging.destination.name", "consent_snapshots").SetTag("messaging.operation.name", "process").SetTag("messaging.operation.type", "process");
        // The call takes in what has changed and claims of it; while nothing is found, it is in no trace.
        WorkerSpans.Past(root, "claim", asked, answered, KeyValuePair.Create("consent.scopes", (object?)scopes));
        return new ChangeTrace(root, scopes);
    }

    /// <summary>Has what is begun in this flow belong to a trace; without one it belongs to none.</summary>
    public static void Enter(ChangeTrace? trace)
    {
        if (trace is not null || Activity.Current is not null) Activity.Current = trace?._root;
    }

    /// <summary>One of its scopes is done with, or given back.</summary>
    public void Done()
    {
        if (Interlocked.Decrement(ref _open) == 0) _root.Dispose();
    }
}
