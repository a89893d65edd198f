namespace ConsentSnapshots.Generator.Destinations;

/// <summary>Who is behind a destination type, as a site's visitors have to be told.</summary>
/// <param name="LegalName">The company's legal name; null where no page that was found names one.</param>
/// <param name="PrivacyPolicy">Its privacy policy: an absolute https URL.</param>
/// <param name="Purpose">What a site uses the vendor for: one sentence in plain words.</param>
/// <param name="Source">Where the legal name is from, or is missing: an absolute https URL.</param>
public sealed record VendorIdentity(string? LegalName, string PrivacyPolicy, string Purpose, string Source)
{
    /// <summary>Companies that also stand behind it in a part of the world, as the source has them: "in the EEA and Switzerland Google Ireland Limited"; null where there is none to say.</summary>
    public string? Elsewhere { get; init; }
}
