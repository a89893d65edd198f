using System.Collections.Immutable;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;

namespace ConsentSnapshots.EdgeApi.Lookup;

/// <summary>One version of a scope, whole and checked, and the answers made of it. Never changes.</summary>
internal sealed class ScopeState
{
    /// <param name="manifest">The manifest.</param>
    /// <param name="etag">The ETag it stands under.</param>
    /// <param name="previous">The state it replaces: answers that stay the same are taken over, with their bodies.</param>
    /// <param name="publicBaseUrl">Where the public container is for everybody, if anywhere.</param>
    public ScopeState(Manifest manifest, string? etag, ScopeState? previous, string? publicBaseUrl)
    {
        (Manifest, ETag) = (manifest, etag);
        Answers = [.. ConsentSet.All.Select(set => Answer(set, previous, publicBaseUrl))];
        List = new PreparedAnswer(
            manifest.ListBytes, LaterThan(previous?.List, manifest.Envelope.GeneratedAt), publicBaseUrl is null ? null : $"{publicBaseUrl}/{BlobNames.List(Scope)}");
    }

    /// <summary>The scope.</summary>
    public Scope Scope => Manifest.Scope;

    /// <summary>The manifest.</summary>
    public Manifest Manifest { get; }

    /// <summary>The ETag the manifest stands under in the store.</summary>
    public string? ETag { get; }

    /// <summary>Sixteen answers, by the index of the consent set.</summary>
    public ImmutableArray<PreparedAnswer> Answers { get; }

    /// <summary>The gated list.</summary>
    public PreparedAnswer List { get; }

    /// <summary>What the state takes in memory, about, in bytes. Grows as answers are made.</summary>
    public long Size
    {
        get
        {
            var size = 8192L + Manifest.Bytes.Length + List.Size;
            foreach (var answer in Answers) size += answer.Size;
            return size;
        }
    }

    private PreparedAnswer Answer(ConsentSet set, ScopeState? previous, string? publicBaseUrl)
    {
        var combination = Manifest[set];
        if (previous is not null && previous.Manifest[set] == combination) return previous.Answers[set.Index];
        var address = publicBaseUrl is null ? null : $"{publicBaseUrl}/{BlobNames.PublicFolder(Scope)}{combination.Snapshot}.json";
        var manifest = Manifest;
        return new PreparedAnswer(() => manifest.AnswerBytes(set), LaterThan(previous?.Answers[set.Index], combination.Since.At), address);
    }

    /// <summary>HTTP dates have whole seconds: a second change within one must still look like a change.</summary>
    private static DateTimeOffset LaterThan(PreparedAnswer? earlier, DateTimeOffset changed) =>
        earlier is not null && changed <= earlier.LastModified ? earlier.LastModified.AddSeconds(1) : changed;
}
