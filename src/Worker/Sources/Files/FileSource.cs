using System.Collections.Concurrent;
using System.IO.Hashing;
using System.Runtime.CompilerServices;
using System.Text.Json;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Queue;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Worker.Sources.Files;

/// <summary>
/// Destinations from a file. One writer; which scopes wait is remembered in memory, because at the start of a process every scope does.
/// What Postgres would keep of a build (its problems) goes to the private part of the store.
/// </summary>
public sealed class FileSource(
    string path, SettingVariables variables, ScopeStore store, WakeUp signal, ScopeLimits limits, TimeProvider time, ILogger<FileSource> logger) : IDestinationSource, IDisposable
{
    // What is changed at once in more scopes than these is no edit that somebody waits for.
    private const int MostEdits = 10;
    private const int MostHashed = 1 << 20;

    private readonly ConcurrentDictionary<Scope, Waiting> _waiting = new();
    private readonly ConcurrentDictionary<Scope, byte> _building = new();
    private readonly SemaphoreSlim _load = new(1, 1);
    private volatile Loaded? _loaded;

    // The generation tells a change that came during a build from the one that is being built.
    private sealed record Waiting(int Generation, int Attempts, DateTimeOffset NotBefore, bool Unannounced = false, bool Fence = false, Lane Lane = Lane.Bulk);

    private sealed record Loaded(DestinationFile File, string Stamp, IReadOnlyList<Scope> Scopes);

    private int _generation;

    /// <inheritdoc/>
    public string Description => $"file {Path.GetFullPath(path)}";

    /// <inheritdoc/>
    public TimeSpan LookInterval { get; } = TimeSpan.FromSeconds(1);

    /// <inheritdoc/>
    public async Task CheckAsync(CancellationToken cancellationToken) => await LoadedAsync(cancellationToken);

    /// <inheritdoc/>
    public async Task<ScopeRows> ReadAsync(Scope scope, CancellationToken cancellationToken)
    {
        var file = (await LoadedAsync(cancellationToken)).File;
        var rows = file.Rows(scope);
        if (SettingsSize.Of(rows).Exceeds(limits) is { } problem) throw new ScopeTooLargeException(problem);
        return new ScopeRows(scope, rows, new SourcePosition(1, null), SourceClock.Of(time)) { LeftOut = file.LeftOut(scope) };
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<ScopeRead> ReadAsync(
        IReadOnlyList<OrganizationId> organizations, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var scope in organizations.SelectMany(Scope.Of))
        {
            ScopeRead read;
            try
            {
                read = new ScopeRead(scope, await ReadAsync(scope, cancellationToken));
            }
            catch (ScopeTooLargeException large)
            {
                read = new ScopeRead(scope, null, large.Message, Held: true);
            }
            yield return read;
        }
    }

    /// <inheritdoc/>
    public Task<int> RecordedVersionAsync(Scope scope, CancellationToken cancellationToken) => Task.FromResult(0);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<Scope>> ListScopesAsync(CancellationToken cancellationToken) => (await LoadedAsync(cancellationToken)).Scopes;

    /// <summary>
    /// Reads the file again if it has changed, and makes pending what it says otherwise. A first file that is bad throws; a later one is reported
    /// and what was read before stays.
    /// </summary>
    public async Task RefreshAsync(CancellationToken cancellationToken)
    {
        var before = _loaded;
        if (before is null)
        {
            await LoadedAsync(cancellationToken);
            return;
        }
        // Taken before the read: whatever is written after it has another stamp and is read by the next look.
        var stamp = Stamp();
        if (before.Stamp == stamp) return;
        try
        {
            await LoadAsync(stamp, cancellationToken);
            logger.FileRead(path, _loaded!.Scopes.Count);
        }
        catch (SourceUnavailableException exception)
        {
            // Remembered too, so that a file that stays bad is reported once.
            _loaded = before with { Stamp = stamp };
            logger.FileNotRead(exception.Message);
        }
    }

    /// <inheritdoc/>
    public Task<ScopeRows> ReadAsync(ClaimedScope claim, CancellationToken cancellationToken) => ReadAsync(claim.Scope, cancellationToken);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ClaimedScope>> ClaimAsync(Lane lane, int max, CancellationToken cancellationToken)
    {
        await LoadedAsync(cancellationToken);
        var now = time.GetUtcNow();
        var claims = new List<ClaimedScope>();
        // The dictionary's own ToArray: sorting the dictionary itself would throw when another thread adds to it meanwhile.
        foreach (var (scope, waiting) in _waiting.ToArray().OrderBy(entry => entry.Key))
        {
            if (claims.Count == max) break;
            if (waiting.Lane != lane || waiting.NotBefore > now || !_building.TryAdd(scope, 0)) continue;
            claims.Add(Claimed(scope, waiting));
        }
        return claims;
    }

    /// <inheritdoc/>
    public async Task<ClaimedScope?> ClaimAsync(Scope scope, CancellationToken cancellationToken)
    {
        // The command that asks may have read the file a while ago.
        await RefreshAsync(cancellationToken);
        return _building.TryAdd(scope, 0) ? Claimed(scope, _waiting.GetValueOrDefault(scope) ?? new Waiting(0, 0, default)) : null;
    }

    private static ClaimedScope Claimed(Scope scope, Waiting waiting) =>
        new(scope, waiting.Attempts > 0 || waiting.Unannounced, waiting.Attempts + 1, waiting) { Fence = waiting.Fence, Lane = waiting.Lane };

    /// <inheritdoc/>
    public async Task CompleteAsync(ClaimedScope claim, BuildReport report, CancellationToken cancellationToken)
    {
        try
        {
            await SaveReportAsync(claim.Scope, report.Problems, null, null, cancellationToken);
            // Only if the file has not changed since the claim: a newer generation stays pending.
            _waiting.TryRemove(KeyValuePair.Create(claim.Scope, (Waiting)claim.Token));
        }
        finally
        {
            _building.TryRemove(claim.Scope, out _);
        }
        if (_waiting.ContainsKey(claim.Scope)) signal.Raise();
    }

    /// <inheritdoc/>
    public async Task FailAsync(ClaimedScope claim, BuildFailure failure, TimeSpan delay, CancellationToken cancellationToken)
    {
        var waiting = (Waiting)claim.Token;
        var failed = waiting with { Attempts = claim.Attempt, NotBefore = time.GetUtcNow() + delay, Fence = waiting.Fence || failure.CommitUnknown };
        // A change that came meanwhile is due at once, and has to finish all the same what this attempt may have begun.
        _waiting.AddOrUpdate(claim.Scope, failed, (_, now) => now == waiting ? failed : now with { Unannounced = true, Fence = failed.Fence });
        _building.TryRemove(claim.Scope, out _);
        // A change that came while the scope was in hand was signalled then, when it could not be claimed.
        signal.Raise();
        await SaveReportAsync(claim.Scope, failure.Problems ?? [], failure.Error, failure.Held ? failure.Error : null, cancellationToken);
    }

    /// <inheritdoc/>
    public Task EnqueueAsync(IReadOnlyCollection<Scope> scopes, CancellationToken cancellationToken)
    {
        Enqueue(scopes, new HashSet<Scope>(), Lane.Bulk);
        return Task.CompletedTask;
    }

    private void Enqueue(IReadOnlyCollection<Scope> scopes, HashSet<Scope> unannounced, Lane lane)
    {
        var generation = Interlocked.Increment(ref _generation);
        // A commit that may still arrive is to be fenced off whatever else comes.
        foreach (var scope in scopes)
            _waiting.AddOrUpdate(scope, new Waiting(generation, 0, default, unannounced.Contains(scope), Lane: lane),
                (_, waiting) => new Waiting(generation, 0, default, unannounced.Contains(scope), waiting.Fence, (Lane)Math.Min((int)waiting.Lane, (int)lane)));
        signal.Raise();
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>> ListRefusedAsync(CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<string>>([]); // a file with such a name is not taken at all

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>> ListWarningsAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<string>>([]);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<SourceStatus>> StatusAsync(OrganizationId? organization, CancellationToken cancellationToken)
    {
        var statuses = new List<SourceStatus>();
        foreach (var scope in (await LoadedAsync(cancellationToken)).Scopes.Where(scope => organization is null || scope.Organization == organization))
        {
            var report = await ReadReportAsync(scope, cancellationToken);
            var state = report is { Held: not null } ? BuildState.Held : report is { Error: not null } ? BuildState.Failed : BuildState.UpToDate;
            statuses.Add(new SourceStatus(scope, state, 0, report?.Error, null, report?.Problems ?? []));
        }
        return statuses;
    }

    /// <inheritdoc/>
    public void Dispose() => _load.Dispose();

    private async Task<Loaded> LoadedAsync(CancellationToken cancellationToken)
    {
        if (_loaded is { } loaded) return loaded;
        await LoadAsync(Stamp(), cancellationToken);
        return _loaded!;
    }

    private async Task LoadAsync(string stamp, CancellationToken cancellationToken)
    {
        await _load.WaitAsync(cancellationToken);
        try
        {
            DestinationFile file;
            try
            {
                file = DestinationFile.Parse(await File.ReadAllBytesAsync(path, cancellationToken), variables);
            }
            catch (Exception exception) when (exception is DestinationFileException or IOException or UnauthorizedAccessException)
            {
                throw new SourceUnavailableException($"{Path.GetFullPath(path)} cannot be used.{Environment.NewLine}{exception.Message}", exception);
            }
            foreach (var scope in file.Organizations.SelectMany(Scope.Of))
                foreach (var (id, problem) in file.LeftOut(scope)) logger.DestinationLeftOut(scope.ToString(), id, problem.Message);
            // An organization that left the file keeps its manifests, and they become empty.
            var organizations = new SortedSet<OrganizationId>(file.Organizations);
            // A version that is current and that no edge was told of: an earlier process died in between. The change log itself says so.
            var unannounced = new HashSet<Scope>();
            var announced = _loaded is null ? await store.Changes.ReadAnnouncedVersionsAsync(cancellationToken) : null;
            await foreach (var current in store.ListCurrentAsync("", cancellationToken))
            {
                organizations.Add(current.Scope.Organization);
                if (announced is not null && announced.GetValueOrDefault(current.Scope) < current.Version) unannounced.Add(current.Scope);
            }
            var before = _loaded;
            _loaded = new Loaded(file, stamp, [.. organizations.SelectMany(Scope.Of)]);
            // At the start nobody knows what an earlier process has published; later, what the file says of a scope is compared.
            var changed = before is null ? _loaded.Scopes : [.. _loaded.Scopes.Where(scope => file.TextOf(scope) != before.File.TextOf(scope))];
            if (changed.Count > 0) Enqueue(changed, unannounced, before is not null && changed.Count <= MostEdits ? Lane.Edits : Lane.Bulk);
        }
        finally
        {
            _load.Release();
        }
    }

    private string Stamp()
    {
        // A Kubernetes ConfigMap is swapped by a link: the target's name and time are what changes.
        var file = new FileInfo(path);
        var target = file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file;
        // Another file may have the same length and time: a small one is looked at itself, of a large one the time of its making.
        return target.Exists ? $"{target.FullName}|{target.Length}|{target.LastWriteTimeUtc.Ticks}|{(target.Length <= MostHashed ? Hash(target.FullName) : target.CreationTimeUtc.Ticks)}" : "missing";
    }

    private static UInt128 Hash(string path)
    {
        try
        {
            return XxHash128.HashToUInt128(File.ReadAllBytes(path));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return default; // reading it says what is wrong
        }
    }

    private async Task SaveReportAsync(
        Scope scope, IReadOnlyList<DestinationProblem> problems, string? error, string? held, CancellationToken cancellationToken)
    {
        var name = BlobNames.Report(scope);
        var bytes = problems.Count == 0 && error is null
            ? []
            : JsonSerializer.SerializeToUtf8Bytes(new ScopeReport(problems, error, held), ReportJsonContext.Default.ScopeReport);
        var stored = await store.Blobs.ReadAsync(BlobContainer.Private, name, null, int.MaxValue, cancellationToken) as BlobRead.Found;
        if (stored is null ? bytes.Length == 0 : stored.Bytes.AsSpan().SequenceEqual(bytes)) return;
        if (bytes.Length == 0) await store.Blobs.DeleteAsync(BlobContainer.Private, name, null, cancellationToken);
        else await store.Blobs.WriteAsync(BlobContainer.Private, name, bytes, BlobProperties.PrivateJson, cancellationToken);
    }

    private async Task<ScopeReport?> ReadReportAsync(Scope scope, CancellationToken cancellationToken)
    {
        if (await store.Blobs.ReadAsync(BlobContainer.Private, BlobNames.Report(scope), null, int.MaxValue, cancellationToken) is not BlobRead.Found blob) return null;
        try
        {
            return JsonSerializer.Deserialize(blob.Bytes, ReportJsonContext.Default.ScopeReport);
        }
        catch (JsonException exception)
        {
            return new ScopeReport([], $"The stored report cannot be read ({exception.Message}); the next build writes it anew.", null);
        }
    }
}
