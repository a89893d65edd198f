using System.Collections.Concurrent;
using System.Text.Json;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Building;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Sources.Files;

namespace ConsentSnapshots.Worker.Queue;

/// <summary>
/// The scopes of a file that wait to be built. There is one writer, so memory is enough: at the start of a process every scope waits, later those that the file changes.
/// What Postgres would keep of a build (its problems) is kept in the private part of the store.
/// </summary>
public sealed class MemoryQueue(FileSource source, ScopeStore store, WakeUp wakeUp, TimeProvider time) : IScopeQueue, IDisposable
{
    // A change of more scopes than these at once is no edit that somebody waits for.
    private const int MostEdits = 10;

    private readonly ConcurrentDictionary<Scope, Waiting> _waiting = new();
    private readonly ConcurrentDictionary<Scope, Guid> _building = new();
    private readonly SemaphoreSlim _filling = new(1, 1);
    private volatile bool _filled;
    private long _changes;

    /// <summary>What waits of a scope.</summary>
    /// <param name="Changes">Which change made it wait; tells a change that came during a build from the one that is being built.</param>
    /// <param name="Lane">Who waits for it.</param>
    private sealed record Waiting(long Changes, Lane Lane)
    {
        public int Attempts { get; init; }

        public DateTimeOffset NotBefore { get; init; }

        /// <summary>Whether a version may be current that no edge was told of.</summary>
        public bool Unannounced { get; init; }

        public bool Fence { get; init; }
    }

    /// <inheritdoc/>
    public TimeSpan LookInterval { get; } = TimeSpan.FromSeconds(1);

    /// <summary>Reads the file again if it has changed, and makes the scopes wait whose entries it changed.</summary>
    public async Task RefreshAsync(CancellationToken cancellationToken)
    {
        await FillAsync(cancellationToken);
        var changed = await source.RefreshAsync(cancellationToken);
        if (changed.Count > 0) Enqueue(changed, [], changed.Count <= MostEdits ? Lane.Edits : Lane.Bulk);
    }

    /// <inheritdoc/>
    public async Task EnqueueAsync(IReadOnlyCollection<Scope> scopes, CancellationToken cancellationToken)
    {
        await FillAsync(cancellationToken);
        Enqueue(scopes, [], Lane.Bulk);
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ScopeClaim>> ClaimAsync(Lane lane, int max, CancellationToken cancellationToken)
    {
        await FillAsync(cancellationToken);
        var now = time.GetUtcNow();
        var claims = new List<ScopeClaim>();
        // The dictionary's own ToArray: sorting the dictionary itself would throw when another thread adds to it meanwhile.
        foreach (var (scope, waiting) in _waiting.ToArray().OrderBy(entry => entry.Key))
        {
            if (claims.Count == max) break;
            if (waiting.Lane == lane && waiting.NotBefore <= now && Claim(scope, waiting) is { } claim) claims.Add(claim);
        }
        return claims;
    }

    /// <inheritdoc/>
    public async Task<ScopeClaim?> ClaimAsync(Scope scope, CancellationToken cancellationToken)
    {
        // The command that asks may have read the file a while ago.
        await RefreshAsync(cancellationToken);
        return Claim(scope, _waiting.GetValueOrDefault(scope) ?? new Waiting(0, Lane.Bulk));
    }

    /// <inheritdoc/>
    public async Task CompleteAsync(ScopeClaim claim, BuildOutcome outcome, TimeSpan retryIn, CancellationToken cancellationToken)
    {
        var complete = outcome.IsComplete;
        try
        {
            await SaveReportAsync(claim.Scope, outcome, cancellationToken);
        }
        catch
        {
            complete = false;
            throw;
        }
        finally
        {
            if (!complete) Retry(claim, retryIn, outcome is BuildOutcome.Failed { CommitUnknown: true });
            // Only if nothing has changed since the claim: what came later keeps waiting.
            else if (_waiting.TryGetValue(claim.Scope, out var waiting) && waiting.Changes == claim.Changes) _waiting.TryRemove(KeyValuePair.Create(claim.Scope, waiting));
            GiveBack(claim);
        }
    }

    /// <inheritdoc/>
    public Task ReleaseAsync(IReadOnlyList<ScopeClaim> claims, CancellationToken cancellationToken)
    {
        foreach (var claim in claims) GiveBack(claim);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ScopeStatus>> StatusAsync(OrganizationId? organization, CancellationToken cancellationToken)
    {
        var statuses = new List<ScopeStatus>();
        foreach (var scope in (await KnownAsync(cancellationToken)).Scopes.Where(scope => organization is null || scope.Organization == organization))
        {
            var report = await ReadReportAsync(scope, cancellationToken);
            var state = report is { Held: not null } ? ScopeState.Held : report is { Error: not null } ? ScopeState.Failed : ScopeState.UpToDate;
            statuses.Add(new ScopeStatus(scope, state) { LastError = report?.Error, HeldReason = report?.Held, Problems = report?.Problems ?? [] });
        }
        return statuses;
    }

    /// <inheritdoc/>
    public void Dispose() => _filling.Dispose();

    private ScopeClaim? Claim(Scope scope, Waiting waiting)
    {
        var token = Guid.NewGuid();
        return !_building.TryAdd(scope, token) ? null : new ScopeClaim(scope, waiting.Lane, waiting.Attempts + 1, token, waiting.Fence)
        {
            Changes = waiting.Changes,
            Retried = waiting.Attempts > 0 || waiting.Unannounced,
        };
    }

    private void GiveBack(ScopeClaim claim)
    {
        _building.TryRemove(KeyValuePair.Create(claim.Scope, claim.Token));
        // A change that came during the build was signalled then, when the scope could not be claimed.
        if (_waiting.ContainsKey(claim.Scope)) wakeUp.Raise();
    }

    private void Retry(ScopeClaim claim, TimeSpan retryIn, bool commitUnknown)
    {
        var fence = claim.Fence || commitUnknown;
        var failed = new Waiting(claim.Changes, claim.Lane) { Attempts = claim.Attempt, NotBefore = time.GetUtcNow() + retryIn, Fence = fence };
        // A change that came meanwhile is due at once, and has to finish all the same what this attempt may have begun.
        _waiting.AddOrUpdate(claim.Scope, failed, (_, now) => now.Changes == claim.Changes ? failed : now with { Unannounced = true, Fence = fence });
    }

    private void Enqueue(IReadOnlyCollection<Scope> scopes, HashSet<Scope> unannounced, Lane lane)
    {
        var changes = Interlocked.Increment(ref _changes);
        // A commit that may still arrive is to be fenced off whatever else comes.
        foreach (var scope in scopes)
        {
            _waiting.AddOrUpdate(scope,
                new Waiting(changes, lane) { Unannounced = unannounced.Contains(scope) },
                (_, waiting) => new Waiting(changes, (Lane)Math.Min((int)waiting.Lane, (int)lane)) { Unannounced = unannounced.Contains(scope), Fence = waiting.Fence });
        }
        wakeUp.Raise();
    }

    /// <summary>At the start nobody knows what an earlier process has published, so every scope waits. What the store has and the file has not becomes empty.</summary>
    private async Task FillAsync(CancellationToken cancellationToken)
    {
        if (_filled) return;
        await _filling.WaitAsync(cancellationToken);
        try
        {
            if (_filled) return;
            var (scopes, current) = await KnownAsync(cancellationToken);
            // A version that is current and that no edge was told of: an earlier process died in between. The change log itself says so.
            var announced = await store.Changes.ReadAnnouncedVersionsAsync(cancellationToken);
            Enqueue(scopes, [.. current.Where(listing => announced.GetValueOrDefault(listing.Scope) < listing.Version).Select(listing => listing.Scope)], Lane.Bulk);
            _filled = true;
        }
        finally
        {
            _filling.Release();
        }
    }

    private async Task<(IReadOnlyList<Scope> Scopes, IReadOnlyList<CurrentListing> Current)> KnownAsync(CancellationToken cancellationToken)
    {
        var organizations = new SortedSet<OrganizationId>(await source.ListOrganizationsAsync(cancellationToken));
        var current = new List<CurrentListing>();
        await foreach (var listing in store.ListCurrentAsync("", cancellationToken))
        {
            organizations.Add(listing.Scope.Organization);
            current.Add(listing);
        }
        return ([.. organizations.SelectMany(Scope.Of)], current);
    }

    private async Task SaveReportAsync(Scope scope, BuildOutcome outcome, CancellationToken cancellationToken)
    {
        var (name, problems) = (BlobNames.Report(scope), outcome.Problems ?? []);
        var bytes = problems.Count == 0 && outcome.Reason is null
            ? []
            : JsonSerializer.SerializeToUtf8Bytes(new ScopeReport(problems, outcome.Reason, outcome.IsHeld ? outcome.Reason : null), ReportJsonContext.Default.ScopeReport);
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
