using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Worker.Building;
using ConsentSnapshots.Worker.Queue;

namespace ConsentSnapshots.Worker.Tests.Support;

/// <summary>A queue that remembers what it was told.</summary>
internal sealed class RecordingQueue : IScopeQueue
{
    private readonly Lock _lock = new();
    private readonly List<(Scope Scope, Lane Lane)> _waiting = [];
    private readonly HashSet<Scope> _building = [];

    /// <summary>What was enqueued, in order.</summary>
    public List<Scope> Enqueued { get; } = [];

    /// <summary>What was claimed, in order.</summary>
    public List<ScopeClaim> Claimed { get; } = [];

    /// <summary>What became of claims, in order.</summary>
    public List<(ScopeClaim Claim, BuildOutcome Outcome, TimeSpan RetryIn)> Completed { get; } = [];

    /// <summary>What was given back without having been begun.</summary>
    public List<ScopeClaim> Released { get; } = [];

    /// <summary>Thrown when an outcome is to be recorded; null for nothing.</summary>
    public Exception? FailsToRecord { get; set; }

    /// <summary>Called when somebody asks how often to look; it may block.</summary>
    public Action? OnLookInterval { get; init; }

    /// <summary>What a claim waits for before it is answered.</summary>
    public Func<CancellationToken, Task>? BeforeClaim { get; init; }

    public TimeSpan LookInterval
    {
        get
        {
            OnLookInterval?.Invoke();
            return TimeSpan.FromSeconds(1);
        }
    }

    public static ScopeClaim Claim(Scope scope, Lane lane = Lane.Bulk) => new(scope, lane, 1, Guid.NewGuid());

    public void Add(Lane lane, params IEnumerable<Scope> scopes)
    {
        lock (_lock) _waiting.AddRange(scopes.Select(scope => (scope, lane)));
    }

    public Task EnqueueAsync(IReadOnlyCollection<Scope> scopes, CancellationToken cancellationToken)
    {
        Add(Lane.Bulk, scopes);
        lock (_lock) Enqueued.AddRange(scopes);
        return Task.CompletedTask;
    }

    public async Task<IReadOnlyList<ScopeClaim>> ClaimAsync(Lane lane, int max, CancellationToken cancellationToken)
    {
        if (BeforeClaim is not null) await BeforeClaim(cancellationToken);
        lock (_lock)
        {
            var claims = _waiting.Where(entry => entry.Lane == lane && !_building.Contains(entry.Scope)).Take(max).Select(entry => Claim(entry.Scope, lane)).ToList();
            foreach (var claim in claims) Take(claim);
            return claims;
        }
    }

    public Task<ScopeClaim?> ClaimAsync(Scope scope, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_building.Contains(scope)) return Task.FromResult<ScopeClaim?>(null);
            var claim = Claim(scope);
            Take(claim);
            return Task.FromResult<ScopeClaim?>(claim);
        }
    }

    public Task CompleteAsync(ScopeClaim claim, BuildOutcome outcome, TimeSpan retryIn, CancellationToken cancellationToken)
    {
        if (FailsToRecord is not null) return Task.FromException(FailsToRecord);
        lock (_lock)
        {
            Completed.Add((claim, outcome, retryIn));
            _building.Remove(claim.Scope);
        }
        return Task.CompletedTask;
    }

    public Task ReleaseAsync(IReadOnlyList<ScopeClaim> claims, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            Released.AddRange(claims);
            foreach (var claim in claims)
            {
                _building.Remove(claim.Scope);
                _waiting.Add((claim.Scope, claim.Lane));
            }
        }
        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<ScopeStatus>> StatusAsync(OrganizationId? organization, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            return Task.FromResult<IReadOnlyList<ScopeStatus>>(
            [
                .. _waiting.Select(entry => new ScopeStatus(entry.Scope, ScopeState.Pending)),
                .. _building.Select(scope => new ScopeStatus(scope, ScopeState.Building)),
            ]);
        }
    }

    private void Take(ScopeClaim claim)
    {
        _waiting.RemoveAll(entry => entry.Scope == claim.Scope);
        _building.Add(claim.Scope);
        Claimed.Add(claim);
    }
}
