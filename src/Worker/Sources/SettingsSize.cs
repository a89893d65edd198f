using System.Globalization;
using System.Text;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;

namespace ConsentSnapshots.Worker.Sources;

/// <summary>How much a scope's destinations are.</summary>
/// <param name="Destinations">How many there are.</param>
/// <param name="SettingsBytes">How many bytes of settings they have together.</param>
/// <param name="LargestBytes">How many bytes of settings the largest of them has.</param>
public readonly record struct SettingsSize(long Destinations, long SettingsBytes, long LargestBytes)
{
    /// <summary>The size of rows that have been read.</summary>
    public static SettingsSize Of(IReadOnlyList<Destination> rows)
    {
        var (count, sum, largest) = (0L, 0L, 0L);
        foreach (var row in rows)
        {
            if (!row.Enabled || row.Deleted) continue;
            var length = row.Settings.ValueKind == System.Text.Json.JsonValueKind.Undefined ? 0 : Encoding.UTF8.GetByteCount(row.Settings.GetRawText());
            (count, sum, largest) = (count + 1, sum + length, Math.Max(largest, length));
        }
        return new SettingsSize(count, sum, largest);
    }

    /// <summary>Which limit is exceeded, and by how much; null where none is.</summary>
    public string? Exceeds(ScopeLimits limits) =>
        Destinations > limits.Destinations ? Say(Destinations, "destinations", limits.Destinations)
        : SettingsBytes > limits.ScopeSettingsBytes ? Say(SettingsBytes, "bytes of settings", limits.ScopeSettingsBytes)
        : LargestBytes > limits.DestinationSettingsBytes ? Say(LargestBytes, "bytes of settings in one destination", limits.DestinationSettingsBytes)
        : null;

    private static string Say(long actual, string what, long limit) =>
        string.Create(CultureInfo.InvariantCulture, $"The scope has {actual} {what}, and the limit is {limit}. A version that is published stays; remove what is not needed.");
}
