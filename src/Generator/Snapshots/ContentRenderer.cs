using System.Collections.Immutable;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Generator.Scripts;

namespace ConsentSnapshots.Generator.Snapshots;

/// <summary>
/// Writes what a scope publishes: every script, and every policy that differs, once, into one text. What a consent set gets is a list of indexes into them; consent sets that no
/// condition tells apart share a list.
/// </summary>
internal static class ContentRenderer
{
    [ThreadStatic]
    private static JsonScratch? t_scratch;

    /// <summary>The content of a scope.</summary>
    /// <param name="destinations">The destinations that take part; what they contact and give is known.</param>
    /// <param name="scripts">Their scripts, in the order of a list.</param>
    /// <param name="required">What a consent dialog should offer.</param>
    public static ScopeContent Render(List<ValidDestination> destinations, List<ComposedScript> scripts, ImmutableArray<ConsentCategory> required)
    {
        var policy = new PolicyUnion(Needs(destinations, scripts));
        var (combinations, lists) = Lists(destinations, scripts, policy);

        var text = t_scratch ??= new JsonScratch(ScriptJson.WriterOptions);
        text.Begin();
        ScopeContent.Slices slices = default;
        slices = slices with { RequiredCategories = WriteCategories(required, text), ReloadOnRevocation = WriteCategories(Reload(destinations), text) };
        var start = text.Written.Length;
        var parts = WriteScripts(scripts, text);
        slices = slices with { Scripts = From(start, text) };
        start = text.Written.Length;
        var policies = WritePolicies(policy, text);
        var erased = Erasure.Of(destinations);
        slices = slices with
        {
            Policies = From(start, text),
            Vendors = WriteVendors(destinations, text),
            ClearOnRevocation = WriteClearOnRevocation(erased, text),
            Erase = WriteErase(erased, text),
        };
        return new ScopeContent(
            text.Written.ToArray(), slices, parts, policies, lists, combinations.ToGroups(), [.. required.Select(static category => category.Name())], Loader.Hash);
    }

    private static (ConsentPartition Combinations, ImmutableArray<ScriptList> Lists) Lists(List<ValidDestination> destinations, List<ComposedScript> scripts, PolicyUnion policy)
    {
        var combinations = new ConsentPartition();
        foreach (var script in scripts) combinations.Split(script.Script.Category);
        Span<int> destinationCounts = stackalloc int[ConsentSet.Count];
        foreach (var set in ConsentSet.All)
            foreach (var destination in destinations)
                if (destination.Gives.IsMetBy(set)) destinationCounts[set.Index]++;
        // Where destinations share a script, sets with the same scripts differ in these two.
        combinations.Split(destinationCounts);
        combinations.Split(policy.Partition);
        var lists = ImmutableArray.CreateBuilder<ScriptList>(combinations.Count);
        Span<int> indexes = scripts.Count <= 512 ? stackalloc int[scripts.Count] : new int[scripts.Count];
        for (var list = 0; list < combinations.Count; list++)
        {
            var set = combinations.First(list);
            var count = 0;
            for (var script = 0; script < scripts.Count; script++)
                if (scripts[script].Script.Category.IsMetBy(set)) indexes[count++] = script;
            lists.Add(new ScriptList([.. indexes[..count]], policy.Partition[set], destinationCounts[set.Index]));
        }
        return (combinations, lists.MoveToImmutable());
    }

    /// <summary>The categories whose withdrawal some vendor goes on after, so that the page has to be left.</summary>
    private static ImmutableArray<ConsentCategory> Reload(List<ValidDestination> destinations)
    {
        var categories = ConsentSet.NecessaryOnly;
        foreach (var destination in destinations)
        {
            if (destination.Gives.IsNever || destination.Type.AfterWithdrawal != WithdrawalEffect.GoesOn) continue;
            foreach (var set in destination.Gives.MinimalSets) categories = categories.Union(set);
        }
        return categories.Optional;
    }

    private static Slice WriteCategories(ImmutableArray<ConsentCategory> categories, JsonScratch text)
    {
        var start = text.Written.Length;
        text.Writer.WriteStartArray();
        foreach (var category in categories) text.Writer.WriteStringValue(category.Name());
        text.Writer.WriteEndArray();
        text.Flush();
        return From(start, text);
    }

    private static ImmutableArray<ScriptPart> WriteScripts(List<ComposedScript> scripts, JsonScratch text)
    {
        var parts = ImmutableArray.CreateBuilder<ScriptPart>(scripts.Count);
        Span<byte> id = stackalloc byte[36];
        text.Append("["u8);
        foreach (var (script, uses, type, _) in scripts)
        {
            text.Append(parts.Count == 0 ? "{\"destinations\":["u8 : ",{\"destinations\":["u8);
            var isRuntime = type == PageScripts.RuntimeId;
            if (!isRuntime)
                for (var use = 0; use < uses.Length; use++)
                {
                    text.Append(use == 0 ? "\""u8 : ",\""u8);
                    uses[use].By.Row.Id.TryFormat(id, out _);
                    text.Append(id);
                    text.Append("\""u8);
                }
            text.Append("],\"type\":\""u8);
            text.AppendPlain(type);
            text.Append("\",\"script\":"u8);
            var start = text.Written.Length;
            script.WriteTo(text.Writer);
            text.Flush();
            var json = From(start, text);
            text.Append("}"u8);
            parts.Add(new ScriptPart(type, isRuntime ? [] : uses is [var only] ? only.By.ItsId : [.. uses.Select(static use => use.By.Row.Id)], json));
        }
        text.Append("]"u8);
        return parts.MoveToImmutable();
    }

    private static ImmutableArray<Slice> WritePolicies(PolicyUnion policy, JsonScratch text)
    {
        var slices = ImmutableArray.CreateBuilder<Slice>(policy.Partition.Count);
        text.Append("["u8);
        for (var group = 0; group < policy.Partition.Count; group++)
        {
            if (group > 0) text.Append(","u8);
            var start = text.Written.Length;
            text.Writer.WriteStartObject();
            policy.WriteTo(text.Writer, policy.Partition.First(group));
            text.Writer.WriteEndObject();
            text.Flush();
            slices.Add(From(start, text));
        }
        text.Append("]"u8);
        return slices.MoveToImmutable();
    }

    /// <summary>Each vendor once, in the order of its first destination, with the condition under which any of its destinations loads something.</summary>
    private static Slice WriteVendors(List<ValidDestination> destinations, JsonScratch text)
    {
        var vendors = new List<(DestinationType Type, ConsentCondition When)>();
        foreach (var destination in destinations)
        {
            if (destination.Gives.IsNever || destination.Type.Vendor is not { } vendor) continue;
            var place = vendors.FindIndex(entry => entry.Type.Vendor == vendor);
            if (place < 0) vendors.Add((destination.Type, destination.Gives));
            else vendors[place] = vendors[place] with { When = vendors[place].When | destination.Gives };
        }
        var start = text.Written.Length;
        var writer = text.Writer;
        writer.WriteStartArray();
        foreach (var (type, when) in vendors)
        {
            writer.WriteStartObject();
            writer.WriteString("id", type.Vendor);
            writer.WriteString("name", type.Title);
            if (type.Identity?.LegalName is { } legalName) writer.WriteString("legalName", legalName);
            writer.WritePropertyName("category");
            when.WriteTo(writer);
            if (type.Identity?.PrivacyPolicy is { } policy) writer.WriteString("privacyPolicyUrl", policy);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
        text.Flush();
        return From(start, text);
    }

    /// <summary>
    /// What c15t 3 deletes for each category that is denied, names and prefixes (<see href="https://c15t.com/docs/frameworks/javascript/clear-on-revocation"/>): only what nobody may
    /// have without the category.
    /// </summary>
    private static Slice WriteClearOnRevocation(List<Erasure.Entry> erased, JsonScratch text)
    {
        var start = text.Written.Length;
        text.Append("{"u8);
        var first = true;
        foreach (var category in ConsentCategories.Optional)
        {
            if (!erased.Exists(entry => entry.Needs(category))) continue;
            text.Append(first ? "\""u8 : ",\""u8);
            first = false;
            text.AppendPlain(category.Name());
            text.Append("\":{\"cookies\":["u8);
            WriteNames(erased, category, BrowserStore.Cookie, text);
            text.Append("],\"localStorage\":["u8);
            WriteNames(erased, category, BrowserStore.LocalStorage, text);
            text.Append("],\"sessionStorage\":["u8);
            WriteNames(erased, category, BrowserStore.SessionStorage, text);
            text.Append("]}"u8);
        }
        text.Append("}"u8);
        return From(start, text);
    }

    private static void WriteNames(List<Erasure.Entry> erased, ConsentCategory category, BrowserStore store, JsonScratch text)
    {
        var first = true;
        foreach (var entry in erased)
        {
            if (entry.Name.Store != store || !entry.Needs(category)) continue;
            if (!first) text.Append(","u8);
            first = false;
            WriteName(entry.Name, text);
        }
    }

    /// <summary>A pattern is plain text, so nothing in it has to be escaped.</summary>
    private static void WriteName(NamePattern name, JsonScratch text)
    {
        text.Append("\""u8);
        text.AppendPlain(name.Text);
        text.Append(name.IsPrefix ? "*\""u8 : "\""u8);
    }

    private static Slice WriteErase(List<Erasure.Entry> erased, JsonScratch text)
    {
        var start = text.Written.Length;
        text.Append("["u8);
        for (var place = 0; place < erased.Count; place++)
        {
            var (name, unless) = erased[place];
            text.Append(place == 0 ? "{\""u8 : ",{\""u8);
            text.AppendPlain(name.Store.Name());
            text.Append("\":"u8);
            WriteName(name, text);
            text.Append(",\"unless\":"u8);
            text.Append(unless.Json);
            text.Append("}"u8);
        }
        text.Append("]"u8);
        return From(start, text);
    }

    private static Slice From(int start, JsonScratch text) => new(start, text.Written.Length - start);

    /// <summary>What a Content-Security-Policy needs, and under which consent: for the scripts themselves, and for what their destinations' libraries contact.</summary>
    private static List<(CspSource Source, ConsentCondition When)> Needs(List<ValidDestination> destinations, List<ComposedScript> scripts)
    {
        var needs = new List<(CspSource, ConsentCondition)>(scripts.Count + 8 * destinations.Count);
        foreach (var (script, uses, _, _) in scripts)
        {
            if (script.PolicySource(uses[0].By.Contacts) is { } source) needs.Add((source, script.Category));
            if (script.LibraryPolicySource(uses[0].By.Contacts) is { } library) needs.Add((library, script.Category));
        }
        foreach (var destination in destinations)
        {
            if (destination.Gives.IsNever) continue;
            foreach (var contact in destination.Contacts) needs.Add((contact, destination.Gives));
        }
        return needs;
    }
}
