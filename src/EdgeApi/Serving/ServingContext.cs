namespace ConsentSnapshots.EdgeApi.Serving;

/// <summary>What all scopes have in common.</summary>
/// <param name="Packer">What compresses their manifests.</param>
/// <param name="PublicBaseUrl">Where the public container is for everybody, if anywhere.</param>
internal sealed record ServingContext(ManifestPacker Packer, string? PublicBaseUrl);
