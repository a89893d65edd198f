using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.EdgeApi.Options;

/// <summary>How scripts are answered.</summary>
public enum EdgeMode
{
    /// <summary>200 with the scripts.</summary>
    Inline,

    /// <summary>307 to the immutable snapshot, or the list, at <see cref="StorageOptions.PublicBaseUrl"/>.</summary>
    Redirect,
}

/// <summary>The settings under <c>Edge</c>, and the edge's view of those under <c>Storage</c>.</summary>
public sealed record EdgeOptions
{
    /// <summary>Where the snapshots are.</summary>
    public required StorageOptions Storage { get; init; }

    /// <summary>
    /// Edge:Mode. Inline costs the visitor one request; redirect costs two, but the second one is answered by the CDN for a year
    /// and the edge sends no bodies. Default inline.
    /// </summary>
    public EdgeMode Mode { get; init; }

    /// <summary>
    /// Edge:PollInterval: the pause between two looks at the change log. Shorter means that a change shows sooner; each look is one
    /// small read of the store per edge, however many scopes there are. Default 100 ms.
    /// </summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// Edge:RevalidateInterval: how long until every held scope has been compared with the store without being asked to: the net under
    /// the change log. Shorter costs one conditional read a scope each time. Default 5 minutes.
    /// </summary>
    public TimeSpan RevalidateInterval { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// Edge:LoadTimeout: how long one load of a scope may take before it counts as failed. A first request waits as long as this;
    /// later ones never wait. Default 5 seconds.
    /// </summary>
    public TimeSpan LoadTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Edge:NetworkTimeout: how long one request to Azure may take before it is repeated once. Default 2 seconds.</summary>
    public TimeSpan NetworkTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Edge:ConcurrentLoads: how many first requests read the store at once. More answers a cold start sooner and asks more of the store. Default 32.</summary>
    public int ConcurrentLoads { get; init; } = 32;

    /// <summary>
    /// Edge:WaitingLoads: how many further scopes may wait to be loaded before a first request is answered 503 at once. It bounds
    /// what a flood of made-up organizations can pile up. Default 1024.
    /// </summary>
    public int WaitingLoads { get; init; } = 1024;

    /// <summary>Edge:ConcurrentRefreshes: how many held scopes are re-read at once after changes. Default 8.</summary>
    public int ConcurrentRefreshes { get; init; } = 8;

    /// <summary>
    /// Edge:MemoryBytes: what held scopes and their prepared answers may take, in bytes; beyond it the scopes asked for longest ago
    /// are let go and read again when asked for. Default 256 MiB.
    /// </summary>
    public long MemoryBytes { get; init; } = 256L << 20;

    /// <summary>
    /// Edge:NegativeCacheDuration: how long it is remembered that a scope does not exist. A publication ends it at once, so it mostly
    /// decides how often a flood of requests for a missing scope reaches the store. Default 5 seconds.
    /// </summary>
    public TimeSpan NegativeCacheDuration { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Edge:NegativeCacheEntries: how many missing scopes are remembered at most. Default 10 000.</summary>
    public int NegativeCacheEntries { get; init; } = 10_000;

    /// <summary>
    /// Edge:CacheDirectory: where the last good state of each scope is kept, so that an edge that restarts while the store is down
    /// still answers. Not shared between edges. Not set: nothing is kept.
    /// </summary>
    public string? CacheDirectory { get; init; }

    /// <summary>Edge:CacheDirectoryBytes: what <see cref="CacheDirectory"/> may take, in bytes; beyond it the states written or used longest ago go. Default 1 GiB.</summary>
    public long CacheDirectoryBytes { get; init; } = 1L << 30;

    /// <summary>
    /// Edge:SharedQueryCache: whether every cache in front keeps answers apart by the whole query and honours <c>Vary</c>. Unless that is so, answers to queries are
    /// <c>private</c>: a cache that ignores queries would hand one visitor's answer to another. Default false.
    /// </summary>
    public bool SharedQueryCache { get; init; }

    /// <summary>Edge:RetryAfter: what a 503 tells the client to wait, in whole seconds. Default 5 seconds.</summary>
    public TimeSpan RetryAfter { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Edge:Organization: the organization of <c>/analytics/scripts</c> requests that name none. Not set: they must name one.</summary>
    public OrganizationId? Organization { get; init; }

    /// <summary>Edge:Environment: the environment of <c>/analytics/scripts</c> requests that name none. Not set: they must name one.</summary>
    public DeploymentEnvironment? Environment { get; init; }

    /// <summary>Reads and checks every setting of the edge.</summary>
    /// <exception cref="InvalidOptionsException">Some cannot be used; it has all of them.</exception>
    public static EdgeOptions Read(IConfiguration configuration)
    {
        var settings = new SettingReader(configuration);
        var options = new EdgeOptions
        {
            Storage = StorageOptions.Read(settings),
            Mode = settings.OneOf("Edge:Mode", EdgeMode.Inline, ("inline", EdgeMode.Inline), ("redirect", EdgeMode.Redirect)),
            PollInterval = settings.Duration("Edge:PollInterval", TimeSpan.FromMilliseconds(100), TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(1)),
            RevalidateInterval = settings.Duration("Edge:RevalidateInterval", TimeSpan.FromMinutes(5), TimeSpan.FromMilliseconds(100), TimeSpan.FromDays(1)),
            LoadTimeout = settings.Duration("Edge:LoadTimeout", TimeSpan.FromSeconds(5), TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(1)),
            NetworkTimeout = settings.Duration("Edge:NetworkTimeout", TimeSpan.FromSeconds(2), TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(1)),
            ConcurrentLoads = (int)settings.Number("Edge:ConcurrentLoads", 32, 1, 1024),
            WaitingLoads = (int)settings.Number("Edge:WaitingLoads", 1024, 0, 100_000),
            ConcurrentRefreshes = (int)settings.Number("Edge:ConcurrentRefreshes", 8, 1, 256),
            MemoryBytes = settings.Number("Edge:MemoryBytes", 256L << 20, 1L << 20, 1L << 40),
            NegativeCacheDuration = settings.Duration("Edge:NegativeCacheDuration", TimeSpan.FromSeconds(5), TimeSpan.Zero, TimeSpan.FromMinutes(5)),
            NegativeCacheEntries = (int)settings.Number("Edge:NegativeCacheEntries", 10_000, 0, 10_000_000),
            CacheDirectory = settings.Text("Edge:CacheDirectory") is { } directory ? Path.GetFullPath(directory) : null,
            CacheDirectoryBytes = settings.Number("Edge:CacheDirectoryBytes", 1L << 30, 1L << 20, 1L << 44),
            SharedQueryCache = settings.OneOf("Edge:SharedQueryCache", false, ("true", true), ("false", false)),
            RetryAfter = settings.Duration("Edge:RetryAfter", TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(1), TimeSpan.FromHours(1)),
            Organization = ReadOrganization(settings),
            Environment = ReadEnvironment(settings),
        };
        if (options.Mode == EdgeMode.Redirect && settings.Text("Storage:PublicBaseUrl") is null)
            settings.Fail("Storage:PublicBaseUrl must be the public container's address while Edge:Mode is redirect; it is not set.");
        if (options.CacheDirectory is { } cache && options.Storage.Directory is { } store && IsWithin(cache, store))
            settings.Fail($"Edge:CacheDirectory must not lie within Storage:Directory ({Redaction.Show(store)}); it is {Redaction.Show(cache)}.");
        settings.RefuseUnknown("Edge");
        return settings.Problems.IsEmpty ? options : throw new InvalidOptionsException(settings.Problems);
    }

    private static OrganizationId? ReadOrganization(SettingReader settings)
    {
        if (settings.Text("Edge:Organization") is not { } text) return null;
        if (OrganizationId.TryParse(text, out var id)) return id;
        settings.Fail($"Edge:Organization is not an organization id. {OrganizationId.Rule}");
        return null;
    }

    private static DeploymentEnvironment? ReadEnvironment(SettingReader settings)
    {
        if (settings.Text("Edge:Environment") is not { } text) return null;
        if (DeploymentEnvironments.TryParse(text, out var environment)) return environment;
        settings.Fail($"Edge:Environment must be development, staging or production; it is {Redaction.Show(text)}.");
        return null;
    }

    private static bool IsWithin(string path, string folder) =>
        (path + Path.DirectorySeparatorChar).StartsWith(folder.TrimEnd(Path.DirectorySeparatorChar) + Path.DirectorySeparatorChar, StringComparison.Ordinal);
}
