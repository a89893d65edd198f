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
using ConsentSnapshots.Generator.Scripts;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Generator.Tests.Fuzz;

/// <summary>
/// What must hold of whatever is generated, whatever the settings: what a case is made of is either refused by name, or can do nothing on a page but
/// what the type does. Every case is checked whole; only parsing the JavaScript and running it is left to distinct texts and a sample.
/// </summary>
internal sealed partial class HostileChecks
{
    private const string CustomScript = "script";
    private const string Self = "'self'";
    private const string Path = "/";

    private static readonly IReadOnlySet<string> Keys = FrozenSet.Create(StringComparer.Ordinal,
        "id", "category", "vendor", "src", "textContent", "async", "defer", "fetchPriority", "attributes", "target", "persistAfterConsentRevoked", "anonymizeId");

    /// <summary>Hosts beyond those of the least settings that a type chooses by itself: its vendor's regions and clouds.</summary>
    private static readonly FrozenDictionary<string, string[]> FurtherHosts = new Dictionary<string, string[]>
    {
        ["fullstory"] = ["edge.eu1.fullstory.com"],
        ["heap"] = ["cdn.eu.heap-api.com"],
        ["hubspot"] = ["js-eu1.hs-scripts.com", "js-na2.hs-scripts.com", "js-na3.hs-scripts.com", "js-ap1.hs-scripts.com"],
        ["matomo-analytics"] = ["cdn.matomo.cloud"],
        ["matomo-tag-manager"] = ["cdn.matomo.cloud"],
        ["posthog"] = ["us-assets.i.posthog.com", "eu-assets.i.posthog.com"],
        ["vercel-analytics"] = ["va.vercel-scripts.com"],
        ["vercel-speed-insights"] = ["va.vercel-scripts.com"],
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<string, TypeFacts> Facts =
        DestinationCatalogue.BuiltIn.Types.ToFrozenDictionary(type => type.Name, type => new TypeFacts(type));

    private static readonly SearchValues<char> Markup = SearchValues.Create("<>&'\u2028\u2029");

    private readonly ConcurrentDictionary<string, bool> _parsed = new(StringComparer.Ordinal);
    private int _cases;
    private int _accepted;
    private int _ownTexts;

    /// <summary>How many scopes were generated.</summary>
    public int Cases => _cases;

    /// <summary>In how many of them no hostile destination was refused.</summary>
    public int Accepted => _accepted;

    public int InlineTexts => _parsed.Count;

    /// <summary>How many texts that an organization wrote itself were found unchanged in a snapshot.</summary>
    public int OwnTexts => _ownTexts;

    /// <summary>The inline scripts of accepted cases with a configuration not seen before, one in so many, to be run in a JavaScript engine.</summary>
    public ConcurrentDictionary<string, (ImmutableHashSet<string> Types, ImmutableArray<InlineElement> Scripts)> ToRun { get; } = new(StringComparer.Ordinal);

    public void Check(HostileScope hostile)
    {
        Interlocked.Increment(ref _cases);
        var generated = Samples.Generate(hostile.Rows);
        foreach (var problem in generated.Problems) CheckProblem(problem);
        var refused = generated.LeftOut;
        if (hostile.Rows.All(row => refused.Contains(row.Row.Id))) return;
        var accepted = refused.Count == 0 ? Interlocked.Increment(ref _accepted) : 0;
        var rows = hostile.Rows.Select((row, index) => new PlacedRow(index, row, Facts[row.Row.Type])).ToDictionary(row => row.Opened.Row.Id);
        var owners = generated.Owners;
        foreach (var snapshot in generated.Snapshots) CheckSnapshot(snapshot, owners, rows);
        Assert.Empty(generated.ConsentViolations(hostile.Rows));
        foreach (var set in ConsentSet.All)
            foreach (var less in ConsentSet.All)
                if (set.IsSupersetOf(less)) Assert.True(generated[set].ScriptCount >= generated[less].ScriptCount);
        if (hostile.Destinations.Length > 1) CheckTogether(generated, hostile);
        if (accepted % 4 == 1) Remember(generated, hostile);
    }

    /// <summary>What holds of a scope as a whole: its bytes depend on nothing but its rows, and an own script is no other destination's business.</summary>
    private static void CheckTogether(GeneratedScope generated, HostileScope hostile)
    {
        var again = Samples.Generate(hostile.Rows.Reverse());
        Assert.Equal(generated.Combinations, again.Combinations);
        Assert.Equal(generated.Snapshots.Select(snapshot => snapshot.Hash), again.Snapshots.Select(snapshot => snapshot.Hash));
        if (!hostile.Rows.Any(row => row.Row.Type == CustomScript)) return;
        var without = Samples.Generate(hostile.Rows.Where(row => row.Row.Type != CustomScript));
        foreach (var set in ConsentSet.All)
            Assert.Equal(without.Scripts(set).Select(script => script!.ToJsonString()),
                generated.Scripts(set).Where(script => !IsOwn((string)script!["id"]!)).Select(script => script!.ToJsonString()));
    }

    private static bool IsOwn(string id) => id == CustomScript || id.StartsWith(CustomScript + ":", StringComparison.Ordinal);

    private static void CheckProblem(DestinationProblem problem)
    {
        if (!problem.LeavesOut)
        {
            Assert.Equal(DestinationProblemKind.UnreadSetting, problem.Kind);
            Assert.StartsWith($"Nothing reads the setting '{problem.Field}'", problem.Message, StringComparison.Ordinal);
            return;
        }
        Assert.Equal(DestinationProblemKind.InvalidSettings, problem.Kind);
        Assert.DoesNotContain(Hostile.Mark, problem.Message, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(Hostile.Mark, problem.Field ?? "", StringComparison.OrdinalIgnoreCase);
        Assert.True(problem.Message.Length < 500);
        if (problem.Field is null)
        {
            Assert.StartsWith("The settings ", problem.Message, StringComparison.Ordinal);
            return;
        }
        Assert.Contains(problem.Field, Facts[problem.Type].Fields);
        Assert.Contains($"'{problem.Field}", problem.Message, StringComparison.Ordinal);
    }

    private void CheckSnapshot(Snapshot snapshot, Dictionary<string, ImmutableArray<Guid>> allOwners, Dictionary<Guid, PlacedRow> rows)
    {
        // A strict decoder: bytes that are no UTF-8 would throw.
        var text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(snapshot.Bytes.Span);
        using var document = JsonDocument.Parse(text);
        Assert.Equal(["scripts", "metadata"], document.RootElement.EnumerateObject().Select(member => member.Name));
        var ids = new HashSet<string>(StringComparer.Ordinal);
        var (origins, hashes) = (new HashSet<string>(StringComparer.Ordinal), new HashSet<string>(StringComparer.Ordinal));
        var (last, inBody) = (0, false);
        var keys = new HashSet<string>(StringComparer.Ordinal);
        foreach (var script in document.RootElement.GetProperty("scripts").EnumerateArray())
        {
            foreach (var member in script.EnumerateObject()) Assert.Contains(member.Name, Keys);
            var id = script.GetProperty("id").GetString()!;
            Assert.True(ids.Add(id));
            Assert.Matches(ScriptId(), id);
            // The runtime serves whoever has an inline script.
            var owners = id == PageScripts.RuntimeId ? [.. rows.Values.Where(row => row.Facts.InlineTexts.ContainsKey(PageScripts.Runtime.Text))] : allOwners[id].Select(owner => rows[owner]).ToList();
            // Scripts for the body come last, in the order of their own.
            if (script.TryGetProperty("target", out _) != inBody)
            {
                Assert.False(inBody, $"{id} is behind a script for the body");
                (last, inBody) = (0, true);
            }
            // What several share comes before the first or after the last that needs it.
            if (owners is [var only] && id != PageScripts.RuntimeId)
            {
                Assert.True(only.Place >= last, $"{id} is out of order");
                last = only.Place;
            }
            var hasSource = script.TryGetProperty("src", out var source);
            Assert.NotEqual(hasSource, script.TryGetProperty("textContent", out var content));
            if (hasSource) origins.Add(CheckSource(source.GetString()!, owners));
            else hashes.Add($"'{CheckText(content.GetString()!, owners)}'");
            var hasAttributes = script.TryGetProperty("attributes", out var attributes);
            if (hasAttributes) CheckAttributes(attributes, owners);
            if (owners[0].IsOwnScript) CheckOwnAttributes(hasAttributes ? attributes : null, Assert.Single(owners));
            else if (!hasSource) CheckConfig(id, content.GetString()!, hasAttributes ? attributes : null, owners, keys, origins);
        }
        // The runtime is the first of all where others need it, and nowhere else; each of them has a key.
        Assert.Equal(keys.Count > 0, ids.Contains(PageScripts.RuntimeId));
        if (keys.Count > 0) Assert.Equal(PageScripts.RuntimeId, document.RootElement.GetProperty("scripts")[0].GetProperty("id").GetString());
        var metadata = document.RootElement.GetProperty("metadata");
        Assert.Equal(snapshot.ScriptCount, ids.Count);
        Assert.Equal(snapshot.ScriptCount, metadata.GetProperty("scriptCount").GetInt32());
        CheckPolicy(metadata, origins, hashes);
    }

    /// <summary>The policy's hashes are those of the inline texts and no others, each source's origin is there, and nothing can end a directive.</summary>
    private static void CheckPolicy(JsonElement metadata, HashSet<string> origins, HashSet<string> hashes)
    {
        var stated = new HashSet<string>(StringComparer.Ordinal);
        if (metadata.TryGetProperty("csp", out var policy))
            foreach (var directive in policy.EnumerateObject())
            {
                Assert.Matches(DirectiveName(), directive.Name);
                foreach (var source in directive.Value.EnumerateArray())
                {
                    Assert.Matches(PolicyEntry(), source.GetString()!);
                    if (directive.Name == "script-src") stated.Add(source.GetString()!);
                }
            }
        Assert.Equal(hashes.Order(StringComparer.Ordinal), stated.Where(source => source.StartsWith("'sha", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        foreach (var origin in origins)
            if (origin == Self || NameableOrigin().IsMatch(origin)) Assert.Contains(origin, stated);
    }

    private static string CheckSource(string source, List<PlacedRow> owners)
    {
        Assert.DoesNotMatch(NotInUrl(), source);
        if (source.StartsWith('/'))
        {
            // A path stays one, on the site that shows the page, and the type or its owner chose one.
            var page = new Uri(Samples.Site, source);
            Assert.Equal(Samples.Site.Host, page.Host);
            Assert.Equal(source, page.PathAndQuery + page.Fragment);
            Assert.True(owners.Any(owner => owner.Facts.Hosts.Contains(Samples.Site.Host) || owner.OwnHosts().Contains(Path)), "Nobody chose a path.");
            return Self;
        }
        Assert.StartsWith("https://", source, StringComparison.Ordinal);
        var authority = source["https://".Length..].Split('/', '?', '#')[0];
        Assert.DoesNotContain('@', authority);
        Assert.NotEmpty(authority);
        // What a second reading makes of it is the same, and on a host the type or its owner chose.
        var url = new Uri(source);
        Assert.Equal(source, url.AbsoluteUri);
        Assert.Empty(url.UserInfo);
        if (!owners.Any(owner => owner.Facts.Hosts.Contains(url.Host))) Assert.Contains(url.Host, owners.SelectMany(owner => owner.OwnHosts()));
        return url.GetLeftPart(UriPartial.Authority);
    }

    /// <summary>An inline text is one of its type's constants, or to the letter what the organization wrote. Gives its hash.</summary>
    private string CheckText(string text, List<PlacedRow> owners)
    {
        if (owners[0].IsOwnScript)
        {
            Interlocked.Increment(ref _ownTexts);
            Assert.Equal(Assert.Single(owners).Setting("textContent", "code").GetString(), text);
            return InlineScript.HashFor(text);
        }
        Assert.All(owners, owner => Assert.Contains(text, owner.Facts.InlineTexts));
        if (_parsed.TryAdd(text, true)) new Parser(new ParserOptions { EcmaVersion = EcmaVersion.ES2021 }).ParseScript(text);
        return owners[0].Facts.InlineTexts[text];
    }

    /// <summary>
    /// What an inline script of ours reads: it names the destination, by its own id and not by its place, and a library only as strictly as an entry's source
    /// is checked. Adds the key, with the permission it is for, and the library's origin.
    /// </summary>
    private static void CheckConfig(string id, string text, JsonElement? attributes, List<PlacedRow> owners, HashSet<string> keys, HashSet<string> origins)
    {
        if (id == PageScripts.RuntimeId)
        {
            Assert.Equal(PageScripts.Runtime.Text, text);
            Assert.Null(attributes);
            return;
        }
        Assert.NotEqual(PageScripts.Runtime.Text, text);
        using var config = JsonDocument.Parse(Assert.Single(attributes!.Value.EnumerateObject(), attribute => attribute.Name == InlineScript.ConfigAttribute).Value.GetString()!);
        if (text == PageScripts.Grant.Text)
        {
            Assert.Equal(2, config.RootElement.GetArrayLength());
            var name = config.RootElement[1].GetString()!;
            Assert.True(name == "granted" || ConsentCategories.TryParse(name, out _));
            Assert.EndsWith($":{name}", id, StringComparison.Ordinal);
            CheckKey(config.RootElement[0].GetString()!, id[..^(name.Length + 1)], name, owners, keys);
            return;
        }
        Assert.Equal(config.RootElement.EnumerateObject().Count(), config.RootElement.EnumerateObject().Select(member => member.Name).Distinct(StringComparer.Ordinal).Count());
        CheckKey(config.RootElement.GetProperty("key").GetString()!, id, "", owners, keys);
        if (!config.RootElement.TryGetProperty("load", out var library)) return;
        foreach (var member in library.EnumerateObject()) Assert.True(member.Name is "src" or "attributes" || (member.Name == "async" && member.Value.ValueKind == JsonValueKind.False));
        origins.Add(CheckSource(library.GetProperty("src").GetString()!, owners));
        if (!library.TryGetProperty("attributes", out var own)) return;
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var attribute in own.EnumerateObject())
        {
            Assert.Matches(LibraryAttribute(), attribute.Name);
            Assert.True(names.Add(attribute.Name) && attribute.Name != InlineScript.ConfigAttribute);
            Assert.Equal(JsonValueKind.String, attribute.Value.ValueKind);
        }
    }

    private static void CheckKey(string key, string id, string permission, List<PlacedRow> owners, HashSet<string> keys)
    {
        Assert.True(keys.Add($"{key} {permission}"), $"{key} {permission} is there twice");
        if (owners.All(owner => owner.Opened.Row.Type is "google-ads" or "google-analytics" or "google-tag-manager") && id == "google-consent")
        {
            Assert.Equal(id, key);
            return;
        }
        var row = Assert.Single(owners).Opened.Row;
        var digits = key[(row.Type.Length + 1)..];
        Assert.Equal($"{row.Type}:{digits}", key);
        Assert.True(digits.Length >= 8 && row.Id.ToString("N").StartsWith(digits, StringComparison.Ordinal));
        Assert.True(id == row.Type || id == key);
    }

    private static void CheckAttributes(JsonElement attributes, List<PlacedRow> owners)
    {
        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var attribute in attributes.EnumerateObject())
        {
            Assert.Matches(AttributeName(), attribute.Name);
            Assert.True(names.Add(attribute.Name));
            Assert.False(attribute.Name is "src" or "style" or "nonce" or "async" or "defer" || attribute.Name.StartsWith("on", StringComparison.Ordinal));
            Assert.False(attribute.Name == "id" && !owners[0].IsOwnScript);
            var value = attribute.Value.GetString()!;
            if (attribute.Name != InlineScript.ConfigAttribute || owners[0].IsOwnScript) continue;
            using var config = JsonDocument.Parse(value);
            // Written into HTML by hand it would open nothing either.
            Assert.True(value.AsSpan().IndexOfAny(Markup) < 0);
        }
    }

    /// <summary>An own script's element has the attributes that were written for it, as they were written, and no other.</summary>
    private static void CheckOwnAttributes(JsonElement? attributes, PlacedRow owner)
    {
        var wanted = owner.Setting("attributes") is { ValueKind: JsonValueKind.Object } own
            ? own.EnumerateObject().Select(attribute => (attribute.Name, attribute.Value.ValueKind switch
            {
                JsonValueKind.String => attribute.Value.GetString(),
                JsonValueKind.Number => attribute.Value.GetRawText(),
                _ => "",
            }))
            : [];
        // What has integrity needs crossorigin to load.
        if (owner.Setting("src", "url").ValueKind == JsonValueKind.String && wanted.Any(attribute => attribute is { Name: "integrity", Item2.Length: > 0 }) && wanted.All(attribute => attribute.Name != "crossorigin"))
            wanted = wanted.Append(("crossorigin", "anonymous"));
        Assert.Equal(wanted, attributes is { } found ? found.EnumerateObject().Select(attribute => (attribute.Name, attribute.Value.GetString())) : []);
    }

    private void Remember(GeneratedScope generated, HostileScope hostile)
    {
        using var document = JsonDocument.Parse(generated[ConsentSet.Everything].Bytes);
        var scripts = document.RootElement.GetProperty("scripts").EnumerateArray()
            .Where(script => script.TryGetProperty("textContent", out _) && !IsOwn(script.GetProperty("id").GetString()!))
            .Select(script => new InlineElement(script.GetProperty("textContent").GetString()!, ConfigOf(script)))
            .ToImmutableArray();
        if (scripts.IsEmpty) return;
        ToRun.TryAdd(string.Join('\n', scripts.Select(script => script.Config)), ([.. hostile.Rows.Select(row => row.Row.Type).Where(type => type != CustomScript)], scripts));
    }

    private static string? ConfigOf(JsonElement script) =>
        script.TryGetProperty("attributes", out var attributes) && attributes.TryGetProperty(InlineScript.ConfigAttribute, out var config) ? config.GetString() : null;

    /// <summary>A row of the scope, where it stands in its order, and what its type may do.</summary>
    private sealed record PlacedRow(int Place, OpenedDestination Opened, TypeFacts Facts)
    {
        public bool IsOwnScript => Opened.Row.Type == CustomScript;

        /// <summary>The hosts that the row's own URL settings name, and <see cref="Path"/> where one is a path of the site.</summary>
        public IEnumerable<string> OwnHosts() =>
            from member in Opened.Settings.EnumerateObject()
            from setting in member.Value.ValueKind == JsonValueKind.Object
                ? member.Value.EnumerateObject().Select(inner => (Name: $"{member.Name}.{NameOf(inner)}", inner.Value))
                : [(member.Name, member.Value)]
            where Facts.UrlFields.Contains(setting.Name) && setting.Value.ValueKind == JsonValueKind.String
            let text = Text(setting.Value).Trim()
            select text.StartsWith('/') ? Path : Uri.TryCreate(text, UriKind.Absolute, out var url) ? url.Host : "";

        /// <summary>The setting under the first of its names that is set; undefined where none is.</summary>
        public JsonElement Setting(params string[] names) => names
            .Select(name => Opened.Settings.TryGetProperty(name, out var value) ? value : default)
            .FirstOrDefault(value => value.ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Null) && !(value.ValueKind == JsonValueKind.String && value.ValueEquals("")));

        private static string NameOf(JsonProperty member)
        {
            try
            {
                return member.Name;
            }
            catch (InvalidOperationException)
            {
                return ""; // a lone surrogate, which no setting is called
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
                return ""; // a lone surrogate, in a field that an older name overrules
            }
        }
    }

    private sealed class TypeFacts
    {
        public TypeFacts(DestinationType type)
        {
            Fields = type.AllFields.SelectMany(field => Names(type, field)).ToFrozenSet(StringComparer.Ordinal);
            InlineTexts = type.InlineScripts.ToFrozenDictionary(script => script.Text, script => script.CspHash, StringComparer.Ordinal);
            UrlFields = type.Fields.Where(field => field.Kind is SettingKind.HttpsUrl or SettingKind.UrlOrPath).SelectMany(field => Names(type, field)).ToFrozenSet(StringComparer.Ordinal);
            Hosts = type.Name == CustomScript ? [] : Samples.Generate(Samples.Least(type.Name)).Scripts(ConsentSet.Everything)
                .Sources().Select(source => source.Host)
                .Concat(FurtherHosts.GetValueOrDefault(type.Name, [])).ToFrozenSet(StringComparer.Ordinal);
        }

        /// <summary>Each name that a field may be written under: where one is within an object, under each name of the object.</summary>
        private static IEnumerable<string> Names(DestinationType type, SettingField field) => field.Names.SelectMany(key =>
            key.Split('.', 2) is [var within, var name]
                ? type.AllFields.Where(other => other.Keys.Contains(within)).SelectMany(other => other.Keys).Select(other => $"{other}.{name}").Append(key)
                : [key]);

        public IReadOnlySet<string> Fields { get; }

        /// <summary>The texts, and the hash of each.</summary>
        public IReadOnlyDictionary<string, string> InlineTexts { get; }

        public FrozenSet<string> UrlFields { get; }

        public FrozenSet<string> Hosts { get; }
    }

    [GeneratedRegex(@"\A[a-z][a-z0-9:-]{0,80}\z")]
    private static partial Regex ScriptId();

    [GeneratedRegex(@"\A[a-z][a-z0-9._-]{0,80}\z")]
    private static partial Regex AttributeName();

    /// <summary>What says how a library is fetched, or what it reads; never what it is, where it comes from or what else runs.</summary>
    [GeneratedRegex(@"\A(data-[a-z][a-z-]{0,40}|crossorigin|integrity|defer|id)\z")]
    private static partial Regex LibraryAttribute();

    [GeneratedRegex(@"[\x00-\x20""<>\\^`{}|\x7F\u2028\u2029]")]
    private static partial Regex NotInUrl();

    [GeneratedRegex(@"\A(script|connect|img|frame|style|font|worker|media)-src\z")]
    private static partial Regex DirectiveName();

    [GeneratedRegex(@"\A(?:(https|wss)://(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?(:[0-9]{1,5})?|(blob|data):|'sha256-[A-Za-z0-9+/]{43}='|'self')\z")]
    private static partial Regex PolicyEntry();

    /// <summary>A policy has words for hosts of letters, digits, dots and hyphens only.</summary>
    [GeneratedRegex(@"\Ahttps://[a-z0-9_.-]+(:[0-9]+)?\z")]
    private static partial Regex NameableOrigin();
}
