using System.Globalization;

namespace ConsentSnapshots.Generator.Formats;

/// <summary>Times on the wire: UTC with milliseconds and <c>Z</c>, always the same length (<see href="https://www.rfc-editor.org/rfc/rfc3339">RFC 3339</see>).</summary>
public static class WireTime
{
    private const string Pattern = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";

    /// <summary>For example <c>2026-03-01T10:00:00.000Z</c>.</summary>
    public static string Format(DateTimeOffset time) => time.UtcDateTime.ToString(Pattern, CultureInfo.InvariantCulture);

    /// <summary>Reads exactly that form; false for anything else.</summary>
    public static bool TryParse(string? text, out DateTimeOffset time)
    {
        var read = DateTime.TryParseExact(text, Pattern, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var utc);
        time = new DateTimeOffset(utc, TimeSpan.Zero);
        return read;
    }

    /// <summary>The time cut to what the wire carries.</summary>
    public static DateTimeOffset Truncate(DateTimeOffset time) => new(time.UtcTicks - time.UtcTicks % TimeSpan.TicksPerMillisecond, TimeSpan.Zero);
}
