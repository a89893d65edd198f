using System.Text.Json;
using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>How a page moves from one consent set to another without reload.</summary>
public enum WalkStyle
{
    /// <summary>As the c15t client does by itself: the new consent acts on the scripts it has, later <c>setScripts</c> adds the new snapshot to them.</summary>
    ConsentThenSnapshot,

    /// <summary>The new snapshot is added in the same pass as the new consent.</summary>
    AtOnce,
}

/// <summary>A page that the real c15t client takes through consent sets with what the generator made for them.</summary>
internal sealed class ConsentWalk : IAsyncDisposable
{
    // The client's store: it keeps every script it was ever given, and names elements anew with each setScripts unless a script forbids it.
    private const string Driver =
        """
        window.walk = (() => {
          let list = [], ids = {};
          const all = ['necessary', 'functionality', 'experience', 'measurement', 'marketing'];
          const turn = () => new Promise(resolve => setTimeout(resolve, 0));
          const answered = new WeakSet();
          for (const event of ['load', 'error']) document.addEventListener(event, ({ target }) => answered.add(target), true);
          const libraries = async () => { while ([...document.scripts].some(script => script.src && !answered.has(script))) await turn(); };
          return {
            consents: granted => Object.fromEntries(all.map(c => [c, c === 'necessary' || granted.includes(c)])),
            setScripts(scripts, consents) {
              for (const script of scripts) if (script.anonymizeId !== false) ids[script.id] = 'e' + Math.random().toString(36).slice(2);
              list = [...list, ...scripts];
              c15t.updateScripts(list, consents, ids);
            },
            async go(snapshot, granted, atOnce, hasty, look) {
              const consents = this.consents(granted);
              if (!atOnce) { c15t.updateScripts(list, consents, ids); await turn(); }
              this.setScripts(snapshot, consents);
              await turn();
              if (!hasty) await libraries();
              return look();
            },
          };
        })();
        """;

    private readonly JsonArray _snapshots;

    private ConsentWalk(OfflineSite site, JsonArray snapshots)
    {
        Site = site;
        _snapshots = snapshots;
    }

    public OfflineSite Site { get; }

    /// <summary>Opens a page for the scope of these rows.</summary>
    public static async Task<ConsentWalk> OpenAsync(
        ChromiumFixture chromium, IEnumerable<OpenedDestination> rows, IReadOnlyDictionary<string, string> vendors, CancellationToken cancellationToken)
    {
        var site = await chromium.OpenAsync("<!doctype html><title>A site</title><h1>A site</h1>", cancellationToken);
        foreach (var (url, body) in vendors) site.Serve(url, body);
        await site.AddC15tAsync(cancellationToken);
        await site.Page.EvaluateAsync(Driver).WaitAsync(cancellationToken);
        return new ConsentWalk(site, Snapshots(rows));
    }

    /// <summary>The script lists of the sixteen consent sets.</summary>
    public static JsonArray Snapshots(IEnumerable<OpenedDestination> rows)
    {
        var scope = new Scope(OrganizationId.Parse("acme"), DeploymentEnvironment.Production);
        var generated = new SnapshotGenerator(DestinationCatalogue.BuiltIn).Generate(scope, rows);
        Assert.Empty(generated.Problems);
        return [.. ConsentSet.All.Select(set => JsonNode.Parse(generated[set].Bytes.Span)!["scripts"]!.DeepClone())];
    }

    /// <summary>
    /// Takes the page through the sets; gives what the JavaScript expression <paramref name="look"/> is after each. Vendors' libraries arrive before the next step, unless the
    /// visitor is <paramref name="hasty"/>.
    /// </summary>
    public async Task<JsonArray> GoAsync(IEnumerable<(ConsentSet Set, WalkStyle Style)> steps, string look, CancellationToken cancellationToken, bool hasty = false)
    {
        var route = new JsonArray([.. steps.Select(step => (JsonNode)new JsonObject
        {
            ["index"] = step.Set.Index,
            ["granted"] = new JsonArray([.. step.Set.Optional.Select(category => (JsonNode)category.Name())]),
            ["atOnce"] = step.Style == WalkStyle.AtOnce,
        })]);
        // As text: Playwright marks objects that it hands over as such.
        var seen = await Site.Page.EvaluateAsync<string>(
            $$"""
            async text => {
              const { route, snapshots } = JSON.parse(text), seen = [];
              for (const step of route) seen.push(await walk.go(snapshots[step.index], step.granted, step.atOnce, {{(hasty ? "true" : "false")}}, () => {{look}}));
              return JSON.stringify(seen);
            }
            """,
            new JsonObject { ["route"] = route, ["snapshots"] = _snapshots.DeepClone() }.ToJsonString()).WaitAsync(cancellationToken);
        Assert.Empty(Site.Errors);
        return JsonNode.Parse(seen)!.AsArray();
    }

    public Task<JsonArray> GoAsync(ConsentSet set, WalkStyle style, string look, CancellationToken cancellationToken) =>
        GoAsync([(set, style)], look, cancellationToken);

    /// <summary>A row as it would stand in the source, in the clear.</summary>
    public static OpenedDestination Row(string type, string settings, int place = 1, params string[] required) => new(
        new Destination
        {
            Id = new Guid(place, 0x5eed, 0x4000, [0x80, 0, 0, 0, 0, 0, 0, (byte)place]),
            Type = type,
            RequiredConsent = [.. required],
            CreatedAt = DateTimeOffset.UnixEpoch.AddMinutes(place),
        },
        JsonElement.Parse(settings));

    /// <summary>A random route; the same seed gives the same route.</summary>
    public static List<(ConsentSet Set, WalkStyle Style)> Route(int seed, int length)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, length).Select(_ => (ConsentSet.FromIndex(random.Next(ConsentSet.Count)), (WalkStyle)random.Next(2)))];
    }

    public ValueTask DisposeAsync() => Site.DisposeAsync();
}
