using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Worker.Sources;

namespace ConsentSnapshots.Worker.Tests.Support;

/// <summary>Empty scopes, and how many of them were read at once.</summary>
internal sealed class RecordingSource : IDestinationSource
{
    public ConcurrentBag<int> Reads { get; } = [];

    public TaskCompletionSource FirstRead { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TaskCompletionSource? MayBeRead { get; set; }

    public Action? OnFirstRead { get; set; }

    public string Description => "empty scopes";

    public Task<SourceFindings> CheckAsync(CancellationToken cancellationToken) => Task.FromResult(SourceFindings.None);

    public Task<IReadOnlyList<OrganizationId>> ListOrganizationsAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<OrganizationId>>([]);

    public async IAsyncEnumerable<ScopeRead> ReadAsync(IReadOnlyList<Scope> scopes, ReadPurpose purpose, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Reads.Add(scopes.Count);
        if (FirstRead.TrySetResult()) OnFirstRead?.Invoke();
        if (MayBeRead is not null) await MayBeRead.Task.WaitAsync(cancellationToken);
        foreach (var scope in scopes) yield return new ScopeRead.Found(new ScopeRows(scope, [], new SourcePosition(1, 1), SourceClock.Of(TimeProvider.System)));
    }
}
