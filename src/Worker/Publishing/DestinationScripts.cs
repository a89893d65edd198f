using System.Collections.Immutable;
using System.IO.Hashing;
using System.Text;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;

namespace ConsentSnapshots.Worker.Publishing;

/// <summary>The scripts of one destination in a version.</summary>
/// <param name="Id">The row.</param>
/// <param name="Content">A hash of the scripts.</param>
/// <param name="Since">
/// The version that the manifest knows to have carried them at the latest: every consent set that gets one of them has had the same answer since then. It is the first that carried
/// them, or a later one.
/// </param>
internal sealed record DestinationContent(Guid Id, byte[] Content, CombinationSince Since);

/// <summary>Which destinations have scripts of their own in a version of a scope. A script that several destinations share counts for none of them, as in <c>destinationCount</c>.</summary>
/// <param name="Version">The version.</param>
/// <param name="GeneratedAt">When it was made.</param>
/// <param name="Destinations">Each destination that has scripts, by id.</param>
internal sealed record DestinationScripts(long Version, DateTimeOffset GeneratedAt, ImmutableArray<DestinationContent> Destinations)
{
    /// <summary>The ids of the parts that several types share, which stand in a manifest where a type stands else.</summary>
    private static readonly HashSet<string> s_shared =
        DestinationCatalogue.BuiltIn.Types.Select(type => type.Bootstrap?.Id).OfType<string>().ToHashSet(StringComparer.Ordinal);

    /// <summary>Reads them from a manifest.</summary>
    public static DestinationScripts Of(Manifest manifest)
    {
        var since = new CombinationSince?[manifest.Content.ScriptCount];
        foreach (var set in ConsentSet.All)
        {
            var combination = manifest[set];
            foreach (var script in manifest.Content[set].Scripts)
                if (since[script] is not { } known || combination.Since.Version < known.Version) since[script] = combination.Since;
        }

        var destinations = new SortedDictionary<Guid, (XxHash128 Hash, CombinationSince Since)>();
        var generated = new CombinationSince(manifest.Version, manifest.Envelope.GeneratedAt);
        for (var script = 0; script < manifest.Content.ScriptCount; script++)
        {
            if (IsShared(manifest.Content.TypeOf(script))) continue;
            // A script that no consent set gets is carried by the list all the same.
            var its = since[script] ?? generated;
            foreach (var id in manifest.Content.DestinationsOf(script))
            {
                var (hash, latest) = destinations.GetValueOrDefault(id, (new XxHash128(), its));
                hash.Append(Encoding.UTF8.GetBytes(manifest.Content.TypeOf(script)));
                hash.Append("\0"u8);
                hash.Append(manifest.Content.Script(script));
                hash.Append("\0"u8);
                destinations[id] = (hash, its.Version > latest.Version ? its : latest);
            }
        }
        return new DestinationScripts(
            manifest.Version, manifest.Envelope.GeneratedAt, [.. destinations.Select(entry => new DestinationContent(entry.Key, entry.Value.Hash.GetCurrentHash(), entry.Value.Since))]);
    }

    /// <summary>Whether a script is one that several types share, so that it counts for no destination.</summary>
    public static bool IsShared(string type) => s_shared.Contains(type);
}
