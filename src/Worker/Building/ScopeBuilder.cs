using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Sources;

namespace ConsentSnapshots.Worker.Building;

/// <summary>A scope is not published because the fault is ours; its last good version keeps being served.</summary>
public sealed class ScopeHeldException(ScopeRows rows, IReadOnlyList<DestinationProblem> problems, string reason) : Exception(reason)
{
    /// <summary>The rows that were read.</summary>
    public ScopeRows Rows { get; } = rows;

    /// <summary>What is wrong with which destination.</summary>
    public IReadOnlyList<DestinationProblem> Problems { get; } = problems;
}

/// <summary>Builds one scope: reads its rows, opens their settings, generates, and publishes.</summary>
public sealed class ScopeBuilder(
    IDestinationSource source, SettingsKeyRing keys, SnapshotGenerator generator, ScopeStore store, Publisher publisher)
{
    /// <summary>Builds and publishes.</summary>
    /// <param name="claim">The scope, and what is known of earlier attempts.</param>
    /// <param name="verify">Whether to read back every blob, and to announce the scope again.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ScopeHeldException">The scope keeps its last good version.</exception>
    public async Task<BuildReport> BuildAsync(ClaimedScope claim, bool verify, CancellationToken cancellationToken)
    {
        var scope = claim.Scope;
        var rows = await source.ReadAsync(claim, cancellationToken);
        var request = await RequestAsync(rows, cancellationToken) with { Announce = claim.Retried, Fence = claim.Fence, Verify = verify };
        var publication = await publisher.PublishAsync(request, cancellationToken);
        if (publication.Outcome == PublicationOutcome.Superseded)
        {
            // Usually another worker read a later revision. Where even a fresh read is older than the store, the source has gone back.
            var again = (await source.ReadAsync(scope, cancellationToken)).Position;
            var latest = publication.Manifest.Envelope;
            if (again.IsOlderThan(latest))
            {
                throw new ScopeHeldException(rows, request.Generated.Problems,
                    $"The source is at (epoch {again.Epoch}, revision {again.Revision}) and the store has version {latest.Version}, made of "
                    + $"(epoch {latest.SourceEpoch}, revision {latest.SourceRevision}). If the database was restored, run `migrate --new-epoch`.");
            }
        }
        return new BuildReport(rows.Position, request.Generated.Problems, publication);
    }

    /// <summary>What a build would do to the store, without doing it.</summary>
    /// <exception cref="ScopeHeldException">The scope keeps its last good version.</exception>
    public async Task<(PublicationPlan Plan, IReadOnlyList<DestinationProblem> Problems)> PlanAsync(Scope scope, CancellationToken cancellationToken)
    {
        var request = await RequestAsync(await source.ReadAsync(scope, cancellationToken), cancellationToken);
        return (await publisher.PlanAsync(request, cancellationToken), request.Generated.Problems);
    }

    private async Task<PublicationRequest> RequestAsync(ScopeRows rows, CancellationToken cancellationToken)
    {
        var destinations = Open(rows);
        var generated = generator.Generate(rows.Scope, destinations);
        await RequirePublishableAsync(rows, generated, cancellationToken);
        return new PublicationRequest(generated, destinations, rows.Position, rows.Clock)
        {
            ChangedAt = rows.ChangedAt,
            RecordedVersion = token => source.RecordedVersionAsync(rows.Scope, token),
        };
    }

    /// <summary>Generates without publishing anything.</summary>
    public async Task<(ScopeRows Rows, GeneratedScope Generated)> GenerateAsync(Scope scope, CancellationToken cancellationToken)
    {
        var rows = await source.ReadAsync(scope, cancellationToken);
        return (rows, Generate(rows));
    }

    /// <summary>Generates from rows that were read already. Whatever is thrown for one of them is its problem.</summary>
    /// <exception cref="GenerationException">Our own code fails on the scope as a whole.</exception>
    public GeneratedScope Generate(ScopeRows rows) => generator.Generate(rows.Scope, Open(rows));

    private OpenedDestination[] Open(ScopeRows rows) => [.. rows.Rows.Select(row => Open(row, rows.LeftOut))];

    private OpenedDestination Open(Destination row, IReadOnlyDictionary<Guid, SettingProblem> leftOut)
    {
        try
        {
            return OpenOrThrow(row, leftOut);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            return new OpenedDestination(row, default, DestinationProblem.OfFailure(row, exception));
        }
    }

    private OpenedDestination OpenOrThrow(Destination row, IReadOnlyDictionary<Guid, SettingProblem> leftOut) =>
        !leftOut.TryGetValue(row.Id, out var problem)
            ? keys.Open(row)
            : new OpenedDestination(row, default, new DestinationProblem(row.Id, row.Type, row.Name, DestinationProblemKind.InvalidSettings, problem.Field, problem.Message));

    /// <summary>Holds the scope where what is wrong is ours to mend, rather than take scripts away for it.</summary>
    /// <exception cref="ScopeHeldException">It is.</exception>
    public async Task RequirePublishableAsync(ScopeRows rows, GeneratedScope generated, CancellationToken cancellationToken)
    {
        var lacking = generated.Problems.Where(problem => problem.Kind == DestinationProblemKind.NoKey).ToList();
        var unknown = generated.Problems.Where(problem => problem.Kind == DestinationProblemKind.UnknownType).ToList();
        if (lacking.Count == 0 && unknown.Count == 0) return;

        var current = (await store.ReadCurrentAsync(rows.Scope, cancellationToken)).Manifest;
        if (lacking.Count > 0)
        {
            // Where nothing was ever published there is nothing to keep, so what can be read is better than nothing; but where no
            // settings at all can be read the key ring is wrong, and an empty list would only hide that.
            var readable = generated.LeftOut.Count < rows.Rows.Count(row => row is { Enabled: true, Deleted: false });
            if (current is not null || !readable)
                throw new ScopeHeldException(rows, generated.Problems, $"{lacking.Count} destination(s) have settings that no configured key opens.");
        }
        if (unknown.Count > 0 && current is not null)
        {
            var published = Enumerable.Range(0, current.Content.ScriptCount).Select(current.Content.TypeOf).ToHashSet(StringComparer.Ordinal);
            if (unknown.FirstOrDefault(problem => published.Contains(problem.Type)) is { } lost)
                throw new ScopeHeldException(rows, generated.Problems, $"This build does not know the type '{lost.Type}', which is published.");
        }
    }
}
