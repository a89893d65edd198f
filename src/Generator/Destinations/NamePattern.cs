using System.Buffers;

namespace ConsentSnapshots.Generator.Destinations;

/// <summary>One name in the browser, or all names that begin with a text.</summary>
/// <param name="Store">Where the names are.</param>
/// <param name="Text">The name, or what the names begin with. It is plain (<see cref="IsPlain"/>), so that it needs no escaping and holds no wildcard.</param>
/// <param name="IsPrefix">Whether every name that begins with the text is meant.</param>
public readonly record struct NamePattern(BrowserStore Store, string Text, bool IsPrefix) : IComparable<NamePattern>
{
    /// <summary>The longest text accepted.</summary>
    public const int MaxLength = 256;

    // The characters of a cookie's name (RFC 6265), without the asterisk and without those that JSON in a page has to escape, and the colon, which keys of web storage have.
    private static readonly SearchValues<char> s_plain = SearchValues.Create("!#$%-.0123456789:ABCDEFGHIJKLMNOPQRSTUVWXYZ^_abcdefghijklmnopqrstuvwxyz|~");

    // What consent clients and our own loader keep the visitor's answer under. To erase it would be to ask every visitor again.
    private static readonly string[] s_consentRecords = ["c15t", "privacy-consent-storage", "consent-snapshots"];

    /// <summary>Whether a text can be a part of a name: not empty, and of plain characters only.</summary>
    public static bool IsPlain(ReadOnlySpan<char> text) => text.Length is > 0 and <= MaxLength && !text.ContainsAnyExcept(s_plain);

    /// <summary>Whether some name is meant by both.</summary>
    public bool Overlaps(NamePattern other) =>
        Store == other.Store
        && (Text == other.Text
            || (IsPrefix && other.Text.StartsWith(Text, StringComparison.Ordinal))
            || (other.IsPrefix && Text.StartsWith(other.Text, StringComparison.Ordinal)));

    /// <summary>Whether it could mean the record of the visitor's own answer.</summary>
    public bool TouchesConsentRecord
    {
        get
        {
            foreach (var record in s_consentRecords)
                if (Overlaps(new NamePattern(Store, record, IsPrefix: true))) return true;
            return false;
        }
    }

    /// <summary>By store, then by text; where the texts are the same, the prefix is first.</summary>
    public int CompareTo(NamePattern other)
    {
        if (Store != other.Store) return Store < other.Store ? -1 : 1;
        var byText = string.CompareOrdinal(Text, other.Text);
        return byText != 0 ? byText : other.IsPrefix.CompareTo(IsPrefix);
    }

    /// <inheritdoc/>
    public static bool operator <(NamePattern left, NamePattern right) => left.CompareTo(right) < 0;

    /// <inheritdoc/>
    public static bool operator <=(NamePattern left, NamePattern right) => left.CompareTo(right) <= 0;

    /// <inheritdoc/>
    public static bool operator >(NamePattern left, NamePattern right) => left.CompareTo(right) > 0;

    /// <inheritdoc/>
    public static bool operator >=(NamePattern left, NamePattern right) => left.CompareTo(right) >= 0;

    /// <summary>As lists write it: the name, or the prefix and an asterisk.</summary>
    public override string ToString() => IsPrefix ? $"{Text}*" : Text;
}
