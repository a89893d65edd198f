using System.Collections.Concurrent;
using System.Text;
using Azure;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Torture.Tests.Platform;

namespace ConsentSnapshots.Torture.Tests.Reading;

/// <summary>Reads scopes straight from the containers all the time, as a CDN and an edge do, and judges what it sees.</summary>
internal sealed class StoreReader(Product product, IReadOnlyList<Scope> scopes, Damage damage, Ledger ledger, Random random)
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(40);
    private readonly Dictionary<(Scope Scope, string Blob), (int Version, int Wipes)> _seen = [];

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                await LookAsync(scopes[random.Next(scopes.Count)], cancellationToken);
                ledger.Count("scopes read from the store");
                await Task.Delay(s_pause, TimeProvider.System, cancellationToken);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception) when (exception is RequestFailedException or AggregateException or IOException or OperationCanceledException)
            {
                if (!ledger.InTrouble(Troubles.Store, TimeSpan.FromSeconds(15))) ledger.Count("reads that the store did not answer");
                await Task.Delay(s_pause * 10, TimeProvider.System, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>Reads everything of a scope once; whether all of it was there.</summary>
    public async Task<bool> LookAsync(Scope scope, CancellationToken cancellationToken)
    {
        var (begun, wipes) = (TimeProvider.System.GetTimestamp(), damage.Wipes);
        // The manifest is made current before the list is written: read in this order, the list is never older by more than what is under way.
        var current = await ReadAsync(Product.PrivateContainer, BlobNames.Current(scope), cancellationToken);
        if (current is null)
        {
            if (_seen.ContainsKey((scope, "manifest")) && !damage.Is(scope, Product.PrivateContainer)) ledger.Violate($"{scope}: the current manifest is gone.");
            return false;
        }
        if (Parse(scope, current, "current manifest") is not { } manifest) return false;
        NotBackwards(scope, "manifest", manifest.Version, wipes);
        var whole = await HasSnapshotsAsync(manifest, cancellationToken);
        damage.Heal(scope, Product.PrivateContainer, begun);

        var list = await ReadAsync(Product.PublicContainer, BlobNames.List(scope), cancellationToken);
        var tags = await ReadAsync(Product.PublicContainer, BlobNames.Tags(scope), cancellationToken);
        if (list is not null) await CheckListAsync(scope, list, manifest, wipes, cancellationToken);
        else if (_seen.ContainsKey((scope, "list")) && !damage.Is(scope, Product.PublicContainer)) ledger.Violate($"{scope}: the list is gone.");
        if (tags is not null && PublishedVersions.OfTags(tags) is { } ofTags) NotBackwards(scope, "tags.js", ofTags, wipes);
        else if (tags is not null) ledger.Violate($"{scope}: tags.js says no version.");
        else if (_seen.ContainsKey((scope, "tags.js")) && !damage.Is(scope, Product.PublicContainer)) ledger.Violate($"{scope}: tags.js is gone.");
        if (!whole || list is null || tags is null) return false;
        damage.Heal(scope, Product.PublicContainer, begun);
        return true;
    }

    /// <summary>The bytes of a blob; null where there is none.</summary>
    public async Task<byte[]?> ReadAsync(string container, string name, CancellationToken cancellationToken)
    {
        try
        {
            return (await product.Store.GetBlobContainerClient(container).GetBlobClient(name).DownloadContentAsync(cancellationToken)).Value.Content.ToArray();
        }
        catch (RequestFailedException exception) when (exception.Status == 404)
        {
            return null;
        }
    }

    /// <summary>A manifest that was read, judged by itself; null where it is none.</summary>
    public Manifest? Parse(Scope scope, byte[] bytes, string what)
    {
        try
        {
            var manifest = Manifest.Parse(bytes);
            if (manifest.FindFault() is { } fault) ledger.Violate($"{scope}: the {what} is torn: {fault}");
            if (FindBeyondConsent(manifest) is { } beyond) ledger.Violate($"{scope}: the {what}, version {manifest.Version}, {beyond}");
            return manifest;
        }
        catch (ManifestException exception)
        {
            ledger.Violate($"{scope}: the {what} cannot be read: {exception.Message}");
            return null;
        }
    }

    private string? FindBeyondConsent(Manifest manifest)
    {
        var scripts = Enumerable.Range(0, manifest.Content.ScriptCount).Select(index => Encoding.UTF8.GetString(manifest.Content.Script(index))).ToList();
        foreach (var set in ConsentSet.All)
            foreach (var script in manifest.Content[set].Scripts)
                if (ledger.FindForbidden(scripts[script], manifest.Scope, set) is { } forbidden) return $"gives consent set {set.Name} {forbidden}";
        return null;
    }

    private async Task<bool> HasSnapshotsAsync(Manifest manifest, CancellationToken cancellationToken)
    {
        var readsAll = random.Next(4) == 0;
        var missing = new ConcurrentBag<string>();
        await Parallel.ForEachAsync(manifest.Snapshots.Keys, new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = cancellationToken }, async (hash, token) =>
        {
            var name = BlobNames.PublicFolder(manifest.Scope) + hash + ".json";
            if (!readsAll)
            {
                if (!await product.Store.GetBlobContainerClient(Product.PublicContainer).GetBlobClient(name).ExistsAsync(token)) missing.Add(name);
                return;
            }
            var bytes = await ReadAsync(Product.PublicContainer, name, token);
            if (bytes is null) missing.Add(name);
            else if (!bytes.AsSpan().SequenceEqual(manifest.SnapshotBytes(hash))) ledger.Violate($"{manifest.Scope}: snapshot {hash} of version {manifest.Version} is torn.");
        });
        ledger.Count("snapshots looked up", manifest.Snapshots.Count);
        if (!missing.IsEmpty && !damage.Is(manifest.Scope, Product.PublicContainer))
            ledger.Violate($"{manifest.Scope}: version {manifest.Version} names snapshots that do not exist: {string.Join(", ", missing)}");
        return missing.IsEmpty;
    }

    /// <summary>The list is, byte for byte, that of the version that it names.</summary>
    private async Task CheckListAsync(Scope scope, byte[] list, Manifest current, int wipes, CancellationToken cancellationToken)
    {
        if (PublishedVersions.OfList(list) is not { } version)
        {
            ledger.Violate($"{scope}: the list is torn.");
            return;
        }
        NotBackwards(scope, "list", version, wipes);
        var manifest = version == current.Version ? current : null;
        if (manifest is null && await ReadAsync(Product.HistoryContainer, BlobNames.History(scope, version), cancellationToken) is { } bytes) manifest = Parse(scope, bytes, "history");
        if (manifest is null)
        {
            if (!damage.Ever(Product.HistoryContainer)) ledger.Violate($"{scope}: the list is of version {version}, which is not in the history.");
        }
        else if (!manifest.ListBytes().AsSpan().SequenceEqual(list) && !damage.Ever(Product.HistoryContainer))
        {
            ledger.Violate($"{scope}: the list of version {version} does not have the bytes that its manifest gives.");
        }
    }

    private void NotBackwards(Scope scope, string blob, int version, int wipes)
    {
        if (wipes != damage.Wipes) return;
        if (_seen.TryGetValue((scope, blob), out var seen) && seen.Wipes == wipes && seen.Version > version)
            ledger.Violate($"{scope}: the {blob} went back from version {seen.Version} to {version}.");
        _seen[(scope, blob)] = (version, wipes);
    }
}
