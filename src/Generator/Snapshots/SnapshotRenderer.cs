using System.Collections.Immutable;
using System.Text.Unicode;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;
using ConsentSnapshots.Generator.Scripts;

namespace ConsentSnapshots.Generator.Snapshots;

/// <summary>
/// Writes a scope's snapshots. Every script, and every policy that differs, is written once, into one text; a snapshot is a list of slices of it.
/// Consent sets that no condition tells apart share a snapshot.
/// </summary>
internal static class SnapshotRenderer
{
    /// <summary>Counts of 32 bits in decimal, and what stands around them.</summary>
    private const int MaxCounts = 128;

    [ThreadStatic]
    private static JsonScratch? t_scratch;

    /// <summary>The distinct snapshots, and for each consent set by index which one it gets.</summary>
    public static (ImmutableArray<Snapshot> Snapshots, ImmutableArray<int> Combinations) Render(List<ValidDestination> destinations, List<ComposedScript> scripts)
    {
        var combinations = new ConsentPartition();
        foreach (var script in scripts) combinations.Split(script.Script.Category);
        var policy = new PolicyUnion(Needs(destinations, scripts));
        Span<int> destinationCounts = stackalloc int[ConsentSet.Count];
        foreach (var set in ConsentSet.All)
            foreach (var destination in destinations)
                if (destination.Gives.IsMetBy(set)) destinationCounts[set.Index]++;
        // Where destinations share a script, sets with the same scripts differ in these two.
        combinations.Split(destinationCounts);
        combinations.Split(policy.Partition);

        var text = t_scratch ??= new JsonScratch(ScriptJson.WriterOptions);
        text.Begin();
        var opening = text.Append("{\"scripts\":["u8);
        var scriptTexts = WriteScripts(scripts, text);
        var policyTexts = WritePolicies(policy, text);
        var documents = new (Slice[] Slices, int Destinations, int Scripts)[combinations.Count];
        for (var index = 0; index < documents.Length; index++)
        {
            var set = combinations.First(index);
            var slices = new SliceList(scripts.Count + 3);
            var (destinationCount, scriptCount) = (destinationCounts[set.Index], 0);
            slices.Add(opening);
            for (var script = 0; script < scripts.Count; script++)
                if (scripts[script].Script.Category.IsMetBy(set))
                    slices.Add(scriptCount++ == 0 ? scriptTexts[script].WithoutFirstByte : scriptTexts[script]);
            slices.Add(WriteCounts(destinationCount, scriptCount, text));
            slices.Add(policyTexts[policy.Partition[set]]);
            documents[index] = (slices.ToArray(), destinationCount, scriptCount);
        }

        var whole = text.Written.ToArray();
        return ([.. documents.Select(document => new Snapshot(whole, document.Slices, document.Destinations, document.Scripts))], combinations.ToGroups());
    }

    /// <summary>Each script with the comma that separates it from one before it.</summary>
    private static Slice[] WriteScripts(List<ComposedScript> scripts, JsonScratch text)
    {
        var slices = new Slice[scripts.Count];
        for (var index = 0; index < slices.Length; index++)
        {
            var comma = text.Append(","u8);
            scripts[index].Script.WriteTo(text.Writer);
            slices[index] = comma with { Length = text.Flush() - comma.Start };
        }
        return slices;
    }

    /// <summary>The policy of each group of consent sets, and the end of the document.</summary>
    private static Slice[] WritePolicies(PolicyUnion policy, JsonScratch text)
    {
        var slices = new Slice[policy.Partition.Count];
        for (var group = 0; group < slices.Length; group++)
        {
            var start = text.Written.Length;
            text.Writer.WriteStartObject();
            policy.WriteTo(text.Writer, policy.Partition.First(group));
            text.Writer.WriteEndObject();
            text.Flush();
            text.Append("}}"u8);
            slices[group] = new Slice(start, text.Written.Length - start);
        }
        return slices;
    }

    private static Slice WriteCounts(int destinationCount, int scriptCount, JsonScratch text)
    {
        Span<byte> buffer = stackalloc byte[MaxCounts];
        if (!Utf8.TryWrite(
                buffer,
                $"],\"metadata\":{{\"schema\":{SnapshotGenerator.SnapshotSchema},\"destinationCount\":{destinationCount},\"scriptCount\":{scriptCount},\"csp\":",
                out var length)) throw new InvalidOperationException("The metadata's counts are longer than they can be.");
        return text.Append(buffer[..length]);
    }

    /// <summary>What a Content-Security-Policy needs, and under which consent: for the scripts themselves, and for what their destinations' libraries contact.</summary>
    private static List<(CspSource Source, ConsentCondition When)> Needs(List<ValidDestination> destinations, List<ComposedScript> scripts)
    {
        var needs = new List<(CspSource, ConsentCondition)>(scripts.Count + 8 * destinations.Count);
        foreach (var (script, uses, _) in scripts)
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

    /// <summary>Slices in order; one that continues the one before it becomes one with it.</summary>
    private ref struct SliceList(int capacity)
    {
        private readonly Slice[] _slices = new Slice[capacity];
        private int _count;

        public void Add(Slice slice)
        {
            if (_count > 0 && _slices[_count - 1] is var last && last.Start + last.Length == slice.Start)
                _slices[_count - 1] = last with { Length = last.Length + slice.Length };
            else
                _slices[_count++] = slice;
        }

        public readonly Slice[] ToArray() => _slices[.._count];
    }
}
