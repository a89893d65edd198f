using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>Text on its way from and to a database whose encoding may be any, <c>SQL_ASCII</c> included, which checks nothing.</summary>
internal static class DatabaseText
{
    /// <summary>
    /// SQL for a text that the server can always send. Where the database's encoding is not UTF-8, a character that has no place in UTF-8 would end the
    /// whole query; there everything but ASCII is escaped, so a name that is an <see cref="Generator.Destinations.OrganizationId"/> stays what it is and any other stays none.
    /// </summary>
    public static string Sendable(string expression) =>
        $"case when pg_catalog.getdatabaseencoding() = 'UTF8' then {expression} else pg_catalog.encode(pg_catalog.convert_to({expression}, 'SQL_ASCII'), 'escape') end";

    /// <summary>The text without what no database takes: NUL, and surrogates that stand alone.</summary>
    [return: NotNullIfNotNull(nameof(text))]
    public static string? Storable(string? text) =>
        text is null ? null : Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)).Replace("\0", "", StringComparison.Ordinal);
}
