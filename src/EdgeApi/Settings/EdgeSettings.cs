using System.Collections.Frozen;
using System.Collections.Immutable;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.EdgeApi.Settings;

/// <summary>Reads the settings under <c>Edge</c>, and checks them one by one and together. Every problem is reported, not only the first.</summary>
internal static class EdgeSettings
{
    /// <exception cref="InvalidOptionsException">Some cannot be used; it has all of them.</exception>
    public static EdgeOptions Read(SettingReader settings)
    {
        var options = TryRead(settings);
        return settings.Problems.IsEmpty ? options : throw new InvalidOptionsException(settings.Problems);
    }

    /// <summary>The settings as they stand; what is wrong with them is at the reader.</summary>
    public static EdgeOptions TryRead(SettingReader settings)
    {
        settings.CheckTelemetry();
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
            CacheDirectory = settings.Text("Edge:CacheDirectory", "the path of a folder") is { } directory ? Path.GetFullPath(directory) : null,
            CacheDirectoryBytes = settings.Number("Edge:CacheDirectoryBytes", 1L << 30, 1L << 20, 1L << 44),
            SharedQueryCache = settings.OneOf("Edge:SharedQueryCache", false, ("true", true), ("false", false)),
            RetryAfter = settings.Duration("Edge:RetryAfter", TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(1), TimeSpan.FromHours(1)),
            Organization = ReadOrganization(settings),
            Environment = ReadEnvironment(settings),
            Scopes = ReadScopes(settings, "Edge:Scopes"),
            Preload = ReadPreload(settings),
            Origins = ReadOrigins(settings),
            MetricsUrl = ReadMetricsUrl(settings),
        };
        CheckTogether(options, settings);
        settings.RefuseUnknown("Edge");
        return options;
    }

    /// <summary>What settings must not be together.</summary>
    private static void CheckTogether(EdgeOptions options, SettingReader settings)
    {
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
        if (options.Preload?.Scopes is { } preload && preload.Where(scope => !options.Answers(scope)).Order().ToList() is { Count: > 0 } others)
            settings.Fail($"Edge:Preload must be among Edge:Scopes; {others[0]} is not, so nobody could ask for it.");
        // An organization of this name has to be told from every scope.
        if (options.Preload?.Scopes is { Count: > 0 } && settings.Text("Edge:Preload")!.Split(',', StringSplitOptions.TrimEntries).Contains("all"))
            settings.Fail("Edge:Preload has 'all' beside others: write all alone for every scope, or all/production, all/staging and all/development for an organization that is named all.");
    }

    private static OrganizationId? ReadOrganization(SettingReader settings)
    {
        if (settings.Text("Edge:Organization", "the id of an organization") is not { } text) return null;
        if (OrganizationId.TryParse(text, out var id)) return id;
        settings.Fail($"Edge:Organization is not an organization id. {OrganizationId.Rule}");
        return null;
    }

    private static DeploymentEnvironment? ReadEnvironment(SettingReader settings)
    {
        if (settings.Text("Edge:Environment", "development, staging or production") is not { } text) return null;
        if (DeploymentEnvironments.TryParse(text, out var environment)) return environment;
        settings.Fail($"Edge:Environment must be development, staging or production; it is {Redaction.Show(text)}.");
        return null;
    }

    /// <summary>All scopes, or some. An organization that is named "all" is written with its environments.</summary>
    private static EdgePreload? ReadPreload(SettingReader settings)
    {
        if (string.Equals(settings.Text("Edge:Preload", "all, or scopes, separated by commas"), "all", StringComparison.Ordinal)) return new EdgePreload(null);
        return ReadScopes(settings, "Edge:Preload") is { } scopes ? new EdgePreload(scopes) : null;
    }

    private static string? ReadMetricsUrl(SettingReader settings)
    {
        const string Form = "an http URL with a host and a port and nothing else, such as http://127.0.0.1:9465 or http://*:9465, or off";
        if (settings.Text("Edge:MetricsUrl", Form) is not { } text || string.Equals(text, "off", StringComparison.OrdinalIgnoreCase)) return null;
        if (ListenUrl.IsValid(text)) return text;
        settings.Fail($"Edge:MetricsUrl must be {Form}; it is {Redaction.ShowAddress(text)}.");
        return null;
    }

    private static FrozenSet<Scope>? ReadScopes(SettingReader settings, string key)
    {
        if (settings.List(key, "scope") is not { } items) return null;
        var scopes = new HashSet<Scope>();
        foreach (var item in items)
        {
            if (OrganizationId.TryParse(item, out var organization)) scopes.UnionWith(Scope.Of(organization));
            else if (item.Split('/') is [var name, var environment] && Scope.TryParse(name, environment, out var scope)) scopes.Add(scope);
            else settings.Fail($"{key} has {ShowItem(settings, key, item)}; {ScopeAdvice(item)}.");
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
