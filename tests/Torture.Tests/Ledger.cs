using System.Collections.Concurrent;
using System.Globalization;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Torture.Tests;

/// <summary>
/// What a run knows: what the writers wrote, which faults were made, what was counted, and which guarantee was broken. Everything is recorded before it is done, so that no reader
/// can see the effect of something that is not recorded.
/// </summary>
internal sealed partial class Ledger(Action<string> say)
{
    private readonly ConcurrentDictionary<string, ConcurrentBag<Use>> _uses = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, long> _counts = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Trouble> _troubles = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> _violations = new();
    private readonly long _started = TimeProvider.System.GetTimestamp();
    private long _tokens;

    /// <summary>Where a token may be served: to consent sets that grant all of <paramref name="Required"/>, of one environment or of all.</summary>
    private sealed record Use(Guid Organization, string? Environment, ConsentSet Required);

    private sealed class Trouble
    {
        public int Active;
        public long EndedAt = long.MinValue;
    }

    public TimeSpan Elapsed => TimeProvider.System.GetElapsedTime(_started);

    public IReadOnlyCollection<string> Violations => _violations;

    public IEnumerable<KeyValuePair<string, long>> Counts => _counts.OrderBy(count => count.Key, StringComparer.Ordinal);

    /// <summary>A new public setting's value that nothing else in the product's output can be taken for: fifteen digits.</summary>
    public string NewToken() => string.Create(CultureInfo.InvariantCulture, $"7{Interlocked.Increment(ref _tokens):D14}");

    /// <summary>Records that a token may be served there from now on. It stays recorded: an older version may be served until a newer one is published.</summary>
    public void Allow(string token, Guid organization, string? environment, ConsentSet required) =>
        _uses.GetOrAdd(token, _ => []).Add(new Use(organization, environment, required));

    /// <summary>What of a text served to a consent set of a scope may not be served there; null where all of it may.</summary>
    public string? FindForbidden(string served, Scope scope, ConsentSet set)
    {
        foreach (var match in Token().EnumerateMatches(served))
        {
            var token = served.Substring(match.Index, match.Length);
            if (!_uses.TryGetValue(token, out var uses)) continue;
            var here = uses.Where(use => use.Organization.ToString() == scope.Organization.Value && (use.Environment is null || use.Environment == scope.Environment.Name())).ToList();
            if (here.Count == 0) return $"{token} of another scope";
            if (!here.Exists(use => set.IsSupersetOf(use.Required))) return $"{token}, which needs {string.Join(" or ", here.Select(use => use.Required.Name).Distinct())}";
        }
        return null;
    }

    /// <summary>Records that a guarantee was broken.</summary>
    public void Violate(string what)
    {
        _violations.Enqueue($"{Elapsed:mm\\:ss} {what}");
        say($"VIOLATION {what}");
    }

    public void Count(string what, long by = 1) => _counts.AddOrUpdate(what, by, (_, count) => count + by);

    public long CountOf(string what) => _counts.GetValueOrDefault(what);

    public void Say(string what) => say(what);

    /// <summary>Marks a time in which errors of a kind are consequences of a fault that was made.</summary>
    public IDisposable Begin(string trouble)
    {
        var entry = _troubles.GetOrAdd(trouble, _ => new Trouble());
        Interlocked.Increment(ref entry.Active);
        return new Ending(entry);
    }

    /// <summary>Whether a fault of a kind is being made, or was a moment ago.</summary>
    public bool InTrouble(string trouble, TimeSpan aMoment) =>
        _troubles.TryGetValue(trouble, out var entry)
        && (Volatile.Read(ref entry.Active) > 0 || (Volatile.Read(ref entry.EndedAt) is > long.MinValue and var ended && TimeProvider.System.GetElapsedTime(ended) < aMoment));

    [GeneratedRegex("(?<![0-9])7[0-9]{14}(?![0-9])", RegexOptions.CultureInvariant)]
    private static partial Regex Token();

    private sealed class Ending(Trouble entry) : IDisposable
    {
        public void Dispose()
        {
            Volatile.Write(ref entry.EndedAt, TimeProvider.System.GetTimestamp());
            Interlocked.Decrement(ref entry.Active);
        }
    }
}

/// <summary>The kinds of trouble that excuse errors.</summary>
internal static class Troubles
{
    /// <summary>Postgres is restarted, or takes no connections.</summary>
    public const string Postgres = "postgres";

    /// <summary>Azurite is stopped.</summary>
    public const string Store = "store";

    /// <summary>A writer truncates the table, which others wait for.</summary>
    public const string Truncate = "truncate";

    /// <summary>Postgres itself is slow: a session that has nothing to do with the product was held up, too.</summary>
    public const string Slow = "slow";
}
