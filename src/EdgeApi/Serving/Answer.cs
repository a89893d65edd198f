namespace ConsentSnapshots.EdgeApi.Serving;

/// <summary>
/// One answer of a scope, or a loader: since when it has been what it is, and those of its bodies that are held at the moment. An answer that a new version leaves as it is stays the
/// same object, with its bodies. It is then composed from the new version, so that it does not keep the old one in memory.
/// </summary>
internal sealed class Answer(AnswerName name, IAnswerSource source, DateTimeOffset? lastModified)
{
    private volatile IAnswerSource _source = source;
    private EncodedBody? _identity;
    private EncodedBody? _gzip;
    private EncodedBody? _brotli;

    /// <summary>Which answer it is.</summary>
    public AnswerName Name { get; } = name;

    /// <summary>Since when the body has been what it is, in whole seconds as HTTP has them. Null where nobody knows.</summary>
    public DateTimeOffset? LastModified { get; } = lastModified;

    /// <summary>Where the same is for everybody in the public container; null without a public base URL.</summary>
    public string? PublicAddress => _source.PublicAddressOf(Name);

    /// <summary>The bodies that are held at the moment.</summary>
    public IEnumerable<EncodedBody> HeldBodies => new[] { _identity, _gzip, _brotli }.OfType<EncodedBody>();

    /// <summary>The body in a coding where it is held; null where it has to be made.</summary>
    public EncodedBody? Find(ContentCoding coding) => Volatile.Read(ref Slot(coding));

    /// <summary>Makes the body in a coding. The caller decides whether it is held (<see cref="Hold"/>).</summary>
    public EncodedBody Make(ContentCoding coding) => new(this, coding, coding.Encode(_source.Compose(Name)));

    /// <summary>Holds a body; the one that is held already, where another thread was faster.</summary>
    public EncodedBody Hold(EncodedBody body) => Interlocked.CompareExchange(ref Slot(body.Coding), body, null) ?? body;

    /// <summary>Forgets a body.</summary>
    public void Forget(EncodedBody body) => Interlocked.CompareExchange(ref Slot(body.Coding), null, body);

    /// <summary>Composes the answer from another version that gives the same bytes.</summary>
    public void ComposeFrom(IAnswerSource source) => _source = source;

    private ref EncodedBody? Slot(ContentCoding coding)
    {
        switch (coding)
        {
            case ContentCoding.Gzip: return ref _gzip;
            case ContentCoding.Brotli: return ref _brotli;
            default: return ref _identity;
        }
    }
}
