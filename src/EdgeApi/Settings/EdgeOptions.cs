using System.Collections.Frozen;
using System.Collections.Immutable;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.EdgeApi.Settings;

/// <summary>How scripts are answered.</summary>
public enum EdgeMode
{
    /// <summary>200 with the scripts.</summary>
    Inline,

    /// <summary>307 to the immutable snapshot, or the list, at <see cref="StorageOptions.PublicBaseUrl"/>.</summary>
    Redirect,
}

/// <summary>What is loaded before anybody asks for it.</summary>
/// <param name="Scopes">These scopes; null for every scope of the store.</param>
public sealed record EdgePreload(FrozenSet<Scope>? Scopes);

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
    /// still answers. It is not shared between edges. A directory that cannot be written costs nothing but the copies. Not set: nothing is kept.
    /// </summary>
    public string? CacheDirectory { get; init; }

    /// <summary>
    /// Edge:CacheDirectoryBytes: what <see cref="CacheDirectory"/> may take on disk, in bytes; each file counts as the whole blocks of 4 kB that it takes. Beyond it the states written or
    /// used longest ago go. Default 1 GiB.
    /// </summary>
    public long CacheDirectoryBytes { get; init; } = 1L << 30;

    /// <summary>
    /// Edge:SharedQueryCache: whether every cache in front keeps answers apart by the whole query and honours <c>Vary</c>. Unless that is so, answers to queries are
    /// <c>private</c>: a cache that ignores queries would hand one visitor's answer to another. So is every answer of an edge with several <see cref="Origins"/>. Default false.
    /// </summary>
    public bool SharedQueryCache { get; init; }

    /// <summary>Edge:RetryAfter: what a 503 tells the client to wait, in whole seconds. Default 5 seconds.</summary>
    public TimeSpan RetryAfter { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Edge:Organization: the organization of <c>/analytics/scripts</c> requests that name none. Not set: they must name one. Together with <see cref="Environment"/> it binds
    /// that path to one scope.
    /// </summary>
    public OrganizationId? Organization { get; init; }

    /// <summary>
    /// Edge:Environment: the environment of <c>/analytics/scripts</c> requests that name none. Not set: they must name one. Together with <see cref="Organization"/> it binds
    /// that path to one scope.
    /// </summary>
    public DeploymentEnvironment? Environment { get; init; }

    /// <summary>The one scope that <c>/analytics/scripts</c> answers for, where both its parts are set; requests that name another one get 404.</summary>
    public Scope? BoundScope => Organization is { } organization && Environment is { } environment ? new Scope(organization, environment) : null;

    /// <summary>
    /// Edge:Scopes: the scopes that this edge answers for: <c>acme,globex/production</c>; an organization alone stands for its three environments. All others are answered as if
    /// nothing had been published for them, and are never read from the store. Not set: every scope of the store.
    /// </summary>
    public FrozenSet<Scope>? Scopes { get; init; }

    /// <summary>
    /// Edge:Origins: the origins whose pages CORS lets read, as browsers send them. It is no access control: everybody else can read the same answers without a browser. With several,
    /// answers differ by the asking page, so they are <c>private</c> unless <see cref="SharedQueryCache"/>. Empty: pages of every origin.
    /// </summary>
    public ImmutableArray<string> Origins { get; init; } = [];

    /// <summary>
    /// Edge:Preload: the scopes that are loaded at the start, from disk or from the store, in the background: written as <see cref="Scopes"/> is, or <c>all</c>. It spares their first
    /// requests the read of the store, and takes memory for scopes that perhaps nobody asks for. Not set: a scope is loaded by its first request.
    /// </summary>
    public EdgePreload? Preload { get; init; }

    /// <summary>
    /// Edge:MetricsUrl: the <c>http</c> URL on which <c>/metrics</c> is served for Prometheus, such as <c>http://127.0.0.1:9465</c>, or <c>http://*:9465</c> in a container. It is a listener of
    /// its own, for operators alone: never one of the addresses that visitors reach. Not set, or <c>off</c>: it is served nowhere.
    /// </summary>
    public string? MetricsUrl { get; init; }

    /// <summary>Whether this edge answers for a scope.</summary>
    public bool Answers(Scope scope) => Scopes is null || Scopes.Contains(scope);

    /// <summary>Reads and checks every setting of the edge.</summary>
    /// <exception cref="InvalidOptionsException">Some cannot be used; it has all of them.</exception>
    public static EdgeOptions Read(IConfiguration configuration) => EdgeSettings.Read(new SettingReader(configuration));
}
