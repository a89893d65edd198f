namespace ConsentSnapshots.Generator.Destinations;

/// <summary>Who is behind a destination type, as a site's visitors have to be told.</summary>
/// <param name="LegalName">The company's legal name, as its privacy policy or terms have it.</param>
/// <param name="PrivacyPolicy">Its privacy policy: an absolute https URL.</param>
/// <param name="Purpose">What a site uses the vendor for: one sentence in plain words.</param>
/// <param name="Source">Where the legal name is from: an absolute https URL.</param>
public sealed record VendorIdentity(string LegalName, string PrivacyPolicy, string Purpose, string Source);
