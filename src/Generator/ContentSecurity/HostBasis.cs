namespace ConsentSnapshots.Generator.ContentSecurity;

/// <summary>Where a type's <see cref="VendorHosts"/> are from: how far they can be trusted to be all.</summary>
public enum HostBasis
{
    /// <summary>The vendor's snippet and what is known of its library; the vendor has no list that was found, so a host may lack.</summary>
    Snippet,

    /// <summary>The vendor's own list of hosts.</summary>
    Guide,

    /// <summary>The source of the vendor's library.</summary>
    Library,
}

/// <summary>What bases are called.</summary>
public static class HostBases
{
    /// <summary>The basis in words.</summary>
    public static string InWords(this HostBasis basis) => basis switch
    {
        HostBasis.Snippet => "the vendor's snippet; no list of the vendor's was found",
        HostBasis.Guide => "the vendor's list",
        HostBasis.Library => "the library's source",
        _ => throw new ArgumentOutOfRangeException(nameof(basis)),
    };
}
