using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Text.Json;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Scheduling;
using ConsentSnapshots.Worker.Storage;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Worker.Sources.Files;

/// <summary>
/// Destinations from a file. One writer; which scopes wait is remembered in memory, because at the start of a process every scope does.
/// What Postgres would keep of a build (its problems) goes to the private part of the store.
/// </summary>
public sealed class FileSource(string path, SnapshotStore store, DrainSignal signal, TimeProvider time, ILogger<FileSource> logger) : IDestinationSource, IDisposable
{
    private readonly ConcurrentDictionary<Scope, Waiting> _waiting = new();
    private readonly ConcurrentDictionary<Scope, byte> _building = new();
    private readonly SemaphoreSlim _load = new(1, 1);
    private volatile Loaded? _loaded;

    private sealed record Waiting(int Generation, int Attempts, DateTimeOffset NotBefore);

    private sealed record Loaded(DestinationFile File, string Stamp, IReadOnlyList<Scope> Scopes, IReadOnlyDictionary<Scope, int> Announced);

    private int _generation;

    /// <inheritdoc/>
    public string Description => $"file {Path.GetFullPath(path)}";

    /// <inheritdoc/>
    public async Task CheckAsync(CancellationToken cancellationToken) => await LoadedAsync(cancellationToken);

    /// <inheritdoc/>
    public async Task<ScopeRows> ReadAsync(Scope scope, CancellationToken cancellationToken)
    {
        var file = (await LoadedAsync(cancellationToken)).File;
        return new ScopeRows(scope, file.Rows(scope), new SourcePosition(1, null)) { UnsetVariables = file.UnsetVariables };
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<ScopeRows> ReadAsync(
        IReadOnlyList<OrganizationId> organizations, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var scope in organizations.SelectMany(Scope.Of)) yield return await ReadAsync(scope, cancellationToken);
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<Scope>> ListScopesAsync(CancellationToken cancellationToken) => (await LoadedAsync(cancellationToken)).Scopes;

    /// <summary>
    /// Reads the file again if it has changed, and makes every scope pending. A first file that is bad throws; a later one is reported
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
        if (before.Stamp == Stamp()) return;
        try
        {
            await LoadAsync(cancellationToken);
            logger.FileRead(path, _loaded!.Scopes.Count);
        }
        catch (SourceUnavailableException exception)
        {
            // Remember the stamp, so that a file that stays bad is reported once.
            _loaded = before with { Stamp = Stamp() };
            logger.FileNotRead(exception.Message);
        }
    }

    /// <inheritdoc/>
    public async Task<ClaimedScopes> ClaimAsync(int max, CancellationToken cancellationToken)
    {
        await LoadedAsync(cancellationToken);
        var now = time.GetUtcNow();
        var claims = new List<ClaimedScope>();
        foreach (var (scope, waiting) in _waiting.OrderBy(entry => entry.Key))
        {
            if (claims.Count == max) break;
            if (waiting.NotBefore > now || !_building.TryAdd(scope, 0)) continue;
            claims.Add(new ClaimedScope(scope, await IsUnannouncedAsync(scope, waiting, cancellationToken), waiting.Attempts + 1, waiting));
        }
        return new ClaimedScopes(claims, false);
    }

    /// <inheritdoc/>
    public async Task<ClaimedScope?> ClaimAsync(Scope scope, CancellationToken cancellationToken)
    {
        if (!_building.TryAdd(scope, 0)) return null;
        var waiting = _waiting.GetValueOrDefault(scope) ?? new Waiting(0, 0, default);
        return new ClaimedScope(scope, await IsUnannouncedAsync(scope, waiting, cancellationToken), waiting.Attempts + 1, waiting);
    }

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
        _waiting.TryUpdate(claim.Scope, waiting with { Attempts = claim.Attempt, NotBefore = time.GetUtcNow() + delay }, waiting);
        _building.TryRemove(claim.Scope, out _);
        if (failure.Problems is null) return;
        await SaveReportAsync(claim.Scope, failure.Problems, failure.Error, failure.Held ? failure.Error : null, cancellationToken);
    }

    /// <inheritdoc/>
    public Task ReleaseAsync(IReadOnlyCollection<ClaimedScope> claims, CancellationToken cancellationToken)
    {
        foreach (var claim in claims) _building.TryRemove(claim.Scope, out _);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task EnqueueAsync(IReadOnlyCollection<Scope> scopes, CancellationToken cancellationToken)
    {
        var generation = Interlocked.Increment(ref _generation);
        foreach (var scope in scopes) _waiting[scope] = new Waiting(generation, 0, default);
        signal.Raise();
        return Task.CompletedTask;
    }

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

    /// <summary>
    /// Whether a version is current that no edge was told of: this process or an earlier one died in between. The change log itself
    /// says so, as far back as it is kept.
    /// </summary>
    private async Task<bool> IsUnannouncedAsync(Scope scope, Waiting waiting, CancellationToken cancellationToken)
    {
        if (waiting.Attempts > 0) return true;
        var current = (await store.ReadCurrentAsync(scope, cancellationToken)).Current?.Manifest;
        return current is not null && _loaded!.Announced.GetValueOrDefault(scope) < current.Version && waiting.Generation <= 1;
    }

    private async Task<Loaded> LoadedAsync(CancellationToken cancellationToken)
    {
        if (_loaded is { } loaded) return loaded;
        await LoadAsync(cancellationToken);
        return _loaded!;
    }

    private async Task LoadAsync(CancellationToken cancellationToken)
    {
        await _load.WaitAsync(cancellationToken);
        try
        {
            var stamp = Stamp();
            DestinationFile file;
            try
            {
                file = DestinationFile.Parse(await File.ReadAllBytesAsync(path, cancellationToken), Environment.GetEnvironmentVariable);
            }
            catch (Exception exception) when (exception is DestinationFileException or IOException or UnauthorizedAccessException)
            {
                throw new SourceUnavailableException($"{Path.GetFullPath(path)} cannot be used.{Environment.NewLine}{exception.Message}", exception);
            }
            var announced = _loaded?.Announced ?? await store.ReadAnnouncedVersionsAsync(cancellationToken);
            // An organization that left the file keeps its manifests, and they become empty.
            var organizations = new SortedSet<OrganizationId>(file.Organizations);
            await foreach (var current in store.ListCurrentAsync("", cancellationToken)) organizations.Add(current.Scope.Organization);
            _loaded = new Loaded(file, stamp, [.. organizations.SelectMany(Scope.Of)], announced);
            await EnqueueAsync(_loaded.Scopes, cancellationToken);
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
        return target.Exists ? $"{target.FullName}|{target.Length}|{target.LastWriteTimeUtc.Ticks}" : "missing";
    }

    private async Task SaveReportAsync(
        Scope scope, IReadOnlyList<DestinationProblem> problems, string? error, string? held, CancellationToken cancellationToken)
    {
        var name = BlobNames.Report(scope);
        var bytes = problems.Count == 0 && error is null
            ? []
            : JsonSerializer.SerializeToUtf8Bytes(new ScopeReport(problems, error, held), ReportJsonContext.Default.ScopeReport);
        var stored = await store.Blobs.ReadAsync(BlobContainer.Private, name, cancellationToken);
        if (stored is null ? bytes.Length == 0 : stored.Bytes.AsSpan().SequenceEqual(bytes)) return;
        if (bytes.Length == 0) await store.Blobs.DeleteAsync(BlobContainer.Private, name, null, cancellationToken);
        else await store.Blobs.WriteAsync(BlobContainer.Private, name, bytes, BlobProperties.PrivateJson, cancellationToken);
    }

    private async Task<ScopeReport?> ReadReportAsync(Scope scope, CancellationToken cancellationToken)
    {
        if (await store.Blobs.ReadAsync(BlobContainer.Private, BlobNames.Report(scope), cancellationToken) is not { } blob) return null;
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
