using System.Text;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations;

/// <summary>
/// A URL that a list may hold: an absolute https URL, or a path of the site that shows the page. This is the one place that judges URLs. What it gives can be used: a
/// <see cref="Uri"/> computes its parts when they are first asked for, and some of them throw for hosts that its constructor takes, so every part that is used later is asked for here.
/// </summary>
public sealed partial class PageUrl : IEquatable<PageUrl>
{
    private const string Scheme = "https://";

    /// <summary>The longest path accepted, in characters.</summary>
    private const int MaxPathLength = 2000;

    private readonly Uri? _absolute;

    private PageUrl(Uri absolute) => (_absolute, Text) = (absolute, absolute.AbsoluteUri);

    private PageUrl(string path) => Text = path;

    /// <summary>The URL as a list has it.</summary>
    public string Text { get; }

    /// <summary>Whether it is a path of the site that shows the page.</summary>
    public bool IsPath => _absolute is null;

    /// <summary>The absolute https URL that a text is; null where it is none.</summary>
    public static PageUrl? From(string text) => Judge(text, acceptsPath: false, out _);

    /// <summary>The absolute https URL or path of the site that a text is; null where it is neither.</summary>
    public static PageUrl? FromUrlOrPath(string text) => Judge(text, acceptsPath: true, out _);

    /// <summary>The URL or path of a text that a type knows, or has put together from a URL that was accepted.</summary>
    /// <exception cref="UriFormatException">It is neither.</exception>
    public static PageUrl Of(string text)
    {
        if (text.StartsWith('/') && BrokenPathRule(text) is null) return new PageUrl(text);
        return Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme == Uri.UriSchemeHttps
            ? new PageUrl(url)
            : throw new UriFormatException("What was put together from a URL that was accepted is no URL.");
    }

    /// <summary>The URL of a text, or the rule that it breaks, as a message about the setting goes on after its name.</summary>
    internal static PageUrl? Judge(string text, bool acceptsPath, out string? brokenRule)
    {
        if (acceptsPath && text.StartsWith('/')) return (brokenRule = BrokenPathRule(text)) is null ? new PageUrl(text) : null;
        brokenRule = acceptsPath
            ? "must be an absolute https URL without user name or spaces, or a path of the site that begins with a slash"
            : "must be an absolute https URL without user name or spaces";
        if (!text.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) || text.AsSpan().IndexOfAnyInRange('\0', ' ') >= 0
            || text.Contains('\\', StringComparison.Ordinal) || Authority(text) is [] || Authority(text).Contains('@')) return null;
        brokenRule = "must be an https URL whose host is a valid name (with unusual letters, in its xn-- form) and whose port, if any, is 0 to 65535";
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Scheme != Uri.UriSchemeHttps || url.UserInfo.Length > 0 || !HasValidHost(url)) return null;
        brokenRule = null;
        return new PageUrl(url);
    }

    /// <summary>The URL with these parameters at the end of its query, in place of those it has of the same names. Names and values need no escape.</summary>
    public PageUrl With(params ReadOnlySpan<(string Name, string Value)> parameters)
    {
        var (rest, fragment) = Text.IndexOf('#', StringComparison.Ordinal) is >= 0 and var hash ? (Text[..hash], Text[hash..]) : (Text, "");
        var (path, query) = rest.IndexOf('?', StringComparison.Ordinal) is >= 0 and var mark ? (rest[..mark], rest[(mark + 1)..]) : (rest, "");
        foreach (var (name, _) in parameters)
            if (query.Length > 0) query = string.Join('&', query.Split('&').Where(pair => pair.Length > 0 && pair.Split('=')[0] != name));
        foreach (var (name, value) in parameters) query = query.Length == 0 ? $"{name}={value}" : $"{query}&{name}={value}";
        return Of($"{path}?{query}{fragment}");
    }

    /// <summary>What names it in a directive of a Content-Security-Policy; null where a policy has no way to name its host.</summary>
    internal CspSource? SourceFor(CspDirective directive) => _absolute is null ? CspSource.Self(directive) : CspSource.Origin(directive, _absolute);

    /// <inheritdoc/>
    public bool Equals(PageUrl? other) => other is not null && Text == other.Text;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as PageUrl);

    /// <inheritdoc/>
    public override int GetHashCode() => Text.GetHashCode(StringComparison.Ordinal);

    /// <inheritdoc/>
    public override string ToString() => Text;

    /// <summary>The rule that a text which begins with a slash breaks as a path; null where it breaks none.</summary>
    private static string? BrokenPathRule(string text)
    {
        // With two slashes, or with a backslash, a browser takes what follows for a host.
        if (text.Length > 1 && text[1] is '/' or '\\') return "must begin with one slash to be a path of the site: with two, a browser takes what follows for a host";
        if (text.Length > MaxPathLength) return $"may have {MaxPathLength} characters as a path";
        if (!PathCharacters().IsMatch(text)) return "must be a path without spaces, quotes, backslashes and angle brackets";
        var path = text.AsSpan();
        if (path.IndexOfAny('?', '#') is >= 0 and var end) path = path[..end];
        foreach (var segment in path.Split('/'))
            if (IsDots(path[segment])) return "must be a path without the segments . and ..";
        return null;
    }

    /// <summary>Whether a browser takes a segment for a step within the path; a dot may also be written %2e.</summary>
    private static bool IsDots(ReadOnlySpan<char> segment)
    {
        var dots = 0;
        while (segment.Length > 0)
        {
            var length = segment[0] == '.' ? 1 : segment.StartsWith("%2e", StringComparison.OrdinalIgnoreCase) ? 3 : 0;
            if (length == 0) return false;
            segment = segment[length..];
            dots++;
        }
        return dots is 1 or 2;
    }

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

    [GeneratedRegex("^[^\\s\\p{Cc}\\p{Cs}\\\\\"'<>`]+\\z", RegexOptions.CultureInvariant)]
    private static partial Regex PathCharacters();

    // A browser maps letters before it encodes them for DNS (a soft hyphen vanishes, a ligature is split, marks are composed). .NET without ICU does not, so
    // beyond ASCII only letters are taken that are mapped to themselves: Latin, Greek, Cyrillic, Japanese, Chinese and Korean ones.
    [GeneratedRegex(
        "^[\\x00-\\x7F\\u00DF-\\u00F6\\u00F8-\\u012F\\u0131\\u0134-\\u013E\\u0141-\\u0148\\u014A-\\u017E\\u03AC-\\u03CE\\u0430-\\u045F"
        + "\\u3041-\\u3096\\u30A1-\\u30FA\\u4E00-\\u9FFF\\uAC00-\\uD7A3]+\\z", RegexOptions.CultureInvariant)]
    private static partial Regex ReadAlike();
}
