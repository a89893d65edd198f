using System.Collections.Immutable;
using System.Text.Json;

namespace ConsentSnapshots.Generator.Destinations;

/// <summary>
/// The library of a vendor that is told something: it is no entry of the list, because an entry would load whether the vendor was told or not. The runtime
/// inserts it after the destination's own script has done its work, once for each URL.
/// </summary>
/// <param name="Source">Where it is.</param>
public sealed record VendorLibrary(PageUrl Source)
{
    /// <summary>Further attributes of its element, in the order in which they are set.</summary>
    public ImmutableArray<KeyValuePair<string, string>> Attributes { get; init; } = [];

    /// <summary>Whether it may run before libraries that were inserted earlier.</summary>
    public bool IsAsync { get; init; } = true;

    /// <summary>Adds attributes; one without a value is left out.</summary>
    public VendorLibrary With(params ReadOnlySpan<(string Name, string? Value)> attributes)
    {
        var all = Attributes.ToBuilder();
        foreach (var (name, value) in attributes)
            if (value is not null) all.Add(new(name, value));
        return this with { Attributes = all.ToImmutable() };
    }

    internal void WriteTo(Utf8JsonWriter writer, string name)
    {
        writer.WriteStartObject(name);
        writer.WriteString("src", Source.Text);
        if (!IsAsync) writer.WriteBoolean("async", false);
        if (!Attributes.IsEmpty)
        {
            writer.WriteStartObject("attributes");
            foreach (var (attribute, value) in Attributes) writer.WriteString(attribute, value);
            writer.WriteEndObject();
        }
        writer.WriteEndObject();
    }
}
