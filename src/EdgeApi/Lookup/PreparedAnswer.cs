using System.IO.Hashing;
using Microsoft.Extensions.Primitives;

namespace ConsentSnapshots.EdgeApi.Lookup;

/// <summary>One answer in one coding: what goes on the wire and the strong ETag over exactly these bytes.</summary>
internal sealed class EncodedBody(byte[] bytes, ContentCoding coding)
{
    public byte[] Bytes { get; } = bytes;

    /// <summary>Quoted; kept as the header takes it, so a request allocates nothing for it.</summary>
    public StringValues ETag { get; } = $"\"{Convert.ToHexStringLower(XxHash128.Hash(bytes))}\"";

    public StringValues ContentEncoding { get; } = coding.Token();
}

/// <summary>
/// What one consent set of a scope is answered (or a scope's list, its tags, the loader), in every coding. Bodies are made when first asked for,
/// once: most sites see a handful of the sixteen sets, and a scope of which only one is asked for should not pay for 48 bodies.
/// </summary>
internal sealed class PreparedAnswer
{
    private readonly Lock _making = new();
    private readonly EncodedBody?[] _bodies = new EncodedBody?[ContentCodings.Count];
    private Func<byte[]>? _compose;

    public PreparedAnswer(Func<byte[]> compose, DateTimeOffset? lastModified, string? publicAddress)
    {
        _compose = compose;
        LastModified = lastModified is { } time ? RoundUp(time) : null;
        LastModifiedHeader = LastModified?.ToString("r");
        PublicAddress = publicAddress;
    }

    private static DateTimeOffset RoundUp(DateTimeOffset time)
    {
        var ticks = time.UtcTicks + TimeSpan.TicksPerSecond - 1;
        return new DateTimeOffset(ticks - ticks % TimeSpan.TicksPerSecond, TimeSpan.Zero);
    }

    /// <summary>Since when the body has been what it is, in whole seconds as HTTP has them: rounded up, so that it is never too early. Null where nobody knows.</summary>
    public DateTimeOffset? LastModified { get; }

    /// <summary><see cref="LastModified"/> as a header; empty where nobody knows.</summary>
    public StringValues LastModifiedHeader { get; }

    /// <summary>Where the same is for everybody in the public container; null without a public base URL.</summary>
    public StringValues PublicAddress { get; }

    /// <summary>What the bodies made so far take.</summary>
    public long Size
    {
        get
        {
            var size = 0L;
            foreach (var body in _bodies) size += body is null ? 0 : body.Bytes.Length + 160;
            return size;
        }
    }

    /// <summary>The body in a coding; <paramref name="made"/> where this call made it.</summary>
    public EncodedBody Get(ContentCoding coding, out bool made)
    {
        made = false;
        return Volatile.Read(ref _bodies[(int)coding]) ?? Make(coding, out made);
    }

    private EncodedBody Make(ContentCoding coding, out bool made)
    {
        made = false;
        lock (_making)
        {
            if (_bodies[(int)coding] is { } already) return already;
            made = true;
            if (_bodies[(int)ContentCoding.Identity] is not { } identity)
            {
                identity = new EncodedBody(_compose!(), ContentCoding.Identity);
                Volatile.Write(ref _bodies[(int)ContentCoding.Identity], identity);
                _compose = null;
            }
            if (coding == ContentCoding.Identity) return identity;
            var body = new EncodedBody(coding.Encode(identity.Bytes), coding);
            Volatile.Write(ref _bodies[(int)coding], body);
            return body;
        }
    }
}
