namespace ConsentSnapshots.Generator.Destinations;

/// <summary>
/// What a vendor's library that has run does once consent is withdrawn on the page. It cannot be unloaded, so where it goes on, only leaving the page ends it.
/// </summary>
public enum WithdrawalEffect
{
    /// <summary>The vendor documents no call that ends its work, or one for a part of it only: the library goes on until the page is left.</summary>
    GoesOn,

    /// <summary>The vendor is told by its own consent call, and acts on it as it documents.</summary>
    Told,

    /// <summary>The vendor is stopped by its own call, and started again with a new grant.</summary>
    Stopped,
}

/// <summary>The effects in words.</summary>
public static class WithdrawalEffects
{
    /// <summary>For documents and the command line.</summary>
    public static string InWords(this WithdrawalEffect effect) => effect switch
    {
        WithdrawalEffect.Told => "is told",
        WithdrawalEffect.Stopped => "is stopped",
        _ => "goes on until the page is left",
    };
}
