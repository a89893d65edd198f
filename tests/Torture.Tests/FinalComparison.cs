using System.Text.Json;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Torture.Tests.Platform;
using ConsentSnapshots.Torture.Tests.Reading;
using Npgsql;

namespace ConsentSnapshots.Torture.Tests;

/// <summary>
/// What has to be so when the faults have ended: the store says what a fresh worker makes of the same rows in an empty store, nothing waits, and the history is whole.
/// </summary>
internal sealed class FinalComparison(Product product, IReadOnlyList<Scope> scopes, Damage damage, Ledger ledger, StoreReader reader, IReadOnlyList<EdgeReader> edges, string folder)
{
    private const string FreshDatabase = "fresh";
    private const string Memory = "/dev/shm";

    // The longest that a scope waits after its worker was killed in its hands again and again is five minutes. A machine that is busy with other things needs the rest.
    private static readonly TimeSpan s_bound = TimeSpan.FromMinutes(8);
    private static readonly TimeSpan s_sayEvery = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(500);
    private static readonly Guid s_nobody = Guid.Parse("00000000-0000-4000-8000-000000000000");

    /// <summary>Waits until everything is as it has to be, and records what is not within the bound.</summary>
    /// <returns>How long that took.</returns>
    public async Task<TimeSpan> CompareAsync(CancellationToken cancellationToken)
    {
        var started = TimeProvider.System.GetTimestamp();
        var expected = await BuildFreshAsync(cancellationToken);
        ledger.Say("a fresh worker has built the same rows");
        var said = TimeSpan.Zero;
        while (true)
        {
            var faults = await FaultsAsync(expected, cancellationToken);
            var took = TimeProvider.System.GetElapsedTime(started);
            if (faults.Count == 0)
            {
                await CheckHistoriesAsync(cancellationToken);
                return took;
            }
            if (took - said > s_sayEvery)
            {
                ledger.Say($"not yet: {faults[0]}{(faults.Count > 1 ? $" and {faults.Count - 1} more" : "")}");
                said = took;
            }
            if (took > s_bound)
            {
                foreach (var fault in faults.Take(20)) ledger.Violate($"{took.TotalSeconds:0} s after the last fault: {fault}");
                return took;
            }
            await Task.Delay(s_pause, TimeProvider.System, cancellationToken);
        }
    }

    /// <summary>What a fresh worker makes of a copy of the rows: the fingerprint of each scope.</summary>
    private async Task<Dictionary<Scope, string>> BuildFreshAsync(CancellationToken cancellationToken)
    {
        // In memory where there is such a file system: a directory store waits for the disk after each step, and nothing is to be kept here.
        var directory = Directory.Exists(Memory) ? Path.Combine(Memory, $"torture-{Environment.ProcessId}") : Path.Combine(folder, "fresh");
        Directory.CreateDirectory(directory);
        try
        {
            return await BuildFreshAsync(directory, cancellationToken);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private async Task<Dictionary<Scope, string>> BuildFreshAsync(string directory, CancellationToken cancellationToken)
    {
        await product.Postgres.CreateDatabaseAsync(FreshDatabase, cancellationToken);
        var settings = product.SettingsOfDirectory(FreshDatabase, directory);
        await SucceedAsync(["migrate", "--with-destinations"], settings, cancellationToken);
        await using (var from = new NpgsqlConnection(product.Postgres.OwnerOf(Product.Database)))
        await using (var to = new NpgsqlConnection(product.Postgres.OwnerOf(FreshDatabase)))
        {
            await from.OpenAsync(cancellationToken);
            await to.OpenAsync(cancellationToken);
            using (var rows = await from.BeginTextExportAsync("copy destinations to stdout", cancellationToken))
            await using (var copies = await to.BeginTextImportAsync("copy destinations from stdin", cancellationToken))
                await copies.WriteAsync(await rows.ReadToEndAsync(cancellationToken));
            // What a scope without destinations looks like.
            await using var nobody = new NpgsqlCommand($"insert into destinations (organization_id, type, name, enabled) values ('{s_nobody}', 'meta-pixel', 'none', false)", to);
            await nobody.ExecuteNonQueryAsync(cancellationToken);
        }
        await SucceedAsync(["regenerate", "--all"], settings, cancellationToken);

        string? Read(Scope scope)
        {
            var file = Path.Combine(directory, "private", BlobNames.Current(scope));
            return File.Exists(file) ? Manifest.Parse(File.ReadAllBytes(file)).Content.Fingerprint : null;
        }
        Assert.True(Scope.TryParse(s_nobody.ToString(), "production", out var empty));
        var ofNothing = Read(empty)!;
        return scopes.ToDictionary(scope => scope, scope => Read(scope) ?? ofNothing);
    }

    private static async Task SucceedAsync(string[] words, Dictionary<string, string> settings, CancellationToken cancellationToken)
    {
        // A machine that is busy may time out a command that has nothing to do with what is tested.
        for (var attempt = 1; ; attempt++)
        {
            var (exitCode, output) = await Product.CommandAsync(words, settings, cancellationToken, s_bound);
            if (exitCode == 0) return;
            Assert.True(attempt < 3, output);
        }
    }

    /// <summary>What is not as it has to be.</summary>
    private async Task<List<string>> FaultsAsync(Dictionary<Scope, string> expected, CancellationToken cancellationToken)
    {
        var faults = new List<string>();
        foreach (var scope in scopes)
        {
            try
            {
                var current = await reader.ReadAsync(Product.PrivateContainer, BlobNames.Current(scope), cancellationToken);
                if (current is null || reader.Parse(scope, current, "current manifest") is not { } manifest)
                {
                    faults.Add($"{scope} has no current manifest.");
                    continue;
                }
                if (manifest.Content.Fingerprint != expected[scope]) faults.Add($"{scope}, version {manifest.Version}, is not what a fresh worker makes of the same rows.");
                var list = await reader.ReadAsync(Product.PublicContainer, BlobNames.List(scope), cancellationToken);
                if (list is null || !list.AsSpan().SequenceEqual(manifest.ListBytes())) faults.Add($"{scope}: the list is not that of version {manifest.Version}.");
                var tags = await reader.ReadAsync(Product.PublicContainer, BlobNames.Tags(scope), cancellationToken);
                if (tags is null || !tags.AsSpan().SequenceEqual(manifest.TagsBytes())) faults.Add($"{scope}: tags.js is not that of version {manifest.Version}.");
                foreach (var hash in manifest.Snapshots.Keys)
                {
                    var bytes = await reader.ReadAsync(Product.PublicContainer, BlobNames.PublicFolder(scope) + hash + ".json", cancellationToken);
                    if (bytes is null || !bytes.AsSpan().SequenceEqual(manifest.SnapshotBytes(hash))) faults.Add($"{scope}: snapshot {hash} of version {manifest.Version} is missing or torn.");
                }
                foreach (var edge in edges)
                    if (await edge.ListAsync(scope, cancellationToken) is not { } served || !served.AsSpan().SequenceEqual(manifest.ListBytes())) faults.Add($"{scope}: an edge does not serve version {manifest.Version}.");
            }
            catch (Exception exception) when (exception is Azure.RequestFailedException or HttpRequestException or AggregateException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
            {
                faults.Add($"{scope} could not be read: {exception.Message}");
            }
            if (faults.Count > 20) return faults;
        }
        if (faults.Count == 0) faults.AddRange(await StatusFaultsAsync(cancellationToken));
        return faults;
    }

    private async Task<List<string>> StatusFaultsAsync(CancellationToken cancellationToken)
    {
        var (exitCode, output) = await Product.CommandAsync(["status", "--json"], product.Settings(), cancellationToken);
        if (exitCode != 0) return [$"status ended with {exitCode}: {output}"];
        using var status = JsonDocument.Parse(output[output.IndexOf('{', StringComparison.Ordinal)..]);
        var faults = new List<string>();
        foreach (var scope in status.RootElement.GetProperty("scopes").EnumerateArray())
            if (scope.GetProperty("state").GetString() is not "up to date" and var state)
                faults.Add($"status says that {scope.GetProperty("organization")}/{scope.GetProperty("environment")} is {state}.");
        foreach (var warning in status.RootElement.GetProperty("warnings").EnumerateArray()) faults.Add($"status warns: {warning}");
        if (faults.Count > 0) return faults;
        await using var connection = new NpgsqlConnection(product.Postgres.OwnerOf(Product.Database));
        await connection.OpenAsync(cancellationToken);
        await using var claims = new NpgsqlCommand("select (select count(*) from consent_snapshots.scopes where claim_token is not null) + (select count(*) from consent_snapshots.changes)", connection);
        if (await claims.ExecuteScalarAsync(cancellationToken) is long and > 0 and var left) faults.Add($"{left} claims or changes are left.");
        return faults;
    }

    /// <summary>Every history has no gap, each version names the one before it, and what each names exists, unless the run has deleted it.</summary>
    private async Task CheckHistoriesAsync(CancellationToken cancellationToken)
    {
        var versions = new Dictionary<Scope, SortedSet<int>>();
        await foreach (var blob in product.Store.GetBlobContainerClient(Product.HistoryContainer).GetBlobsAsync(traits: default, states: default, prefix: null, cancellationToken: cancellationToken))
        {
            if (!BlobNames.TryParseHistory(blob.Name, out var scope, out var version))
            {
                ledger.Violate($"The history has a blob of another name: {blob.Name}");
                continue;
            }
            if (!versions.TryGetValue(scope, out var ofScope)) versions[scope] = ofScope = [];
            ofScope.Add(version);
        }
        var names = new HashSet<string>(StringComparer.Ordinal);
        await foreach (var blob in product.Store.GetBlobContainerClient(Product.PublicContainer).GetBlobsAsync(traits: default, states: default, prefix: null, cancellationToken: cancellationToken)) names.Add(blob.Name);
        foreach (var (scope, ofScope) in versions)
        {
            ledger.Count("versions in the history at the end", ofScope.Count);
            if (!damage.Ever(Product.HistoryContainer) && ofScope.Min != 1) ledger.Violate($"The history of {scope} begins with version {ofScope.Min}.");
            if (ofScope.Max - ofScope.Min + 1 != ofScope.Count) ledger.Violate($"The history of {scope} has gaps: {string.Join(", ", ofScope)}");
        }
        await Parallel.ForEachAsync(versions, new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = cancellationToken }, async (history, token) =>
        {
            Manifest? before = null;
            foreach (var version in history.Value)
            {
                var bytes = await reader.ReadAsync(Product.HistoryContainer, BlobNames.History(history.Key, version), token);
                if (bytes is null || reader.Parse(history.Key, bytes, "history") is not { } manifest) continue;
                if (before is not null && manifest.Version == before.Version + 1 && manifest.Envelope.Previous is { } previous && previous != before.Digest())
                    ledger.Violate($"Version {version} of {history.Key} names another version before it than the history has.");
                if (before is not null && manifest.Envelope.Previous is null && !damage.Ever(Product.HistoryContainer))
                    ledger.Violate($"Version {version} of {history.Key} names no version before it.");
                if (before is not null && (manifest.Envelope.SourceEpoch, manifest.Envelope.SourceRevision).CompareTo((before.Envelope.SourceEpoch, before.Envelope.SourceRevision)) < 0)
                    ledger.Violate($"Version {version} of {history.Key} was made of older rows than the version before it.");
                if (!damage.Ever(Product.PublicContainer) && manifest.Snapshots.Keys.FirstOrDefault(hash => !names.Contains(BlobNames.PublicFolder(history.Key) + hash + ".json")) is { } missing)
                    ledger.Violate($"Version {version} of {history.Key} names snapshot {missing}, which does not exist.");
                before = manifest;
            }
        });
    }
}
