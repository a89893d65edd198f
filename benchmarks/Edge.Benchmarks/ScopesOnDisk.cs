using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Edge.Benchmarks;

/// <summary>Scopes of six destinations each. Every id is the scope's own, so no two scopes have the same bytes.</summary>
internal static class ScopesOnDisk
{
    private static readonly SnapshotGenerator s_generator = new(DestinationCatalogue.BuiltIn);

    /// <summary>The scope of a number.</summary>
    public static Scope ScopeOf(int number) =>
        new(OrganizationId.Parse(string.Create(CultureInfo.InvariantCulture, $"org-{number:D5}")), DeploymentEnvironment.Production);

    /// <summary>The destinations of a scope: type, settings as JSON, required consent.</summary>
    public static (string Type, string Settings, ConsentCategory Consent)[] Destinations(int number)
    {
        var digits = number.ToString("D8", CultureInfo.InvariantCulture);
        return
        [
            ("google-tag-manager", $$"""{"id":"GTM-{{digits}}"}""", ConsentCategory.Measurement),
            ("google-analytics", $$"""{"id":"G-{{digits}}"}""", ConsentCategory.Measurement),
            ("meta-pixel", $$"""{"pixelId":"1{{digits}}"}""", ConsentCategory.Marketing),
            ("posthog", $$"""{"id":"phc_{{digits}}","apiHost":"https://eu.i.posthog.com"}""", ConsentCategory.Measurement),
            ("mixpanel", $$"""{"token":"0123456789abcdef01234567{{digits}}"}""", ConsentCategory.Experience),
            ("tiktok-pixel", $$"""{"pixelId":"C{{digits}}"}""", ConsentCategory.Marketing),
        ];
    }

    /// <summary>The newest manifest of a scope, as a worker would have published it.</summary>
    public static Manifest ManifestOf(int number)
    {
        var scope = ScopeOf(number);
        var content = s_generator.Generate(scope, Destinations(number).Select((destination, place) => new OpenedDestination(
            new Destination
            {
                Id = new Guid(number, (short)place, 0x4000, [0x80, 0, 0, 0, 0, 0, 0, 0]),
                Type = destination.Type,
                RequiredConsent = [destination.Consent.Name()],
                CreatedAt = DateTimeOffset.UnixEpoch.AddDays(20_000).AddMinutes(place),
            },
            JsonElement.Parse(destination.Settings)))).Content;
        var envelope = new ManifestEnvelope
        {
            Scope = scope,
            Version = 1,
            GeneratedAt = DateTimeOffset.UnixEpoch.AddDays(20_000),
            PublicationId = new Guid(number, 2, 0x4000, [0x80, 0, 0, 0, 0, 0, 0, 0]),
            Generator = "benchmark",
            SourceEpoch = 1,
            SourceRevision = 1,
            Fingerprint = content.Fingerprint,
        };
        ImmutableArray<Snapshot> snapshots = [.. content.Lists.Select(list => new Snapshot(content.SnapshotBytes(list)))];
        return Manifest.Create(envelope, content, snapshots, [.. Enumerable.Repeat(new CombinationSince(1, envelope.GeneratedAt), ConsentSet.Count)]);
    }

    /// <summary>Writes what an edge reads of a directory store.</summary>
    public static void Write(string store, int scopes)
    {
        Directory.CreateDirectory(Path.Combine(store, "public"));
        Directory.CreateDirectory(Path.Combine(store, "private"));
        Parallel.For(0, scopes, number =>
        {
            var path = Path.Combine(store, "private", BlobNames.Current(ScopeOf(number)));
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, ManifestOf(number).Bytes.Span);
        });
    }
}
