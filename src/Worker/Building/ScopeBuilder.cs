using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Diagnostics;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Sources;

namespace ConsentSnapshots.Worker.Building;

/// <summary>What a build is asked for beside publishing what differs.</summary>
/// <param name="Announce">Whether to complete the current version even when nothing changed; see <see cref="PublicationRequest.Announce"/>.</param>
/// <param name="Fence">Whether to publish a new version even when nothing changed; see <see cref="PublicationRequest.Fence"/>.</param>
/// <param name="Verify">Whether to read back every blob, and to announce the scope again.</param>
public readonly record struct BuildOrder(bool Announce, bool Fence, bool Verify);

/// <summary>What a build would do to the store, without doing it.</summary>
/// <param name="Plan">The plan; null where nothing would be built.</param>
/// <param name="NotBuilt">Why nothing would be built; null where there is a plan.</param>
/// <param name="Problems">What is wrong with which destination.</param>
public sealed record PlannedBuild(PublicationPlan? Plan, BuildOutcome? NotBuilt, IReadOnlyList<DestinationProblem> Problems);

/// <summary>
/// Builds one scope from its rows: opens their settings, generates, and publishes. It owns every failure of a scope: what is thrown underneath ends here, as an outcome.
/// </summary>
public sealed class ScopeBuilder(IDestinationSource source, SettingsKeyRing keys, SnapshotGenerator generator, ScopeStore store, Publisher publisher)
{
    /// <summary>Builds and publishes.</summary>
    /// <param name="read">What the source says of the scope.</param>
    /// <param name="order">What is asked for beside publishing what differs.</param>
    /// <param name="cancellationToken">Cancels the call, which is the only thing that is thrown.</param>
    public async Task<BuildOutcome> BuildAsync(ScopeRead read, BuildOrder order, CancellationToken cancellationToken)
    {
        IReadOnlyList<DestinationProblem>? problems = null;
        try
        {
            if (NotRead(read) is { } notRead) return notRead;
            var rows = read.Require();
            OpenedDestination[] destinations;
            GeneratedScope generated;
            using (WorkerSpans.Step("generate")?.SetTag("consent.destinations", rows.Rows.Count)) (destinations, generated) = OpenAndGenerate(rows);
            problems = generated.Problems;
            if (await HoldReasonAsync(rows, generated, cancellationToken) is { } reason) return new BuildOutcome.Held(reason) { Problems = problems };
            var request = Request(rows, destinations, generated) with { Announce = order.Announce, Fence = order.Fence, Verify = order.Verify };
            PublicationResult publication;
            using (WorkerSpans.Step("publish")) publication = await publisher.PublishAsync(request, cancellationToken);
            return (publication.Outcome switch
            {
                PublicationOutcome.Published => new BuildOutcome.Published(publication.Manifest, publication.SnapshotsWritten, publication.ChangedCombinations),
                PublicationOutcome.Unchanged => new BuildOutcome.Unchanged(publication.Manifest, publication.SnapshotsWritten, publication.Completed),
                _ => await SupersededAsync(rows.Scope, publication, cancellationToken),
            }) with
            { Problems = problems };
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw;
        }
        catch (Exception exception)
        {
            return Failure(exception) with { Problems = problems };
        }
    }

    /// <summary>What a build would do to the store, without doing it. A scope that would fail is an outcome as well.</summary>
    /// <exception cref="SourceUnavailableException">The source cannot be read.</exception>
    public async Task<PlannedBuild> PlanAsync(Scope scope, CancellationToken cancellationToken)
    {
        IReadOnlyList<DestinationProblem> problems = [];
        try
        {
            var read = await source.ReadAsync(scope, ReadPurpose.Look, cancellationToken);
            if (NotRead(read) is { } notRead) return new PlannedBuild(null, notRead, []);
            var rows = read.Require();
            var (destinations, generated) = OpenAndGenerate(rows);
            problems = generated.Problems;
            if (await HoldReasonAsync(rows, generated, cancellationToken) is { } reason) return new PlannedBuild(null, new BuildOutcome.Held(reason), problems);
            return new PlannedBuild(await publisher.PlanAsync(Request(rows, destinations, generated), cancellationToken), null, problems);
        }
        catch (Exception exception) when (exception is not SourceUnavailableException && !cancellationToken.IsCancellationRequested)
        {
            return new PlannedBuild(null, Failure(exception), problems);
        }
    }

    /// <summary>Generates without publishing anything.</summary>
    /// <exception cref="ScopeUnreadableException">The scope cannot be read.</exception>
    /// <exception cref="GenerationException">Our own code fails on the scope as a whole.</exception>
    public async Task<GeneratedScope> GenerateAsync(Scope scope, CancellationToken cancellationToken) =>
        Generate((await source.ReadAsync(scope, ReadPurpose.Look, cancellationToken)).Require());

    /// <summary>Generates from rows that were read already. Whatever is thrown for one of them is its problem.</summary>
    /// <exception cref="GenerationException">Our own code fails on the scope as a whole.</exception>
    public GeneratedScope Generate(ScopeRows rows) => OpenAndGenerate(rows).Generated;

    /// <summary>Why the scope keeps its last good version; null where it is published as generated.</summary>
    public async Task<string?> HoldReasonAsync(ScopeRows rows, GeneratedScope generated, CancellationToken cancellationToken) =>
        Holds.MayApply(generated) ? Holds.Reason(rows, generated, (await store.ReadCurrentAsync(rows.Scope, cancellationToken)).Manifest) : null;

    private static BuildOutcome? NotRead(ScopeRead read) => read switch
    {
        ScopeRead.TooLarge large => new BuildOutcome.Held(large.Problem),
        ScopeRead.Unreadable unreadable => new BuildOutcome.Failed(unreadable.Problem),
        _ => null,
    };

    private static BuildOutcome Failure(Exception exception) => exception switch
    {
        ConsentViolationException violation => new BuildOutcome.Refused(violation.Message, violation.Violations),
        ScopeTooLargeException large => new BuildOutcome.Held(large.Message),
        CommitUnknownException unknown => new BuildOutcome.Failed(unknown.Message, CommitUnknown: true),
        StoreUnavailableException or SourceUnavailableException or GenerationException => new BuildOutcome.Failed(exception.Message),
        _ => new BuildOutcome.Failed(exception.Message) { Fault = exception },
    };

    /// <summary>Usually another worker read a later revision. Where even a fresh read is older than the store, the source has gone back.</summary>
    private async Task<BuildOutcome> SupersededAsync(Scope scope, PublicationResult publication, CancellationToken cancellationToken)
    {
        var now = (await source.ReadAsync(scope, ReadPurpose.Look, cancellationToken)).Require().Position;
        var latest = publication.Manifest.Envelope;
        if (!now.IsOlderThan(latest)) return new BuildOutcome.Superseded(publication.Manifest);
        return new BuildOutcome.Held(
            $"The source is at (epoch {now.Epoch}, revision {now.Revision}) and the store has version {latest.Version}, made of "
            + $"(epoch {latest.SourceEpoch}, revision {latest.SourceRevision}). If the database was restored, run `migrate --new-epoch`.");
    }

    private static PublicationRequest Request(ScopeRows rows, OpenedDestination[] destinations, GeneratedScope generated) =>
        new(generated, destinations, rows.Position, rows.Clock) { ChangedAt = rows.ChangedAt, RecordedVersion = rows.RecordedVersion };

    private (OpenedDestination[] Destinations, GeneratedScope Generated) OpenAndGenerate(ScopeRows rows)
    {
        OpenedDestination[] destinations = [.. rows.Rows.Select(row => Open(row, rows.LeftOut))];
        return (destinations, generator.Generate(rows.Scope, destinations));
    }

    private OpenedDestination Open(Destination row, IReadOnlyDictionary<Guid, SettingProblem> leftOut)
    {
        try
        {
            return !leftOut.TryGetValue(row.Id, out var problem)
                ? keys.Open(row)
                : new OpenedDestination(row, default, new DestinationProblem(row.Id, row.Type, row.Name, DestinationProblemKind.InvalidSettings, problem.Field, problem.Message));
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            return new OpenedDestination(row, default, DestinationProblem.OfFailure(row, exception));
        }
    }
}
