using System.Buffers;
using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;

namespace ConsentSnapshots.Generator.Consent;

/// <summary>
/// A condition over the consent categories that more consent never turns false. It is held as its truth table over the sixteen
/// consent sets, so two conditions that mean the same are equal, and is written in its shortest form: c15t's <c>HasCondition</c>
/// (<c>"measurement"</c>, <c>{"and":[…]}</c>, <c>{"or":[…]}</c>).
/// </summary>
/// <remarks>
/// There is deliberately no "not": a script whose condition falsifies with more consent would have to be in a snapshot of a
/// visitor who granted less, and the client could not tell a withdrawal from a first visit. What a vendor must be told on
/// withdrawal is told by the page's runtime when the client removes the script that was granted (see <c>PageScripts</c>).
/// </remarks>
public readonly record struct ConsentCondition
{
    private readonly ushort _truth;

    private ConsentCondition(int truth) => _truth = (ushort)truth;

    /// <summary>Holds for no visitor. It cannot be written: a script under it is left out.</summary>
    public static ConsentCondition Never => default;

    /// <summary>Holds for every visitor.</summary>
    public static ConsentCondition Always => AllOf(ConsentSet.NecessaryOnly);

    /// <summary>Holds where every category of <paramref name="needed"/> is granted.</summary>
    public static ConsentCondition AllOf(ConsentSet needed) => new(s_supersets[needed.Index]);

    /// <summary>For each consent set the truth table of those that grant all of it.</summary>
    private static readonly ImmutableArray<int> s_supersets =
        [.. ConsentSet.All.Select(needed => ConsentSet.All.Where(set => set.IsSupersetOf(needed)).Aggregate(0, (truth, set) => truth | 1 << set.Index))];

    /// <summary>Holds where the category is granted.</summary>
    public static ConsentCondition Of(ConsentCategory category) => AllOf(ConsentSet.Of(category));

    /// <summary>Holds where both hold.</summary>
    public static ConsentCondition operator &(ConsentCondition left, ConsentCondition right) => new(left._truth & right._truth);

    /// <summary>Holds where either holds.</summary>
    public static ConsentCondition operator |(ConsentCondition left, ConsentCondition right) => new(left._truth | right._truth);

    /// <summary>Whether a visitor with this consent meets the condition.</summary>
    public bool IsMetBy(ConsentSet set) => (_truth >> set.Index & 1) == 1;

    /// <summary>Whether no visitor can meet it.</summary>
    public bool IsNever => _truth == 0;

    /// <summary>The truth table: bit i for the consent set with index i.</summary>
    public int TruthTable => _truth;

    /// <summary>The smallest consent sets that meet the condition, in index order: its shortest disjunction of conjunctions.</summary>
    public ImmutableArray<ConsentSet> MinimalSets
    {
        get
        {
            var minimal = ImmutableArray.CreateBuilder<ConsentSet>();
            foreach (var set in ConsentSet.All)
                if (IsMetBy(set) && !IsAboveAny(set, minimal)) minimal.Add(set);
            return minimal.ToImmutable();
        }
    }

    private static bool IsAboveAny(ConsentSet set, ImmutableArray<ConsentSet>.Builder smaller)
    {
        foreach (var other in smaller)
            if (set.IsSupersetOf(other)) return true;
        return false;
    }

    /// <summary>Writes the condition as c15t reads it.</summary>
    /// <exception cref="InvalidOperationException">The condition is <see cref="Never"/>.</exception>
    public void WriteTo(Utf8JsonWriter writer) => writer.WriteRawValue(Json, skipInputValidation: true);

    /// <summary>The condition as c15t reads it, in JSON.</summary>
    /// <exception cref="InvalidOperationException">The condition is <see cref="Never"/>.</exception>
    public ReadOnlySpan<byte> Json => Written.GetOrAdd(this, static condition => condition.ToJson());

    /// <summary>What was written before. Four categories have 168 conditions that more consent never turns false, so it stays small.</summary>
    private static readonly ConcurrentDictionary<ConsentCondition, byte[]> Written = new();

    private byte[] ToJson()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer)) WriteSets(writer);
        return buffer.WrittenSpan.ToArray();
    }

    private void WriteSets(Utf8JsonWriter writer)
    {
        var sets = MinimalSets;
        if (sets.IsEmpty) throw new InvalidOperationException("A condition that nobody can meet has no form c15t knows.");
        if (sets.Length == 1)
        {
            WriteConjunction(writer, sets[0]);
            return;
        }
        writer.WriteStartObject();
        writer.WriteStartArray("or");
        foreach (var set in sets) WriteConjunction(writer, set);
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static void WriteConjunction(Utf8JsonWriter writer, ConsentSet set)
    {
        var categories = set.Optional;
        if (categories.Length <= 1)
        {
            writer.WriteStringValue(set.ToString());
            return;
        }
        writer.WriteStartObject();
        writer.WriteStartArray("and");
        foreach (var category in categories) writer.WriteStringValue(category.Name());
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    /// <summary>For logs: the minimal sets, or <c>never</c>.</summary>
    public override string ToString() =>
        IsNever ? "never" : string.Join(" or ", MinimalSets.Select(set => set.ToString().Replace(",", " and ", false, CultureInfo.InvariantCulture)));
}
