using System.Runtime.InteropServices;
using System.Text.Json;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Scripts;

namespace ConsentSnapshots.Generator.ContentSecurity;

/// <summary>
/// The policies of a scope's snapshots. What is needed, and under which consent, is sorted and joined once; a set's policy is the entries whose condition it
/// meets, in that order.
/// </summary>
internal sealed class PolicyUnion
{
    private static readonly JsonEncodedText[] s_names =
        [.. Enum.GetValues<CspDirective>().Select(directive => JsonEncodedText.Encode(directive.Name(), ScriptJson.Encoder))];

    private readonly List<(CspSource Source, ConsentCondition When)> _entries;

    /// <summary>Takes over the list of needs, in any order and with repetitions.</summary>
    public PolicyUnion(List<(CspSource Source, ConsentCondition When)> needs)
    {
        _entries = needs;
        needs.Sort(static (left, right) => left.Source.CompareTo(right.Source));
        var last = -1;
        foreach (var (source, when) in CollectionsMarshal.AsSpan(needs))
        {
            if (last >= 0 && needs[last].Source.Equals(source)) needs[last] = (source, needs[last].When | when);
            else needs[++last] = (source, when);
        }
        needs.RemoveRange(last + 1, needs.Count - last - 1);
        foreach (var (_, when) in needs) Partition.Split(when);
    }

    /// <summary>The consent sets in groups that have the same policy.</summary>
    public ConsentPartition Partition { get; } = new();

    /// <summary>Writes the policy of a consent set as the properties of the open object: a list for each directive that has entries.</summary>
    public void WriteTo(Utf8JsonWriter writer, ConsentSet set)
    {
        var open = -1;
        foreach (var (source, when) in _entries)
        {
            if (!when.IsMetBy(set)) continue;
            if ((int)source.Directive != open)
            {
                if (open >= 0) writer.WriteEndArray();
                open = (int)source.Directive;
                writer.WriteStartArray(s_names[open]);
            }
            writer.WriteStringValue(source.Encoded);
        }
        if (open >= 0) writer.WriteEndArray();
    }
}
