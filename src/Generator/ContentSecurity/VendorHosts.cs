using System.Collections.Immutable;

namespace ConsentSnapshots.Generator.ContentSecurity;

/// <summary>
/// The hosts a vendor's library uses in a page, as the vendor's documentation or its own snippet names them, the default loader's included. What is not
/// known is left out: a policy that lacks a host fails visibly, one that has too many never does.
/// </summary>
public sealed class VendorHosts
{
    private ImmutableArray<CspSource> _sources;

    /// <summary>No host: nothing is loaded, or nobody can know which.</summary>
    public static VendorHosts None { get; } = new();

    /// <summary>Hosts of scripts.</summary>
    public ImmutableArray<string> Script { get; init; } = [];

    /// <summary>Hosts that data is sent to or read from.</summary>
    public ImmutableArray<string> Connect { get; init; } = [];

    /// <summary>Hosts of images.</summary>
    public ImmutableArray<string> Image { get; init; } = [];

    /// <summary>Hosts of frames.</summary>
    public ImmutableArray<string> Frame { get; init; } = [];

    /// <summary>Hosts of style sheets.</summary>
    public ImmutableArray<string> Style { get; init; } = [];

    /// <summary>Hosts of fonts.</summary>
    public ImmutableArray<string> Font { get; init; } = [];

    /// <summary>Where workers come from.</summary>
    public ImmutableArray<string> Worker { get; init; } = [];

    /// <summary>All of them in order, each once.</summary>
    public ImmutableArray<CspSource> Sources
    {
        get
        {
            if (_sources.IsDefault)
            {
                ImmutableArray<string>[] lists = [Script, Connect, Image, Frame, Style, Font, Worker];
                _sources = [.. lists.SelectMany((hosts, index) => hosts.Select(host => CspSource.Host((CspDirective)index, host))).Distinct().Order()];
            }
            return _sources;
        }
    }
}
