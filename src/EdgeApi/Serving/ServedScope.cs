using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;

namespace ConsentSnapshots.EdgeApi.Serving;

/// <summary>
/// One version of a scope, whole and checked: its manifest, and what is known of its answers without reading it. It never changes; a new version is put in its place as a whole. The
/// objects of answers are made when they are asked for.
/// </summary>
internal sealed class ServedScope : IAnswerSource
{
    // This object with its arrays and strings, its entry in the map, its place in the budget's order, and the objects of six answers.
    private const int Overhead = 2000;

    private readonly PackedManifest _manifest;
    private readonly ReadOnlyMemory<byte>? _loader;
    private readonly string? _publicBaseUrl;
    private readonly HeldCombination[] _combinations;
    private readonly long[] _lastModifiedSeconds = new long[AnswerName.Count];
    private readonly Answer?[] _answers = new Answer?[AnswerName.Count];

    /// <summary>What decides whether a combination is the same as that of another version.</summary>
    private readonly record struct HeldCombination(SnapshotHash Snapshot, int SinceVersion, long SinceTicks);

    /// <param name="manifest">The manifest, which has been checked.</param>
    /// <param name="etag">The ETag under which it stands in the store.</param>
    /// <param name="previous">The version that it replaces: answers that stay the same are taken over, with their bodies.</param>
    /// <param name="loader">The loader that the manifest names; null where it is not at hand, and then <c>tags.js</c> has the one of this build.</param>
    /// <param name="publicBaseUrl">Where the public container is for everybody, if anywhere.</param>
    public ServedScope(Manifest manifest, string? etag, ServedScope? previous, ReadOnlyMemory<byte>? loader, string? publicBaseUrl)
    {
        (_manifest, _loader, _publicBaseUrl) = (PackedManifest.Of(manifest), loader, publicBaseUrl);
        (Scope, Version, ETag, LoaderHash) = (manifest.Scope, manifest.Version, etag, manifest.Content.Loader == Loader.Hash ? Loader.Hash : manifest.Content.Loader);
        _combinations = [.. manifest.Combinations.Select(combination => new HeldCombination(ParseHash(combination.Snapshot), combination.Since.Version, combination.Since.At.UtcTicks))];
        foreach (var set in ConsentSet.All)
        {
            var name = AnswerName.Of(set);
            if (previous is not null && previous._combinations[set.Index] == _combinations[set.Index]) TakeOver(previous, name);
            else _lastModifiedSeconds[name.Index] = LaterThan(previous, name, manifest[set].Since.At);
        }
        foreach (var name in (AnswerName[])[AnswerName.List, AnswerName.Tags]) _lastModifiedSeconds[name.Index] = LaterThan(previous, name, manifest.Envelope.GeneratedAt);
    }

    private ServedScope(ServedScope before, ReadOnlyMemory<byte> loader, bool wasServed)
    {
        (_manifest, _loader, _publicBaseUrl, _combinations) = (before._manifest, loader, before._publicBaseUrl, before._combinations);
        (Scope, Version, ETag, LoaderHash) = (before.Scope, before.Version, before.ETag, before.LoaderHash);
        foreach (var set in ConsentSet.All) TakeOver(before, AnswerName.Of(set));
        TakeOver(before, AnswerName.List);
        _lastModifiedSeconds[AnswerName.Tags.Index] = before._lastModifiedSeconds[AnswerName.Tags.Index] + (wasServed ? 1 : 0);
    }

    /// <summary>The scope.</summary>
    public Scope Scope { get; }

    /// <summary>The version.</summary>
    public int Version { get; }

    /// <summary>The ETag under which the manifest stands in the store.</summary>
    public string? ETag { get; }

    /// <summary>The hash of the loader that the manifest names.</summary>
    public string LoaderHash { get; }

    /// <summary>The loader that the manifest names; null where it is not at hand.</summary>
    public ReadOnlyMemory<byte>? LoaderText => _loader;

    /// <summary>Whether the tags have the loader that the manifest names, and so the bytes of the public container.</summary>
    public bool HasItsLoader => _loader is not null;

    /// <summary>What the version takes in memory, without the bodies of its answers.</summary>
    public long Size => _manifest.Size + Overhead;

    /// <summary>One of the answers.</summary>
    public Answer this[AnswerName name]
    {
        get
        {
            ref var answer = ref _answers[name.Index];
            return Volatile.Read(ref answer) ?? Make(ref answer, name);
        }
    }

    /// <summary>The answers that somebody has asked for.</summary>
    public IEnumerable<Answer> MadeAnswers => _answers.OfType<Answer>();

    /// <summary>Whether an answer is one of this version's.</summary>
    public bool Has(Answer answer) => ReferenceEquals(Volatile.Read(ref _answers[answer.Name.Index]), answer);

    /// <summary>The same version with the loader that its manifest names.</summary>
    /// <param name="loader">The loader.</param>
    /// <param name="wasServed">Whether tags with another loader have been served, so that these must look like a change.</param>
    public ServedScope WithLoader(ReadOnlyMemory<byte> loader, bool wasServed) => new(this, loader, wasServed);

    /// <summary>The manifest's bytes, as the store has them.</summary>
    public byte[] ManifestBytes() => _manifest.Bytes();

    /// <summary>The manifest.</summary>
    public Manifest ReadManifest() => _manifest.Read();

    public byte[] Compose(AnswerName name)
    {
        var manifest = _manifest.Read();
        return name == AnswerName.List ? manifest.ListBytes()
            : name == AnswerName.Tags ? manifest.TagsBytes(_loader ?? Loader.Bytes)
            : manifest.AnswerBytes(ConsentSet.FromIndex(name.Index));
    }

    public string? PublicAddressOf(AnswerName name) => _publicBaseUrl is null ? null : $"{_publicBaseUrl}/{BlobNameOf(name)}";

    private string BlobNameOf(AnswerName name) =>
        name == AnswerName.List ? BlobNames.List(Scope)
        : name == AnswerName.Tags ? BlobNames.Tags(Scope)
        : BlobNames.Snapshot(Scope, _combinations[name.Index].Snapshot);

    private Answer Make(ref Answer? place, AnswerName name)
    {
        var answer = new Answer(name, this, DateTimeOffset.FromUnixTimeSeconds(_lastModifiedSeconds[name.Index]));
        return Interlocked.CompareExchange(ref place, answer, null) ?? answer;
    }

    private void TakeOver(ServedScope previous, AnswerName name)
    {
        _lastModifiedSeconds[name.Index] = previous._lastModifiedSeconds[name.Index];
        if (Volatile.Read(ref previous._answers[name.Index]) is not { } answer) return;
        answer.ComposeFrom(this);
        _answers[name.Index] = answer;
    }

    /// <summary>HTTP dates have whole seconds: a second change within one must still look like a change. Rounded up, so that the time is never too early.</summary>
    private static long LaterThan(ServedScope? previous, AnswerName name, DateTimeOffset changed)
    {
        var seconds = (changed + TimeSpan.FromTicks(TimeSpan.TicksPerSecond - 1)).ToUnixTimeSeconds();
        return previous is null ? seconds : Math.Max(seconds, previous._lastModifiedSeconds[name.Index] + 1);
    }

    private static SnapshotHash ParseHash(string text) =>
        SnapshotHash.TryParse(text, out var hash) ? hash : throw new InvalidOperationException("A manifest that was checked names a snapshot by what is no hash.");
}
