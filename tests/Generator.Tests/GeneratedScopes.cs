using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Generator.Tests;

/// <summary>What was generated, as tests look at it, and as a publication would write and prove it.</summary>
internal static class GeneratedScopes
{
    extension(GeneratedScope generated)
    {
        /// <summary>The distinct snapshots.</summary>
        public ImmutableArray<Snapshot> Snapshots => [.. generated.Content.Lists.Select(list => new Snapshot(generated.Content.SnapshotBytes(list)))];

        /// <summary>Which of them each consent set gets.</summary>
        public ImmutableArray<int> Combinations => generated.Content.Combinations;

        /// <summary>Which rows each script serves, by id.</summary>
        public Dictionary<string, ImmutableArray<Guid>> Owners => Enumerable.Range(0, generated.Content.ScriptCount).ToDictionary(
            index => JsonDocument.Parse(generated.Content.Script(index).ToArray()).RootElement.GetProperty("id").GetString()!, generated.Content.DestinationsOf, StringComparer.Ordinal);

        /// <summary>What a consent dialog should offer.</summary>
        public ImmutableArray<ConsentCategory> RequiredCategories =>
            [.. generated.Content.RequiredCategories.Select(name => ConsentCategories.TryParse(name, out var category) ? category : throw new FormatException(name))];

        /// <summary>The first version of the scope.</summary>
        public Manifest ToManifest(int version = 1, string? previous = null)
        {
            var at = new DateTimeOffset(2026, 3, 1, 10, 0, 0, TimeSpan.Zero);
            var envelope = new ManifestEnvelope
            {
                Scope = generated.Scope,
                Version = version,
                GeneratedAt = at,
                PublicationId = new Guid("0b6e2f0e-0d6f-4b8f-9a55-6f6a6f6e2d11"),
                Previous = previous,
                Generator = "test",
                SourceEpoch = 1,
                SourceRevision = 1187,
                Fingerprint = generated.Content.Fingerprint,
            };
            return Manifest.Create(envelope, generated.Content, generated.Snapshots, [.. Enumerable.Repeat(new CombinationSince(version, at.AddHours(-1)), ConsentSet.Count)]);
        }

        /// <summary>What the proof says of the manifest that would be published.</summary>
        public ImmutableArray<string> ConsentViolations(IEnumerable<OpenedDestination> rows) =>
            generated.ToManifest().Content.ConsentViolations(rows, generated.LeftOut);

        /// <summary>What the proof says of a manifest that somebody has changed.</summary>
        public ImmutableArray<string> ConsentViolations(IEnumerable<OpenedDestination> rows, Action<JsonNode> change) => generated.Changed(change).ConsentViolations(rows, []);

        /// <summary>The content of the manifest after a change of its JSON.</summary>
        public ScopeContent Changed(Action<JsonNode> change)
        {
            var manifest = JsonNode.Parse(generated.ToManifest().Bytes.Span)!;
            change(manifest);
            return Manifest.Parse(Encoding.UTF8.GetBytes(manifest.ToJsonString())).Content;
        }
    }

    extension(ScopeContent content)
    {
        public ImmutableArray<string> ConsentViolations(IEnumerable<OpenedDestination> rows, IEnumerable<Guid> leftOut) =>
            ConsentProof.Violations(content, rows, leftOut.ToHashSet(), DestinationCatalogue.BuiltIn);
    }

    extension(Snapshot snapshot)
    {
        /// <summary>How many scripts it has.</summary>
        public int ScriptCount => JsonNode.Parse(snapshot.Bytes.Span)!["metadata"]!["scriptCount"]!.GetValue<int>();

        /// <summary>How many destinations gave one.</summary>
        public int DestinationCount => JsonNode.Parse(snapshot.Bytes.Span)!["metadata"]!["destinationCount"]!.GetValue<int>();
    }
}
