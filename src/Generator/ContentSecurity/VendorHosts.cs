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

    /// <summary>Hosts of sounds and films.</summary>
    public ImmutableArray<string> Media { get; init; } = [];

    /// <summary>Where the hosts are from.</summary>
    public HostBasis Basis { get; init; }

    /// <summary>The page or the source that names them; null where they are only what the vendor's snippet, which the type's homepage describes, has.</summary>
    public Uri? Documentation { get; init; }

    /// <summary>
    /// What the vendor asks of a policy beyond hosts, such as style-src 'unsafe-inline', without a full stop. No snapshot asks for it: a page that grants it weakens
    /// itself for everything it shows, so that is for its owner to decide, who reads this in <c>types TYPE</c> and docs/destinations.md.
    /// </summary>
    public string? Withheld { get; init; }

    /// <summary>All of them in order, each once.</summary>
    public ImmutableArray<CspSource> Sources
    {
        get
        {
            if (_sources.IsDefault)
            {
                ImmutableArray<string>[] lists = [Script, Connect, Image, Frame, Style, Font, Worker, Media];
                _sources = [.. lists.SelectMany((hosts, index) => hosts.Select(host => CspSource.Host((CspDirective)index, host))).Distinct().Order()];
            }
            return _sources;
        }
    }
}
