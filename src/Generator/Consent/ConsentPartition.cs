using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace ConsentSnapshots.Generator.Consent;

/// <summary>
/// The consent sets in groups that conditions do not tell apart: two sets are in one group exactly when every condition seen so far holds for both or
/// for neither. Groups are numbered by their first set.
/// </summary>
internal sealed class ConsentPartition
{
    private readonly int[] _groups = new int[ConsentSet.Count];
    private int _lastTable;

    /// <summary>How many groups there are.</summary>
    public int Count { get; private set; } = 1;

    /// <summary>The group of a consent set.</summary>
    public int this[ConsentSet set] => _groups[set.Index];

    /// <summary>Splits every group into the sets for which the condition holds and those for which it does not.</summary>
    public void Split(ConsentCondition condition)
    {
        var table = condition.TruthTable;
        // Neighbours mostly share their condition, and sixteen groups cannot be split.
        if (table == _lastTable || Count == ConsentSet.Count) return;
        _lastTable = table;
        Span<int> renumbered = stackalloc int[2 * ConsentSet.Count];
        renumbered.Fill(-1);
        Count = 0;
        for (var set = 0; set < ConsentSet.Count; set++)
        {
            ref var number = ref renumbered[2 * _groups[set] + (table >> set & 1)];
            if (number < 0) number = Count++;
            _groups[set] = number;
        }
    }

    /// <summary>Splits every group into the sets with the same number, by index.</summary>
    public void Split(ReadOnlySpan<int> numbers)
    {
        Span<int> groups = stackalloc int[ConsentSet.Count];
        _groups.CopyTo(groups);
        Count = 0;
        for (var set = 0; set < ConsentSet.Count; set++)
        {
            var same = 0;
            while (groups[same] != groups[set] || numbers[same] != numbers[set]) same++;
            _groups[set] = same < set ? _groups[same] : Count++;
        }
    }

    /// <summary>Splits every group as another partition is split.</summary>
    public void Split(ConsentPartition other) => Split(other._groups);

    /// <summary>The first set of a group.</summary>
    public ConsentSet First(int group) => ConsentSet.FromIndex(Array.IndexOf(_groups, group));

    /// <summary>The group of each set, by index. The partition must not be split afterwards.</summary>
    public ImmutableArray<int> ToGroups() => ImmutableCollectionsMarshal.AsImmutableArray(_groups);
}
