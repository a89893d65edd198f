using System.Collections.Frozen;
using System.Collections.Immutable;
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

    /// <summary>Whether this edge answers for a scope.</summary>
    public bool Answers(Scope scope) => Scopes is null || Scopes.Contains(scope);

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
            Scopes = ReadScopes(settings),
            Origins = ReadOrigins(settings),
        };
        if (options.Mode == EdgeMode.Redirect && settings.Text("Storage:PublicBaseUrl") is null)
            settings.Fail("Storage:PublicBaseUrl must be the public container's address while Edge:Mode is redirect; it is not set.");
        if (options.CacheDirectory is { } cache && options.Storage.Directory is { } store && IsWithin(cache, store))
            settings.Fail($"Edge:CacheDirectory must not lie within Storage:Directory ({Redaction.Show(store)}); it is {Redaction.Show(cache)}.");
        if (options.Mode == EdgeMode.Redirect && settings.Text("Edge:Origins") is not null)
            settings.Fail("Edge:Origins cannot be kept while Edge:Mode is redirect: after a redirect to another origin browsers send 'Origin: null', so the public container has to "
                + "let every page read. Leave Edge:Origins out, or set Edge:Mode to inline.");
        if (options.Scopes is { Count: > 0 } scopes && !scopes.Any(scope =>
            (options.Organization ?? scope.Organization) == scope.Organization && (options.Environment ?? scope.Environment) == scope.Environment))
            settings.Fail("Edge:Scopes must include what Edge:Organization and Edge:Environment name; it has no such scope, so /analytics/scripts would find nothing.");
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

    private static FrozenSet<Scope>? ReadScopes(SettingReader settings)
    {
        if (settings.List("Edge:Scopes", "scope") is not { } items) return null;
        var scopes = new HashSet<Scope>();
        foreach (var item in items)
        {
            if (OrganizationId.TryParse(item, out var organization)) scopes.UnionWith(Scope.Of(organization));
            else if (item.Split('/') is [var name, var environment] && Scope.TryParse(name, environment, out var scope)) scopes.Add(scope);
            else settings.Fail($"Edge:Scopes has {ShowItem(settings, "Edge:Scopes", item)}; {ScopeAdvice(item)}.");
        }
        return scopes.ToFrozenSet();
    }

    private static string ScopeAdvice(string item)
    {
        var name = item.Split('/')[0].Trim();
        return OrganizationId.TryParse(name, out _) && Redaction.Show(name) == $"'{name}'"
            ? $"write {name} for its three environments, or one of {string.Join(", ", DeploymentEnvironments.All.Select(environment => $"{name}/{environment.Name()}"))}"
            : $"write an organization, or organization/environment. {OrganizationId.Rule[..^1]}";
    }

    private static ImmutableArray<string> ReadOrigins(SettingReader settings)
    {
        if (settings.List("Edge:Origins", "origin") is not { } items) return [];
        var origins = ImmutableArray.CreateBuilder<string>();
        foreach (var item in items)
        {
            if (!WebOrigin.TryParse(item, out var origin, out var advice)) settings.Fail($"Edge:Origins has {ShowItem(settings, "Edge:Origins", item)}; {advice}.");
            else if (!origins.Contains(origin)) origins.Add(origin);
        }
        return origins.ToImmutable();
    }

    /// <summary>One item of a list for a message. What was pasted into the wrong setting may have been cut at a comma, so the whole text says whether it may be shown.</summary>
    private static string ShowItem(SettingReader settings, string key, string item) =>
        settings.Text(key) is { } text && text.AsSpan().IndexOfAny('=', '@') >= 0 ? Redaction.Show(text) : Redaction.Show(item);

    private static bool IsWithin(string path, string folder) =>
        (path + Path.DirectorySeparatorChar).StartsWith(folder.TrimEnd(Path.DirectorySeparatorChar) + Path.DirectorySeparatorChar, StringComparison.Ordinal);
}
