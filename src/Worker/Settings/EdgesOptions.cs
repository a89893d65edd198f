using System.Collections.Immutable;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.Worker.Settings;

/// <summary>The edges that <c>doctor</c> and <c>explain</c> ask what they serve, section <c>Edges</c>. The service itself never calls an edge.</summary>
public sealed class EdgesOptions
{
    /// <summary>The section's name.</summary>
    public const string Section = "Edges";

    /// <summary>
    /// Base addresses, for example <c>https://edge.example</c>, in <c>Edges:0</c>, <c>Edges:1</c> and so on: what stands before <c>/v1/</c>. An address of a CDN in front of the edges
    /// shows what visitors get. Default: none.
    /// </summary>
    public ImmutableArray<Uri> Addresses { get; init; } = [];

    /// <summary>Reads the section and reports every rule that is broken to the reader.</summary>
    public static EdgesOptions Read(SettingReader settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        return new EdgesOptions { Addresses = settings.HttpAddresses(Section) };
    }
}
