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
    /// <param name="loader">The loader that the manifest names; null where it is not at hand, and then <c>tags.js</c> has the one of this build.</param>
    /// <param name="publicBaseUrl">Where the public container is for everybody, if anywhere.</param>
    public ScopeState(Manifest manifest, string? etag, ScopeState? previous, ReadOnlyMemory<byte>? loader, string? publicBaseUrl)
    {
        (Manifest, ETag, HasItsLoader) = (manifest, etag, loader is not null);
        Answers = [.. ConsentSet.All.Select(set => Answer(set, previous, publicBaseUrl))];
        List = previous?.Manifest == manifest
            ? previous.List
            : new PreparedAnswer(manifest.ListBytes, LaterThan(previous?.List, manifest.Envelope.GeneratedAt), AddressOf(BlobNames.List(Scope), publicBaseUrl));
        var text = loader ?? Loader.Bytes;
        Tags = new PreparedAnswer(() => manifest.TagsBytes(text), LaterThan(previous?.Tags, manifest.Envelope.GeneratedAt), AddressOf(BlobNames.Tags(Scope), publicBaseUrl));
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

    /// <summary>Loader and list in one file.</summary>
    public PreparedAnswer Tags { get; }

    /// <summary>Whether <see cref="Tags"/> has the loader that the manifest names, and so the bytes of the public container.</summary>
    public bool HasItsLoader { get; }

    /// <summary>What the state takes in memory, about, in bytes. Grows as answers are made.</summary>
    public long Size
    {
        get
        {
            var size = 8192L + Manifest.Bytes.Length + List.Size + Tags.Size;
            foreach (var answer in Answers) size += answer.Size;
            return size;
        }
    }

    private PreparedAnswer Answer(ConsentSet set, ScopeState? previous, string? publicBaseUrl)
    {
        var combination = Manifest[set];
        if (previous is not null && previous.Manifest[set] == combination) return previous.Answers[set.Index];
        var manifest = Manifest;
        return new PreparedAnswer(() => manifest.AnswerBytes(set), LaterThan(previous?.Answers[set.Index], combination.Since.At),
            AddressOf($"{BlobNames.PublicFolder(Scope)}{combination.Snapshot}.json", publicBaseUrl));
    }

    private static string? AddressOf(string name, string? publicBaseUrl) => publicBaseUrl is null ? null : $"{publicBaseUrl}/{name}";

    /// <summary>HTTP dates have whole seconds: a second change within one must still look like a change.</summary>
    private static DateTimeOffset LaterThan(PreparedAnswer? earlier, DateTimeOffset changed) =>
        earlier?.LastModified is { } before && changed <= before ? before.AddSeconds(1) : changed;
}
