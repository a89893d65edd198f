using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Integration.Tests.Browser.Recipes;

/// <summary>A version of a scope, as a page can ask for it: the gated list, and the answer for each consent set.</summary>
internal sealed class WalkedScope
{
    private static readonly Scope s_scope = new(OrganizationId.Parse("acme"), DeploymentEnvironment.Production);

    private readonly IReadOnlyList<Destination> _destinations;
    private readonly Manifest _manifest;

    public WalkedScope(int version, params Destination[] destinations)
    {
        _destinations = destinations;
        _manifest = Generate(version, destinations.Select((destination, place) => destination.Row(place + 1)));
        List = JsonNode.Parse(_manifest.ListBytes())!.AsObject();
    }

    /// <summary>What the walks' scope has at first: destinations under each category, some of whose vendors are told consent and some not.</summary>
    public static WalkedScope First { get; } = new(1, s_first);

    /// <summary>The next version: Meta's destination was removed, and Hotjar's is new.</summary>
    public static WalkedScope Second { get; } = new(2, [.. s_first.Where(destination => destination.Type != "meta-pixel"), new("hotjar", "measurement")]);

    private static Destination[] s_first =>
    [
        new("plausible-analytics", "necessary"), new("intercom", "functionality"), new("google-analytics", "measurement"), new("posthog", "measurement"),
        new("segment", "experience", "measurement"), new("meta-pixel", "marketing"), new("x-pixel", "marketing"),
    ];

    /// <summary>The gated list.</summary>
    public JsonObject List { get; }

    /// <summary>The destinations as they stand in the file of a site that has no database.</summary>
    public string Entries => new JsonArray([.. _destinations.Select(destination => (JsonNode)new JsonObject
    {
        ["type"] = destination.Type,
        ["settings"] = JsonNode.Parse(Vendor.Of(destination.Type).Settings),
        ["requiredConsent"] = new JsonArray([.. destination.Required.Select(category => (JsonNode)category)]),
    })]).ToJsonString();

    /// <summary>The answer for a consent.</summary>
    public string Answer(ConsentSet consent) => System.Text.Encoding.UTF8.GetString(_manifest.AnswerBytes(consent));

    /// <summary>The vendors that a visitor with this consent may load, by type.</summary>
    public IReadOnlyList<string> Permitted(IReadOnlyCollection<string> granted) =>
        [.. _destinations.Where(destination => destination.Required.All(category => category == "necessary" || granted.Contains(category))).Select(destination => destination.Type)];

    /// <summary>What the lists of these versions need of a page's policy, beside the site's own sources.</summary>
    public static string Policy(string scripts, params WalkedScope[] versions)
    {
        var sources = new SortedDictionary<string, List<string>>(StringComparer.Ordinal) { ["script-src"] = [scripts], ["connect-src"] = ["'self'", "https://edge.example", "https://your-instance.c15t.dev"], ["style-src"] = ["'self'"] };
        foreach (var (directive, list) in versions.SelectMany(version => version.List["metadata"]!["csp"]!.AsObject()))
        {
            if (!sources.TryGetValue(directive, out var known)) sources.Add(directive, known = []);
            known.AddRange(list!.AsArray().Select(source => (string)source!).Except(known));
        }
        return "default-src 'none'; base-uri 'none'; " + string.Join("; ", sources.Select(directive => $"{directive.Key} {string.Join(' ', directive.Value)}"));
    }

    /// <summary>A scope as the publication of a version writes it.</summary>
    public static Manifest Generate(int version, IEnumerable<OpenedDestination> rows)
    {
        var generated = new SnapshotGenerator(DestinationCatalogue.BuiltIn).Generate(s_scope, rows);
        Assert.Empty(generated.Problems);
        var at = new DateTimeOffset(2026, 3, 1, 10, version, 0, TimeSpan.Zero);
        var envelope = new ManifestEnvelope
        {
            Scope = s_scope,
            Version = version,
            GeneratedAt = at,
            PublicationId = new Guid(version, 1, 1, new byte[8]),
            Previous = version == 1 ? null : new string('0', 64),
            Generator = "test",
            SourceEpoch = 1,
            SourceRevision = version,
            Fingerprint = generated.Content.Fingerprint,
        };
        return Manifest.Create(envelope, generated.Content, [.. generated.Content.Lists.Select(list => new Snapshot(generated.Content.SnapshotBytes(list)))],
            [.. Enumerable.Repeat(new CombinationSince(version, at), ConsentSet.Count)]);
    }

    /// <summary>A destination of a vendor whose library has a stand-in.</summary>
    internal sealed record Destination(string Type, params string[] Required)
    {
        public OpenedDestination Row(int place) => Vendor.Of(Type).Row(place, Required);
    }
}
