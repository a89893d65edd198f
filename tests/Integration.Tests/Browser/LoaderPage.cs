using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>What a site without a consent client has on its page.</summary>
internal sealed record LoaderSite
{
    /// <summary>Elements of the head before the tag.</summary>
    public string Head { get; init; } = "";

    /// <summary>How the loader comes to the page.</summary>
    public string Tag { get; init; } = $"""<script src="{LoaderPage.TagsUrl}"></script>""";

    /// <summary>Elements at the beginning of the body.</summary>
    public string Markup { get; init; } = "";

    /// <summary>The site's content security policy, if it has one.</summary>
    public string? Policy { get; init; }

    /// <summary>JavaScript that runs before everything else, in every page and tab.</summary>
    public string Before { get; init; } = "";

    /// <summary>The page of the site, in each of its URLs.</summary>
    public string Html()
    {
        var policy = Policy is { } content ? $"<meta http-equiv=\"Content-Security-Policy\" content=\"{content}\">" : "";
        return $"<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">{policy}<title>A site</title>{Head}{Tag}</head><body>{Markup}<main><h1>A site</h1></main></body></html>";
    }
}

/// <summary>A page that has the loader. Each external script of the list notes its name, the first label of its host, when it runs: <c>https://m.example/x.js</c> is <c>m</c>.</summary>
internal sealed class LoaderPage : IAsyncDisposable
{
    public const string TagsUrl = "https://edge.example/v1/acme/production/tags.js";
    public const string ListUrl = "https://edge.example/v1/acme/production/scripts.json";
    public const string LoaderUrl = "https://edge.example/v1/loader.js";

    private const string Running =
        "(window.ran ||= []).push(Object.getOwnPropertyDescriptor(Document.prototype, 'currentScript').get.call(document).src.split('/')[2].split('.')[0])";

    /// <summary>Lets a test say that time has passed.</summary>
    private const string Clock = "{ const now = Date.now; window.later = 0; Date.now = () => now.call(Date) + later; }";

    private readonly ConcurrentQueue<string> _warnings = new();

    private LoaderPage(OfflineSite site) => Site = site;

    public OfflineSite Site { get; }

    /// <summary>What the loader has warned of.</summary>
    public IReadOnlyCollection<string> Warnings => _warnings;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Version 1 of a list with these scripts, which erases nothing and reloads for nobody.</summary>
    public static JsonObject List(params JsonObject[] scripts) => List(1, scripts);

    public static JsonObject List(int version, params JsonObject[] scripts) => new()
    {
        ["scripts"] = new JsonArray([.. scripts]),
        ["erase"] = new JsonArray(),
        ["metadata"] = new JsonObject
        {
            ["organization"] = "acme",
            ["environment"] = "production",
            ["version"] = version,
            ["generatedAt"] = WireTime.Format(DateTimeOffset.UnixEpoch.AddHours(version)),
            ["reloadOnRevocation"] = new JsonArray(),
        },
    };

    /// <summary>An external script with this condition, as JSON; further properties as the inside of a JSON object.</summary>
    public static JsonObject Script(string name, string category = "\"measurement\"", string more = "") =>
        JsonNode.Parse($$"""{"id":"{{name}}","category":{{category}},"src":"https://{{name}}.example/x.js"{{(more.Length > 0 ? "," + more : "")}}}""")!.AsObject();

    /// <summary>The list of these destinations as it is published.</summary>
    public static Manifest Manifest(IEnumerable<OpenedDestination> rows, int version = 1)
    {
        var generated = new SnapshotGenerator(DestinationCatalogue.BuiltIn).Generate(new Scope(OrganizationId.Parse("acme"), DeploymentEnvironment.Production), rows);
        Assert.Empty(generated.Problems);
        var at = DateTimeOffset.UnixEpoch.AddHours(version);
        var envelope = new ManifestEnvelope
        {
            Scope = generated.Scope,
            Version = version,
            GeneratedAt = at,
            PublicationId = Guid.NewGuid(),
            Generator = "test",
            SourceEpoch = 1,
            SourceRevision = version,
            Fingerprint = generated.Content.Fingerprint,
        };
        ImmutableArray<Snapshot> snapshots = [.. generated.Content.Lists.Select(list => new Snapshot(generated.Content.SnapshotBytes(list)))];
        return Generator.Formats.Manifest.Create(envelope, generated.Content, snapshots, [.. Enumerable.Repeat(new CombinationSince(version, at), ConsentSet.Count)]);
    }

    /// <summary>Loader and list in one file, as they are published.</summary>
    public static string Tags(JsonNode list) => $"/* acme/production */\n{LoaderText}\n(JSON.parse({JsonSerializer.Serialize(list.ToJsonString())}));\n";

    public static string LoaderText => Encoding.UTF8.GetString(Loader.Bytes.Span);

    /// <summary>Opens a page whose <c>tags.js</c> has this list, and waits until what it loads has run.</summary>
    public static async Task<LoaderPage> OpenAsync(ChromiumFixture chromium, JsonNode list, LoaderSite? site = null, Action<OfflineSite>? prepare = null)
    {
        site ??= new LoaderSite();
        LoaderPage? page = null;
        var opened = await chromium.OpenAsync(site.Html(), async offline =>
        {
            page = new LoaderPage(offline);
            offline.Page.Console += (_, message) =>
            {
                if (message.Type == "warning" && message.Text.StartsWith("consent-snapshots", StringComparison.Ordinal)) page._warnings.Enqueue(message.Text);
            };
            offline.ServeEveryOtherScript(Running);
            offline.Serve(LoaderUrl, LoaderText);
            page.Publish(list);
            await offline.Page.Context.AddInitScriptAsync(Clock + site.Before);
            prepare?.Invoke(offline);
        }, Cancel);
        await opened.SettleAsync(Cancel);
        return page!;
    }

    /// <summary>Answers with this list from now on.</summary>
    public void Publish(JsonNode list)
    {
        Site.Serve(TagsUrl, Tags(list));
        Site.Serve(ListUrl, list.ToJsonString(), "application/json");
    }

    /// <summary>The page says this about the visitor's consent.</summary>
    public async Task SayAsync(string statement)
    {
        await RunAsync($"consentSnapshots.push({statement})");
    }

    /// <summary>The same, where the loader then reloads the page.</summary>
    public async Task SayAndReloadAsync(string statement)
    {
        await Site.Page.EvaluateAsync($"() => {{ window.left = true; consentSnapshots.push({statement}) }}").WaitAsync(Cancel);
        await Site.Page.WaitForFunctionAsync("() => !window.left && document.readyState === 'complete'").WaitAsync(Cancel);
        await Site.SettleAsync(Cancel);
    }

    /// <summary>Runs code in the page, and waits until what follows from it has happened.</summary>
    public async Task RunAsync(string code)
    {
        await Site.Page.EvaluateAsync($"async () => {{ {code} }}").WaitAsync(Cancel);
        await Site.SettleAsync(Cancel);
    }

    public Task<T> ValueAsync<T>(string expression) => Site.Page.EvaluateAsync<T>($"() => {expression}").WaitAsync(Cancel);

    /// <summary>The external scripts that ran on this page, in alphabetical order, each as often as it ran.</summary>
    public async Task<string[]> RanAsync() => [.. (await ValueAsync<string[]>("window.ran || []")).Order(StringComparer.Ordinal)];

    /// <summary>The scripts that the loader says are loaded, in alphabetical order.</summary>
    public async Task<string[]> LoadedAsync() => [.. (await ValueAsync<string[]>("consentSnapshots.loaded")).Order(StringComparer.Ordinal)];

    /// <summary>Nothing was thrown into the site's code.</summary>
    public void AssertUndisturbed() => Assert.Empty(Site.Errors);

    public ValueTask DisposeAsync() => Site.DisposeAsync();
}
