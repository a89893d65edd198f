using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace ConsentSnapshots.Storage;

/// <summary>The one way in which worker and edge show a text that may hold a secret, or that somebody else wrote: in messages, tables and logs.</summary>
public static partial class Redaction
{
    private const int LongestShown = 200;

    /// <summary>
    /// A setting's value for a message about it: in quotes where nothing in it can be a secret, and else its length only. What has a key and value, a user
    /// name in an address or a long run of letters and digits is taken for one, whatever the setting: people paste into the wrong one.
    /// </summary>
    public static string Show(string? value) =>
        string.IsNullOrEmpty(value) ? "empty"
        : value.Length <= LongestShown && value.AsSpan().IndexOfAny('=', '@') < 0 && !Key().IsMatch(value) ? $"'{Printable(value)}'"
        : $"a text of {value.Length} characters, which is not shown because it may hold a secret";

    /// <summary>An address for a message about it: without user information, query and fragment, which are usually credentials.</summary>
    public static string ShowAddress(string? value) =>
        Uri.TryCreate(value, UriKind.Absolute, out var address) && !address.IsFile
            ? Show(address.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped))
            : Show(value);

    /// <summary>A message that quotes what others wrote, such as an exception's: credentials in the usual forms are masked, and its lines are printable.</summary>
    public static string Clean(string text) => PrintableLines(Mask(text));

    /// <summary>Masks credentials in their usual forms: <c>password=…</c>, <c>AccountKey=…</c>, <c>sig=…</c>, <c>scheme://user:password@host</c>.</summary>
    public static string Mask(string text) => UserInformation().Replace(Credential().Replace(text, "$1***"), "$1***@");

    /// <summary>
    /// One line that a terminal shows as it is: control characters, line ends and what turns the direction of writing stand as <c>\u001b</c>. A tenant's
    /// name can otherwise move the cursor, or pretend to be another line.
    /// </summary>
    public static string Printable(string text)
    {
        var printable = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            if (IsPrintable(rune)) printable.Append(rune);
            else printable.Append(rune.IsBmp ? "\\u" : "\\U").Append(rune.Value.ToString(rune.IsBmp ? "x4" : "x8", CultureInfo.InvariantCulture));
        }
        return printable.ToString();
    }

    /// <summary>The same, line by line.</summary>
    public static string PrintableLines(string text) => string.Join('\n', text.Split('\n').Select(line => Printable(line.TrimEnd('\r'))));

    private static bool IsPrintable(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.Control or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator => false,
        // Joiners belong to the spelling of some languages.
        UnicodeCategory.Format => rune.Value is 0x200C or 0x200D,
        _ => true,
    };

    // Account keys, encryption keys and tokens: letters and digits mixed, with nothing between them.
    [GeneratedRegex("(?=[A-Za-z0-9+]*[0-9])(?=[A-Za-z0-9+]*[A-Za-z])[A-Za-z0-9+]{24,}", RegexOptions.CultureInvariant)]
    private static partial Regex Key();

    // The ellipsis is what our own messages show in the place of a value.
    [GeneratedRegex(
        """((?:password|passwd|pwd|passphrase|account_?key|access_?key|shared_?access_?(?:signature|key)|sig|signature|secret|token|api_?key)["']?\s*[=:]\s*)(?!…)(?:"[^"]*"|'[^']*'|[^\s;"']+)""",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex Credential();

    [GeneratedRegex(@"(:/+)[^\s'""]*@", RegexOptions.CultureInvariant)]
    private static partial Regex UserInformation();
}
