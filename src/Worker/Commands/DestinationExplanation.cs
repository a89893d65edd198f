using System.Collections.Immutable;
using System.Globalization;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Sources;

namespace ConsentSnapshots.Worker.Commands;

/// <summary>Everything that decides what a scope's visitors get, as it was found at one time.</summary>
/// <param name="Scope">The scope.</param>
internal sealed record ScopeFacts(Scope Scope)
{
    /// <summary>The rows of the source; null where it could not give them.</summary>
    public ScopeRows? Rows { get; init; }

    /// <summary>What this build makes of the rows; null where nothing can be made.</summary>
    public GeneratedScope? Generated { get; init; }

    /// <summary>Why there are no rows, or nothing is made of them.</summary>
    public string? SourceProblem { get; init; }

    /// <summary>Why the scope keeps its last good version.</summary>
    public string? Held { get; init; }

    /// <summary>The version that is current in the store.</summary>
    public Manifest? Published { get; init; }

    /// <summary>What is wrong with the current manifest in the store.</summary>
    public string? StoreProblem { get; init; }

    /// <summary>How the scope stands in the queue; null where the queue does not know it.</summary>
    public ScopeStatus? Status { get; init; }

    /// <summary>Whether a worker gives signs of life; null where that cannot be known.</summary>
    public bool? HasWorker { get; init; }

    /// <summary>What each edge serves.</summary>
    public IReadOnlyList<EdgeAnswer> Edges { get; init; } = [];

    /// <summary>What the visitor granted; null where it is not asked for one visitor.</summary>
    public ConsentSet? Consent { get; init; }
}

/// <summary>Whether a destination is on the page, in one word.</summary>
internal enum DestinationAnswer
{
    /// <summary>Its present scripts are published, and the visitor, or some visitor, gets them.</summary>
    OnPage,

    /// <summary>Its scripts are published, and this visitor's consent does not permit them.</summary>
    NotPermitted,

    /// <summary>What the source says is not published yet.</summary>
    Waiting,

    /// <summary>The scope keeps an earlier version.</summary>
    Held,

    /// <summary>Something is wrong with the destination itself.</summary>
    LeftOut,

    /// <summary>It is switched off, deleted, or belongs to another environment.</summary>
    Off,

    /// <summary>With these settings nothing of it runs in a browser.</summary>
    NoScript,

    /// <summary>The source does not know it.</summary>
    Unknown,
}

/// <summary>Why one destination is on the page, or is not. It is pure: it looks at nothing but the facts.</summary>
/// <param name="Id">The row.</param>
/// <param name="Type">The type as the row has it; empty where there is no row.</param>
/// <param name="Name">What the organization calls it.</param>
/// <param name="Answer">The answer.</param>
/// <param name="Reason">The answer as a sentence or two, with what to do.</param>
internal sealed record DestinationExplanation(Guid Id, string Type, string Name, DestinationAnswer Answer, string Reason)
{
    /// <summary>The row; null where the source has none of this id for the scope.</summary>
    public Destination? Row { get; init; }

    /// <summary>When its scripts load, by the source as it is now; null where it gives none.</summary>
    public ConsentCondition? LoadsWhen { get; init; }

    /// <summary>When its scripts load, by the published version; null where that has none of them.</summary>
    public ConsentCondition? PublishedWhen { get; init; }

    /// <summary>The version since which the published scripts have been there, as far as the current manifest tells.</summary>
    public CombinationSince? Since { get; init; }

    /// <summary>The ids of its published scripts, those that it shares with others included.</summary>
    public ImmutableArray<string> Scripts { get; init; } = [];

    /// <summary>What is wrong with it.</summary>
    public ImmutableArray<DestinationProblem> Problems { get; init; } = [];

    /// <summary>What each edge serves of it, a sentence for each.</summary>
    public ImmutableArray<(Uri Edge, bool IsAsPublished, string Text)> Edges { get; init; } = [];

    /// <summary>Explains one destination.</summary>
    public static DestinationExplanation Of(ScopeFacts facts, Guid id)
    {
        var row = facts.Rows?.Rows.FirstOrDefault(row => row.Id == id);
        var (now, published) = (Part.Of(facts.Generated?.Content, id), Part.Of(facts.Published?.Content, id));
        ImmutableArray<DestinationProblem> problems = facts.Generated is null ? [] : [.. facts.Generated.Problems.Where(problem => problem.DestinationId == id)];
        var (answer, reason) = Judge(facts, row, problems, now, published);
        return new DestinationExplanation(id, row?.Type ?? published?.Type ?? "", row?.Name ?? "", answer, reason)
        {
            Row = row,
            LoadsWhen = now?.When,
            PublishedWhen = published?.When,
            Since = facts.Published is null || published is null ? null : DestinationScripts.Of(facts.Published).Destinations.FirstOrDefault(destination => destination.Id == id)?.Since,
            Scripts = published?.Ids ?? [],
            Problems = problems,
            Edges = [.. facts.Edges.Select(edge => Judge(facts, published, edge))],
        };
    }

    private static (DestinationAnswer Answer, string Reason) Judge(ScopeFacts facts, Destination? row, ImmutableArray<DestinationProblem> problems, Part? now, Part? published)
    {
        if (facts.Rows is null)
            return (published is null ? DestinationAnswer.Unknown : DestinationAnswer.Held, $"{facts.SourceProblem}{Still(facts, published)}");
        if (row is null) return (DestinationAnswer.Unknown, $"The source has no destination with this id for {facts.Scope}.{Gone(facts, published)}");
        if (row.Deleted) return (DestinationAnswer.Off, $"The row is deleted.{Gone(facts, published)}");
        if (!row.Enabled) return (DestinationAnswer.Off, $"The destination is switched off (enabled = false).{Gone(facts, published)}");
        if (facts.Held is { } held)
            return (DestinationAnswer.Held, $"The scope is held: {held}{Still(facts, published)}");
        if (problems.FirstOrDefault(problem => problem.LeavesOut) is { } problem) return (DestinationAnswer.LeftOut, $"It is left out: {problem.Message}{Still(facts, published)}");
        if (facts.Generated is null) return (published is null ? DestinationAnswer.Waiting : DestinationAnswer.Held, $"{facts.SourceProblem}{Still(facts, published)}");
        if (now is null) return (DestinationAnswer.NoScript, $"With these settings nothing of it runs in a browser: it works on the server, or is switched off there.{Gone(facts, published)}");
        if (published is null || !published.Equals(now)) return (DestinationAnswer.Waiting, Waiting(facts, published));
        if (facts.Consent is not { } consent) return (DestinationAnswer.OnPage, now.When == ConsentCondition.Always ? "It is on every visitor's page." : $"It is on the page of a visitor who granted {now.When}.");
        return now.When.IsMetBy(consent)
            ? (DestinationAnswer.OnPage, $"It is on the page of this visitor, who granted {consent}.")
            : (DestinationAnswer.NotPermitted, $"It needs {now.When}, and this visitor granted {consent}.");
    }

    /// <summary>What visitors have meanwhile.</summary>
    private static string Still(ScopeFacts facts, Part? published) => (facts.Published, published) switch
    {
        (null, _) => " Nothing is published for this scope.",
        (_, null) => string.Create(CultureInfo.InvariantCulture, $" Visitors get version {facts.Published.Version}, which has none of its scripts."),
        _ => string.Create(CultureInfo.InvariantCulture, $" Visitors who granted {published.When} still get its scripts, from version {facts.Published.Version}."),
    };

    /// <summary>What is to be said of scripts that should be gone.</summary>
    private static string Gone(ScopeFacts facts, Part? published) => published is null ? "" : $" {Waiting(facts, published)}";

    private static string Waiting(ScopeFacts facts, Part? published)
    {
        var what = (facts.Published, published) switch
        {
            (null, _) => "Nothing is published for this scope yet.",
            (_, null) => string.Create(CultureInfo.InvariantCulture, $"Version {facts.Published.Version}, which is published, does not have it yet."),
            _ => string.Create(CultureInfo.InvariantCulture, $"Version {facts.Published.Version}, which is published, has it as it was before the last change."),
        };
        return $"{what} {WhyWaiting(facts)}";
    }

    private static string WhyWaiting(ScopeFacts facts)
    {
        if (facts.Held is { } held) return $"The scope is held: {held}";
        var status = facts.Status;
        if (status is { State: ScopeState.Failed }) return $"The last build failed: {status.LastError}{Next(status)}";
        if (status is { State: ScopeState.Building }) return $"A worker ({status.Queue?.ClaimedBy ?? "unknown"}) is building it now.";
        if (facts.HasWorker == false) return "No worker is running, so what changes waits: start one.";
        if (status is { State: ScopeState.Pending }) return $"It waits to be built.{Next(status)}";
        return $"No worker has noticed the change: see `doctor`; `regenerate --org {facts.Scope.Organization}` publishes it now.";
    }

    private static string Next(ScopeStatus status) =>
        status.Queue is { NextAttemptAt: { } next } place && next > place.Now
            ? string.Create(CultureInfo.InvariantCulture, $" The next attempt is in {Math.Ceiling((next - place.Now).TotalSeconds)} s.")
            : "";

    private static (Uri Edge, bool IsAsPublished, string Text) Judge(ScopeFacts facts, Part? published, EdgeAnswer edge)
    {
        if (edge.Problem is { } problem) return (edge.Address, false, problem);
        var version = string.Create(CultureInfo.InvariantCulture, $"version {edge.Version}");
        if (edge.Age is { TotalSeconds: > 0 } age) version += string.Create(CultureInfo.InvariantCulture, $" (in a cache for {age.TotalSeconds:F0} s)");
        var current = facts.Published?.Version;
        if (current is null) return (edge.Address, false, $"It serves {version}, and the store has none: it reads another store, or serves what it has kept.");
        if (edge.Version < current)
            return (edge.Address, false, string.Create(CultureInfo.InvariantCulture, $"It serves {version}, and version {current} is published: it has not followed yet. Its /health/ready says why."));
        if (edge.Version > current)
            return (edge.Address, false, string.Create(CultureInfo.InvariantCulture, $"It serves {version}, and the store's current one is {current}: it reads another store, or the store went back."));
        var expected = published is not null && (facts.Consent is not { } consent || published.When.IsMetBy(consent));
        var own = published?.OwnIds ?? [];
        if (edge.Age is { TotalSeconds: > 0 } held && (expected ? own.Any(id => !edge.Scripts.Contains(id)) : own.Any(edge.Scripts.Contains)))
            return (edge.Address, false, string.Create(CultureInfo.InvariantCulture, $"It serves {version}; the answer to the visitor is an earlier one, which a cache on the way has held for {held.TotalSeconds:F0} s."));
        if (expected && own.Any(id => !edge.Scripts.Contains(id))) return (edge.Address, false, $"It serves {version} without its scripts: something on the way changes the answer, or mixes visitors' answers.");
        if (!expected && own.Any(edge.Scripts.Contains))
            return (edge.Address, false, $"It serves {version} with its scripts, which this visitor did not permit: a cache on the way ignores the query. See docs/cdn.md.");
        return (edge.Address, true, expected ? $"It serves {version} with its scripts." : $"It serves {version}, without its scripts.");
    }

    /// <summary>What a content has of one destination.</summary>
    private sealed class Part : IEquatable<Part>
    {
        private readonly ScopeContent _content;
        private readonly ImmutableArray<int> _own;

        private Part(ScopeContent content, Guid id)
        {
            _content = content;
            var all = Enumerable.Range(0, content.ScriptCount).Where(script => content.DestinationsOf(script).Contains(id)).ToList();
            _own = [.. all.Where(script => !DestinationScripts.IsShared(content.TypeOf(script)))];
            Ids = [.. all.Select(Id)];
            OwnIds = [.. _own.Select(Id)];
            When = ConsentSet.All.Where(set => content[set].Scripts.Any(_own.Contains)).Aggregate(ConsentCondition.Never, (when, set) => when | ConsentCondition.AllOf(set));
        }

        public ImmutableArray<string> Ids { get; }

        public ImmutableArray<string> OwnIds { get; }

        public ConsentCondition When { get; }

        public string Type => _content.TypeOf(_own[0]);

        public static Part? Of(ScopeContent? content, Guid id) => content is not null && new Part(content, id) is { _own.Length: > 0 } part ? part : null;

        /// <summary>Whether visitors get the same scripts of it.</summary>
        public bool Equals(Part? other) =>
            other is not null && When == other.When && _own.Length == other._own.Length
            && _own.Zip(other._own).All(pair => _content.Script(pair.First).SequenceEqual(other._content.Script(pair.Second)));

        public override bool Equals(object? obj) => Equals(obj as Part);

        public override int GetHashCode() => HashCode.Combine(When, _own.Length);

        private string Id(int script)
        {
            using var document = System.Text.Json.JsonDocument.Parse(_content.Script(script).ToArray());
            return document.RootElement.GetProperty("id").GetString()!;
        }
    }
}
