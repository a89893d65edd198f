using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Generator.Snapshots;

/// <summary>
/// What a page erases once consent is refused or withdrawn: the names that a scope's destinations leave in the browser, each with the condition under which it stays.
/// </summary>
/// <remarks>
/// A name stays where any destination that owns it may have it. Patterns can mean the same name (<c>_ga_*</c> of one destination, <c>_ga_X</c> of another), and a page that erases one
/// pattern erases what the other owns too, so the condition of a pattern is that of all owners whose patterns overlap it.
/// </remarks>
internal static class Erasure
{
    /// <summary>A pattern and the condition under which its names stay.</summary>
    internal readonly record struct Entry(NamePattern Name, ConsentCondition Unless);

    /// <summary>The patterns to erase, in order of store and text. Names that always stay are left out, and those that no visitor's consent ever permits, which are never written.</summary>
    public static List<Entry> Of(List<ValidDestination> destinations)
    {
        var owned = Owned(destinations);
        if (owned.Count == 0) return owned;
        owned.Sort(static (left, right) => left.Name.CompareTo(right.Name));
        Merge(owned);
        Join(owned);
        owned.RemoveAll(static entry => entry.Unless == ConsentCondition.Always);
        return owned;
    }

    /// <summary>Each name of each destination, with that destination's own condition.</summary>
    private static List<Entry> Owned(List<ValidDestination> destinations)
    {
        var most = 0;
        foreach (var destination in destinations) most += destination.Type.StoredNames.Length;
        var owned = new List<Entry>(most);
        if (most == 0) return owned;
        List<(SharedBootstrap Shared, string Signal, ConsentCondition Condition)>? signals = null;
        foreach (var destination in destinations)
        {
            if (destination.Gives.IsNever) continue;
            // Most names of a type stand beside one with the same part and the same grant.
            (Func<DestinationSettings, string?>? Of, string? Is) part = default;
            (StoredName? Of, ConsentCondition Is) stays = default;
            foreach (var name in destination.Type.StoredNames)
            {
                if (!ReferenceEquals(name.Part, part.Of)) part = (name.Part, name.Part?.Invoke(destination.Settings));
                if (name.With(part.Is) is not { } pattern) continue;
                if (stays.Of is null || name.Grant != stays.Of.Grant || name.KeptBecause != stays.Of.KeptBecause)
                {
                    // Whatever overlaps a name that is kept has to be kept too.
                    stays = (name, name.KeptBecause is null ? destination.Gives & Granted(destination, name, destinations, ref signals) : ConsentCondition.Always);
                }
                if (!stays.Is.IsNever) owned.Add(new Entry(pattern, stays.Is));
            }
        }
        return owned;
    }

    /// <summary>Under which consent the vendor has the grant that it needs before it writes the name.</summary>
    private static ConsentCondition Granted(
        ValidDestination destination, StoredName name, List<ValidDestination> all, ref List<(SharedBootstrap Shared, string Signal, ConsentCondition Condition)>? signals)
    {
        var type = destination.Type;
        var wanted = name.Grant ?? GrantDeclaration.Tracking;
        foreach (var grant in type.Grants)
        {
            if (grant.Name != wanted) continue;
            // A destination that waits for its own consent is told of no further grant.
            return wanted == GrantDeclaration.Tracking && destination.Gives != ConsentCondition.Always ? ConsentCondition.Always : ConsentCondition.Of(grant.Category);
        }
        if (name.Grant is null) return ConsentCondition.Always;
        var shared = type.Bootstrap ?? throw new InvalidOperationException($"{type.Name} leaves '{name.Name}' under a grant that it does not declare.");
        foreach (var known in signals ?? [])
            if (known.Shared == shared && known.Signal == wanted) return known.Condition;
        var condition = shared.ConditionOf(wanted, UsersOf(shared, all));
        (signals ??= []).Add((shared, wanted, condition));
        return condition;
    }

    private static List<BootstrapUser> UsersOf(SharedBootstrap shared, List<ValidDestination> destinations)
    {
        var users = new List<BootstrapUser>();
        foreach (var destination in destinations)
            if (destination.InBrowser && destination.Type.Bootstrap == shared) users.Add(destination.AsUser());
        return users;
    }

    /// <summary>Makes one of the entries for the same pattern, which stand side by side.</summary>
    private static void Merge(List<Entry> sorted)
    {
        var last = 0;
        for (var next = 1; next < sorted.Count; next++)
        {
            if (sorted[next].Name == sorted[last].Name) sorted[last] = sorted[last] with { Unless = sorted[last].Unless | sorted[next].Unless };
            else sorted[++last] = sorted[next];
        }
        sorted.RemoveRange(last + 1, sorted.Count - last - 1);
    }

    /// <summary>
    /// Joins what overlaps. In this order all texts that begin with a prefix follow it, so the prefixes that overlap an entry are those still open when it comes.
    /// </summary>
    private static void Join(List<Entry> sorted)
    {
        var own = new ConsentCondition[sorted.Count];
        var open = new Stack<int>();
        for (var place = 0; place < sorted.Count; place++)
        {
            var (name, unless) = sorted[place];
            own[place] = unless;
            while (open.TryPeek(out var prefix) && !sorted[prefix].Name.Overlaps(name)) open.Pop();
            foreach (var prefix in open)
            {
                sorted[prefix] = sorted[prefix] with { Unless = sorted[prefix].Unless | own[place] };
                unless |= own[prefix];
            }
            sorted[place] = new Entry(name, unless);
            if (name.IsPrefix) open.Push(place);
        }
    }

    /// <summary>Whether every visitor for whom the name stays has granted the category.</summary>
    public static bool Needs(this Entry entry, ConsentCategory category) => (entry.Unless & ConsentCondition.Of(category)) == entry.Unless;
}
