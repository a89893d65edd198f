using System.IO.Hashing;
using Microsoft.Extensions.Primitives;

namespace ConsentSnapshots.EdgeApi.Serving;

/// <summary>
/// An answer in one coding: what goes on the wire, and the headers that belong to it, kept as the response takes them, so that a request for a body that is held allocates nothing for
/// them.
/// </summary>
internal sealed class EncodedBody : MemoryItem
{
    // The object, its array's header, the strings of its headers and its place in the budget's order.
    private const int Overhead = 450;

    private readonly Answer _answer;

    public EncodedBody(Answer answer, ContentCoding coding, byte[] bytes)
    {
        (_answer, Coding, Bytes) = (answer, coding, bytes);
        ETag = $"\"{Convert.ToHexStringLower(XxHash128.Hash(bytes))}\"";
        ContentEncoding = coding.Token();
        LastModified = answer.LastModified?.ToString("r");
        // Only the list is the same bytes as a public blob that caches know under its own address.
        ContentLocation = answer.Name == AnswerName.List ? answer.PublicAddress : null;
    }

    public ContentCoding Coding { get; }

    public byte[] Bytes { get; }

    /// <summary>The strong ETag over exactly these bytes, quoted.</summary>
    public StringValues ETag { get; }

    /// <summary>Empty for identity.</summary>
    public StringValues ContentEncoding { get; }

    /// <summary>Empty where nobody knows.</summary>
    public StringValues LastModified { get; }

    /// <summary>Where the same bytes are in the public container; empty where they are not, or nobody knows where.</summary>
    public StringValues ContentLocation { get; }

    public override long Size => Bytes.Length + Overhead;

    public override void LetGo() => _answer.Forget(this);
}
