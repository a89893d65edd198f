using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace ConsentSnapshots.EdgeApi.Http;

/// <summary>What a request's preconditions ask for.</summary>
internal enum PreconditionResult
{
    /// <summary>Answer it.</summary>
    Proceed,

    /// <summary>The client has it: 304.</summary>
    NotModified,

    /// <summary>The client wanted something else: 412.</summary>
    Failed,
}

/// <summary>Evaluates a GET's or HEAD's preconditions by RFC 9110, section 13.2.2.</summary>
internal static class Preconditions
{
    /// <param name="headers">The request's headers.</param>
    /// <param name="etag">The strong ETag of the chosen representation, quoted.</param>
    /// <param name="lastModified">Since when the representation has been what it is, in whole seconds; null where nobody knows, and then dates are ignored.</param>
    public static PreconditionResult Evaluate(IHeaderDictionary headers, string etag, DateTimeOffset? lastModified)
    {
        var match = headers.IfMatch;
        if (match.Count > 0 && !Matches(match, etag, weakly: false)) return PreconditionResult.Failed;
        if (match.Count == 0 && TryReadDate(headers.IfUnmodifiedSince, out var unmodified) && lastModified > unmodified) return PreconditionResult.Failed;

        var noneMatch = headers.IfNoneMatch;
        if (noneMatch.Count > 0) return Matches(noneMatch, etag, weakly: true) ? PreconditionResult.NotModified : PreconditionResult.Proceed;
        return TryReadDate(headers.IfModifiedSince, out var modified) && lastModified <= modified
            ? PreconditionResult.NotModified
            : PreconditionResult.Proceed;
    }

    private static bool TryReadDate(StringValues header, out DateTimeOffset date)
    {
        date = default;
        return header.Count == 1 && HeaderUtilities.TryParseDate(header[0], out date);
    }

    /// <summary>
    /// Whether the list has the tag, or is <c>*</c>. What cannot be read ends the list: better an answer too many than a 304 by
    /// mistake.
    /// </summary>
    private static bool Matches(StringValues header, string etag, bool weakly)
    {
        for (var index = 0; index < header.Count; index++)
        {
            var list = header[index].AsSpan().Trim();
            if (list is "*") return true;
            while (!list.IsEmpty)
            {
                var weak = list.StartsWith("W/");
                if (weak) list = list[2..];
                if (list.IsEmpty || list[0] != '"') break;
                var length = list[1..].IndexOf('"') + 2; // with both quotes; a comma between them is part of the tag
                if (length < 2) break;
                if ((weakly || !weak) && list[..length].SequenceEqual(etag)) return true;
                list = list[length..].TrimStart();
                if (list.IsEmpty || list[0] != ',') break;
                list = list.TrimStart(", \t");
            }
        }
        return false;
    }
}
