using System.Text;
using System.Text.RegularExpressions;

namespace ConsentSnapshots.Generator.Destinations;

/// <summary>
/// The one place that judges URLs. What it gives can be used: a <see cref="Uri"/> computes its parts when they are first asked for, and some of them throw
/// for hosts that its constructor takes, so every part that is used later is asked for here.
/// </summary>
internal static partial class HttpsUrl
{
    private const string Scheme = "https://";

    private const string Rule = "must be an absolute https URL without user name or spaces";

    /// <summary>The URL of a text that is an absolute https URL; null where it is none.</summary>
    public static Uri? From(string text) => Judge(text, out _);

    /// <summary>The URL of a text, or the rule that it breaks, as a message about the setting goes on after its name.</summary>
    public static Uri? Judge(string text, out string? brokenRule)
    {
        brokenRule = Rule;
        if (!text.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) || text.AsSpan().IndexOfAnyInRange('\0', ' ') >= 0
            || text.Contains('\\', StringComparison.Ordinal) || Authority(text) is [] || Authority(text).Contains('@')) return null;
        brokenRule = "must be an https URL whose host is a valid name (with unusual letters, in its xn-- form) and whose port, if any, is 0 to 65535";
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Scheme != Uri.UriSchemeHttps || url.UserInfo.Length > 0 || !HasValidHost(url)) return null;
        brokenRule = null;
        return url;
    }

    /// <summary>The URL of a text that a type has put together from a URL that was accepted.</summary>
    /// <exception cref="UriFormatException">It is none.</exception>
    public static Uri Derived(string text) => From(text) ?? throw new UriFormatException("What was put together from a URL that was accepted is no URL.");

    /// <summary>Host, port and user as they are written: an empty user name (https://@host) is none to <see cref="Uri"/>, and a trick to a reader.</summary>
    private static ReadOnlySpan<char> Authority(string url)
    {
        var rest = url.AsSpan(Scheme.Length);
        return rest.IndexOfAny('/', '?', '#') is >= 0 and var end ? rest[..end] : rest;
    }

    /// <summary>Whether the host is a name or an address that .NET and a browser read alike.</summary>
    private static bool HasValidHost(Uri url)
    {
        try
        {
            return ReadAlike().IsMatch(url.Host) && !url.Host.Any(char.IsUpper)
                && Ascii.IsValid(url.IdnHost) && Uri.CheckHostName(url.IdnHost) != UriHostNameType.Unknown && url.AbsoluteUri.Length > 0;
        }
        catch (UriFormatException)
        {
            return false;
        }
    }

    // A browser maps letters before it encodes them for DNS (a soft hyphen vanishes, a ligature is split, marks are composed). .NET without ICU does not, so
    // beyond ASCII only letters are taken that are mapped to themselves: Latin, Greek, Cyrillic, Japanese, Chinese and Korean ones.
    [GeneratedRegex(
        "^[\\x00-\\x7F\\u00DF-\\u00F6\\u00F8-\\u012F\\u0131\\u0134-\\u013E\\u0141-\\u0148\\u014A-\\u017E\\u03AC-\\u03CE\\u0430-\\u045F"
        + "\\u3041-\\u3096\\u30A1-\\u30FA\\u4E00-\\u9FFF\\uAC00-\\uD7A3]+\\z", RegexOptions.CultureInvariant)]
    private static partial Regex ReadAlike();
}
