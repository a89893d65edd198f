using System.Buffers;
using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Acornima;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Generator.Tests.Fuzz;

/// <summary>
/// What must hold of whatever is generated, whatever the settings: what a case is made of is either refused by name, or can do nothing on a page but
/// what the type does. Every case is checked whole; only parsing the JavaScript and running it is left to distinct texts and a sample.
/// </summary>
internal sealed partial class HostileChecks
{
    private static readonly IReadOnlySet<string> Keys = FrozenSet.Create(StringComparer.Ordinal,
        "id", "category", "src", "textContent", "async", "defer", "fetchPriority", "attributes", "target", "persistAfterConsentRevoked", "anonymizeId");

    /// <summary>Hosts beyond those of the least settings that a type chooses by itself: PostHog's regions, Matomo's cloud.</summary>
    private static readonly FrozenDictionary<string, string[]> FurtherHosts = new Dictionary<string, string[]>
    {
        ["matomo-analytics"] = ["cdn.matomo.cloud"],
        ["posthog"] = ["us-assets.i.posthog.com", "eu-assets.i.posthog.com"],
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<string, TypeFacts> Facts =
        DestinationCatalogue.BuiltIn.Types.ToFrozenDictionary(type => type.Name, type => new TypeFacts(type));

    private static readonly SearchValues<char> Markup = SearchValues.Create("<>&'\u2028\u2029");

    private readonly ConcurrentDictionary<string, bool> _parsed = new(StringComparer.Ordinal);
    private int _cases;
    private int _accepted;

    public int Cases => _cases;

    public int Accepted => _accepted;

    public int InlineTexts => _parsed.Count;

    /// <summary>The inline scripts of accepted cases with a configuration not seen before, one in so many, to be run in a JavaScript engine.</summary>
    public ConcurrentDictionary<string, (string Type, ImmutableArray<(string Text, string Config)> Scripts)> ToRun { get; } = new(StringComparer.Ordinal);

    public void Check(HostileCase hostile)
    {
        Interlocked.Increment(ref _cases);
        var rows = hostile.Rows;
        var generated = Samples.Generate(rows);
        foreach (var problem in generated.Problems) CheckProblem(problem, hostile);
        if (generated.Problems.Any(problem => problem.DestinationId == rows[0].Row.Id)) return;
        Interlocked.Increment(ref _accepted);
        foreach (var snapshot in generated.Snapshots) CheckSnapshot(snapshot, hostile);
        Assert.Empty(ConsentProof.Violations(
            ManifestOf(generated), generated.Snapshots.ToDictionary(snapshot => snapshot.Hash.ToString(), snapshot => snapshot.Bytes, StringComparer.Ordinal),
            rows.Select(row => row.Row), generated.Owners, DestinationCatalogue.BuiltIn));
        foreach (var set in ConsentSet.All)
            foreach (var less in ConsentSet.All)
                if (set.IsSupersetOf(less)) Assert.True(generated[set].ScriptCount >= generated[less].ScriptCount);
        Remember(generated[ConsentSet.Everything], hostile);
    }

    private static void CheckProblem(DestinationProblem problem, HostileCase hostile)
    {
        Assert.DoesNotContain(Hostile.Mark, problem.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Hostile.Mark, problem.Field ?? "", StringComparison.Ordinal);
        Assert.True(problem.Message.Length < 500);
        if (problem.Field is null)
        {
            Assert.StartsWith("The settings ", problem.Message, StringComparison.Ordinal);
            return;
        }
        Assert.Contains(problem.Field, Facts[hostile.Type].Fields);
        Assert.Contains($"'{problem.Field}", problem.Message, StringComparison.Ordinal);
    }

    private void CheckSnapshot(Snapshot snapshot, HostileCase hostile)
    {
        // A strict decoder: bytes that are no UTF-8 would throw.
        var text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(snapshot.Bytes.Span);
        using var document = JsonDocument.Parse(text);
        var ids = new HashSet<string>(StringComparer.Ordinal);
        foreach (var script in document.RootElement.GetProperty("scripts").EnumerateArray())
        {
            foreach (var member in script.EnumerateObject()) Assert.Contains(member.Name, Keys);
            var id = script.GetProperty("id").GetString()!;
            Assert.True(ids.Add(id));
            Assert.Matches(ScriptId(), id);
            var hasSource = script.TryGetProperty("src", out var source);
            Assert.NotEqual(hasSource, script.TryGetProperty("textContent", out var content));
            if (hasSource) CheckSource(source.GetString()!, hostile);
            else CheckText(content.GetString()!, hostile);
            if (script.TryGetProperty("attributes", out var attributes)) CheckAttributes(attributes, hostile);
        }
        Assert.Equal(snapshot.ScriptCount, ids.Count);
    }

    private static void CheckSource(string source, HostileCase hostile)
    {
        Assert.StartsWith("https://", source, StringComparison.Ordinal);
        Assert.DoesNotMatch(NotInUrl(), source);
        var authority = source["https://".Length..].Split('/', '?', '#')[0];
        Assert.DoesNotContain('@', authority);
        Assert.NotEmpty(authority);
        // What a second reading makes of it is the same, and on a host the type or its owner chose.
        var url = new Uri(source);
        Assert.Equal(source, url.AbsoluteUri);
        Assert.Empty(url.UserInfo);
        var facts = Facts[hostile.Type];
        if (!facts.Hosts.Contains(url.Host)) Assert.Contains(url.Host, facts.OwnHosts(hostile.Rows));
    }

    private void CheckText(string text, HostileCase hostile)
    {
        if (hostile.Type == "script") return;
        Assert.Contains(text, Facts[hostile.Type].InlineTexts);
        if (_parsed.TryAdd(text, true)) new Parser(new ParserOptions { EcmaVersion = EcmaVersion.ES2015 }).ParseScript(text);
    }

    private static void CheckAttributes(JsonElement attributes, HostileCase hostile)
    {
        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var attribute in attributes.EnumerateObject())
        {
            Assert.Matches(AttributeName(), attribute.Name);
            Assert.True(names.Add(attribute.Name));
            Assert.False(attribute.Name is "src" or "id" or "style" or "nonce" or "async" or "defer" || attribute.Name.StartsWith("on", StringComparison.Ordinal));
            var value = attribute.Value.GetString()!;
            if (attribute.Name != "data-config" || hostile.Type == "script") continue;
            using var config = JsonDocument.Parse(value);
            // Written into HTML by hand it would open nothing either.
            Assert.True(value.AsSpan().IndexOfAny(Markup) < 0);
        }
    }

    private void Remember(Snapshot snapshot, HostileCase hostile)
    {
        if (hostile.Type == "script" || _accepted % 4 != 0) return;
        using var document = JsonDocument.Parse(snapshot.Bytes);
        var scripts = document.RootElement.GetProperty("scripts").EnumerateArray()
            .Where(script => script.TryGetProperty("textContent", out _))
            .Select(script => (script.GetProperty("textContent").GetString()!, ConfigOf(script)))
            .ToImmutableArray();
        if (!scripts.IsEmpty) ToRun.TryAdd(string.Join('\n', scripts.Select(script => script.Item2)), (hostile.Type, scripts));
    }

    private static string ConfigOf(JsonElement script) =>
        script.TryGetProperty("attributes", out var attributes) && attributes.TryGetProperty("data-config", out var config) ? config.GetString()! : "null";

    private static Manifest ManifestOf(GeneratedScope generated) => new()
    {
        Schema = Manifest.CurrentSchema,
        Organization = "acme",
        Environment = "production",
        Version = 1,
        GeneratedAt = DateTimeOffset.UnixEpoch,
        PublicationId = Guid.Empty,
        Generator = "test",
        SourceEpoch = 1,
        SourceRevision = 1,
        RequiredCategories = [],
        Categories = [],
        Combinations = [.. generated.Combinations.Select(index =>
            new Combination(generated.Snapshots[index].Hash.ToString(), new CombinationSince(1, DateTimeOffset.UnixEpoch)))],
        Snapshots = ImmutableSortedDictionary<string, SnapshotEntry>.Empty,
    };

    private sealed class TypeFacts
    {
        private readonly ImmutableArray<string> _urlFields;

        public TypeFacts(DestinationType type)
        {
            Fields = type.Fields.AddRange(DestinationType.CommonFields).Select(field => field.Name).ToFrozenSet(StringComparer.Ordinal);
            InlineTexts = type.InlineScripts.Select(script => script.Text).ToFrozenSet(StringComparer.Ordinal);
            _urlFields = [.. type.Fields.Where(field => field.Kind == SettingKind.HttpsUrl).SelectMany(field => field.OlderNames.Prepend(field.Name))];
            Hosts = type.Name == "script" ? [] : Samples.Generate(Samples.Least(type.Name)).Scripts(ConsentSet.Everything)
                .Where(script => script!["src"] is not null).Select(script => new Uri((string)script!["src"]!).Host)
                .Concat(FurtherHosts.GetValueOrDefault(type.Name, [])).ToFrozenSet(StringComparer.Ordinal);
        }

        public IReadOnlySet<string> Fields { get; }

        public IReadOnlySet<string> InlineTexts { get; }

        public FrozenSet<string> Hosts { get; }

        /// <summary>The hosts that the rows' own URL settings name.</summary>
        public IEnumerable<string> OwnHosts(IEnumerable<OpenedDestination> rows) =>
            from row in rows
            from member in row.Settings.EnumerateObject()
            where _urlFields.Contains(Name(member)) && member.Value.ValueKind == JsonValueKind.String
            select Uri.TryCreate(Text(member.Value), UriKind.Absolute, out var url) ? url.Host : "";

        private static string Name(JsonProperty member)
        {
            try
            {
                return member.Name;
            }
            catch (InvalidOperationException)
            {
                return ""; // a lone surrogate
            }
        }

        private static string Text(JsonElement value)
        {
            try
            {
                return value.GetString()!;
            }
            catch (InvalidOperationException)
            {
                return "";
            }
        }
    }

    [GeneratedRegex(@"\A[a-z][a-z0-9:-]{0,80}\z")]
    private static partial Regex ScriptId();

    [GeneratedRegex(@"\A[a-z][a-z0-9._-]{0,80}\z")]
    private static partial Regex AttributeName();

    [GeneratedRegex(@"[\x00-\x20""<>\\^`{}|\x7F\u2028\u2029]")]
    private static partial Regex NotInUrl();
}
