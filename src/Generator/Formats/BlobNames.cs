using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Generator.Formats;

/// <summary>The one place that knows what a blob is called. Names are relative to the container that each says.</summary>
public static class BlobNames
{
    /// <summary>Where the newest manifests are, in the private container.</summary>
    public const string CurrentPrefix = "current/";

    /// <summary>Where the change log's segments are, in the private container.</summary>
    public const string ChangesPrefix = "changes/";

    /// <summary>Where the file source keeps what it has no database for, in the private container.</summary>
    public const string StatePrefix = "state/";

    /// <summary>Private: where schema 1 kept its history; a store that has it is one of an earlier version.</summary>
    public const string EarlierHistoryPrefix = "manifests/";

    /// <summary>Public: our loader, one for all scopes. No organization begins with an underscore.</summary>
    public const string Loader = "_/loader.js";

    /// <summary>Public: the gated list of a scope.</summary>
    public static string List(Scope scope) => $"{scope}/scripts.json";

    /// <summary>Public: loader and list of a scope in one file.</summary>
    public static string Tags(Scope scope) => $"{scope}/tags.js";

    /// <summary>Public: an immutable snapshot.</summary>
    public static string Snapshot(Scope scope, SnapshotHash hash) => $"{scope}/{hash}.json";

    /// <summary>Public: the folder of a scope.</summary>
    public static string PublicFolder(Scope scope) => $"{scope}/";

    /// <summary>Private: the newest manifest of a scope.</summary>
    public static string Current(Scope scope) => $"{CurrentPrefix}{scope}.json";

    /// <summary>History: one version of a scope's manifest.</summary>
    public static string History(Scope scope, int version) => string.Create(CultureInfo.InvariantCulture, $"{scope}/{version:D8}.json");

    /// <summary>History: the folder of a scope.</summary>
    public static string HistoryFolder(Scope scope) => $"{scope}/";

    /// <summary>Private: a segment of the change log.</summary>
    public static string ChangeSegment(int number) => string.Create(CultureInfo.InvariantCulture, $"{ChangesPrefix}{number:D8}.log");

    /// <summary>Private: what went wrong when the file source's scope was last built.</summary>
    public static string Report(Scope scope) => $"{StatePrefix}reports/{scope}.json";

    /// <summary>Reads the name of a snapshot.</summary>
    public static bool TryParseSnapshot(string name, out Scope scope, out SnapshotHash hash)
    {
        scope = default;
        hash = default;
        return TrySplit(name, "", ".json", out var parts) && parts.Length == 3
            && Scope.TryParse(parts[0], parts[1], out scope) && SnapshotHash.TryParse(parts[2], out hash);
    }

    /// <summary>Reads a name of the public container: of a snapshot, of a scope's list or tags, of the loader.</summary>
    /// <param name="name">The name.</param>
    /// <param name="scope">Whose blob it is; null for the loader, which is one for all scopes.</param>
    public static bool TryParsePublic(string name, out Scope? scope)
    {
        scope = null;
        if (name == Loader) return true;
        if (TryParseSnapshot(name, out var named, out _)
            || (name.Split('/') is [var organization, var environment, "scripts.json" or "tags.js"] && Scope.TryParse(organization, environment, out named))) scope = named;
        return scope is not null;
    }

    /// <summary>Reads the name of a newest manifest.</summary>
    public static bool TryParseCurrent(string name, out Scope scope)
    {
        scope = default;
        return TrySplit(name, CurrentPrefix, ".json", out var parts) && parts.Length == 2 && Scope.TryParse(parts[0], parts[1], out scope);
    }

    /// <summary>Reads the name of a manifest of the history.</summary>
    public static bool TryParseHistory(string name, out Scope scope, out int version)
    {
        scope = default;
        version = 0;
        return TrySplit(name, "", ".json", out var parts) && parts.Length == 3
            && Scope.TryParse(parts[0], parts[1], out scope) && TryParseNumber(parts[2], out version) && version <= PublishedVersions.Highest;
    }

    /// <summary>Reads the name of a change log's segment.</summary>
    public static bool TryParseChangeSegment(string name, out int number)
    {
        number = 0;
        return TrySplit(name, ChangesPrefix, ".log", out var parts) && parts.Length == 1 && TryParseNumber(parts[0], out number);
    }

    private static bool TryParseNumber(string text, out int number)
    {
        number = 0;
        return text.Length >= 8 && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number > 0;
    }

    private static bool TrySplit(string name, string prefix, string suffix, [NotNullWhen(true)] out string[]? parts)
    {
        parts = null;
        if (name.Length <= prefix.Length + suffix.Length || !name.StartsWith(prefix, StringComparison.Ordinal)
            || !name.EndsWith(suffix, StringComparison.Ordinal)) return false;
        parts = name[prefix.Length..^suffix.Length].Split('/');
        return true;
    }
}
