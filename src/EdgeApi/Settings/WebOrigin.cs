using System.Diagnostics.CodeAnalysis;

namespace ConsentSnapshots.EdgeApi.Settings;

/// <summary>Web origins as browsers write them in the <c>Origin</c> header, which is what they are compared with.</summary>
internal static class WebOrigin
{
    /// <summary>What an origin looks like, for messages.</summary>
    public const string Rule = "scheme, host and, where it is not the usual one, port (https://shop.example or http://localhost:3000), without a path";

    private const string AsciiRule = "write its host in ASCII (xn--…), as the browser's address bar copies it";

    // What a path, a query, a user's name, an escape or a wildcard is written with. Uri would drop or move some of them.
    private static readonly System.Buffers.SearchValues<char> NotInAuthority = System.Buffers.SearchValues.Create("/\\?#@%*,; \t\r\n\"<>^`{|}");

    /// <summary>Reads an origin, and brings it into the form in which browsers send it.</summary>
    /// <param name="text">What the operator wrote.</param>
    /// <param name="origin">For example <c>https://shop.example</c>.</param>
    /// <param name="advice">What to write instead.</param>
    public static bool TryParse(string text, [NotNullWhen(true)] out string? origin, [NotNullWhen(false)] out string? advice)
    {
        (origin, advice) = (null, $"write {Rule}");
        if (text.Contains('*', StringComparison.Ordinal))
        {
            advice = "a wildcard is not understood: name each origin, or leave the setting out, and every page may read";
            return false;
        }
        if (text.Equals("null", StringComparison.OrdinalIgnoreCase))
        {
            advice = "sandboxed frames, files and cross-origin redirects of any site send it, so it names nobody: leave it out";
            return false;
        }
        var scheme = text.IndexOf("://", StringComparison.Ordinal);
        if (scheme < 0 || !Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Scheme is not ("https" or "http")) return false;
        if (text.AsSpan(scheme + 3).ContainsAny(NotInAuthority))
        {
            if (uri.UserInfo.Length == 0 && TryWrite(uri, out var suggestion)) advice = $"write {suggestion}";
            return false;
        }
        if (TryWrite(uri, out origin)) return true;
        advice = AsciiRule;
        return false;
    }

    private static bool TryWrite(Uri uri, [NotNullWhen(true)] out string? origin)
    {
        origin = null;
        // An IPv6 address with an IPv4 address in it, or with a zone, is written otherwise by browsers.
        var host = uri.HostNameType == UriHostNameType.IPv6 ? $"[{uri.IdnHost}]" : uri.IdnHost;
        if (uri.HostNameType == UriHostNameType.IPv6 ? host.AsSpan().ContainsAny('.', '%') : !IsPlain(uri.Host)) return false;
        origin = uri.IsDefaultPort ? $"{uri.Scheme}://{host}" : string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{uri.Scheme}://{host}:{uri.Port}");
        return true;
    }

    /// <summary>
    /// Whether the name is ASCII, or of letters that browsers encode as they are. For others (a ligature, a full-width letter, a letter followed by its accent) they have rules
    /// that this program has not.
    /// </summary>
    private static bool IsPlain(string host)
    {
        foreach (var letter in host)
            if (letter > '\x7f' && letter is not (
                (>= 'à' and <= 'ÿ' and not '÷') or (>= 'ā' and <= 'ž' and not ('ĳ' or 'ŀ' or 'ŉ'))
                or (>= 'ά' and <= 'ώ' and not 'ς') or (>= 'а' and <= 'џ')
                or (>= 'ぁ' and <= 'ゖ') or (>= 'ァ' and <= 'ヺ') or (>= '一' and <= '鿿') or (>= '가' and <= '힣'))) return false;
        return true;
    }
}
