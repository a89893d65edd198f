namespace ConsentSnapshots.Generator.Formats;

/// <summary>
/// How large a scope may be: what the worker refuses to publish and an edge refuses to read. A scope over a limit is held: it keeps its last good version.
/// </summary>
/// <param name="Destinations">The most destinations of a scope, those that are switched off not counted.</param>
/// <param name="ScopeSettingsBytes">The most bytes of settings of a scope's destinations together, as they are stored.</param>
/// <param name="DestinationSettingsBytes">The most bytes of settings of one destination, as they are stored.</param>
/// <param name="ManifestBytes">The most bytes of a manifest, and so of everything that is put together from it.</param>
public sealed record ScopeLimits(int Destinations, int ScopeSettingsBytes, int DestinationSettingsBytes, int ManifestBytes)
{
    /// <summary>1,000 destinations, 4 MiB of settings a scope, 256 kB a destination, and 8 MiB a manifest.</summary>
    public static ScopeLimits Default { get; } = new(1000, 4 << 20, 256_000, 8 << 20);
}
