using System.Runtime.CompilerServices;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Worker.Sources;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>Destinations from Postgres.</summary>
internal sealed class PostgresSource(DatabaseGuard guard, DestinationReader reader, ScopeStatusReader statuses) : IDestinationSource
{
    /// <inheritdoc/>
    public string Description => guard.Description;

    /// <inheritdoc/>
    public Task<SourceFindings> CheckAsync(CancellationToken cancellationToken) => guard.RunAsync(async () =>
    {
        await reader.CheckAsync(cancellationToken);
        var refused = (await statuses.ListRefusedAsync(cancellationToken))
            .Select(name => $"organization '{name.Organization}' ({name.Environment}): {OrganizationId.Rule}")
            .Concat((await reader.ListUnknownEnvironmentsAsync(cancellationToken))
                .Select(row => $"destination {row.Id} of organization '{row.Organization}': environment '{row.Environment}' is none of development, staging, production."));
        return new SourceFindings([.. refused], await reader.ListFaultsAsync(cancellationToken));
    });

    /// <inheritdoc/>
    public Task<IReadOnlyList<OrganizationId>> ListOrganizationsAsync(CancellationToken cancellationToken) =>
        guard.RunAsync<IReadOnlyList<OrganizationId>>(async () => [.. (await reader.ListOrganizationsAsync(cancellationToken)).Order()]);

    /// <inheritdoc/>
    public async IAsyncEnumerable<ScopeRead> ReadAsync(IReadOnlyList<Scope> scopes, ReadPurpose purpose, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (purpose == ReadPurpose.Build)
        {
            // What is claimed is not given back because the database is away for a moment.
            foreach (var read in await guard.OutlastAsync(() => ListAsync(scopes, cancellationToken), cancellationToken)) yield return read;
            yield break;
        }
        var reads = reader.ReadAsync(scopes, purpose, cancellationToken).GetAsyncEnumerator(cancellationToken);
        await using (reads)
        {
            while (await guard.RunAsync(async () => await reads.MoveNextAsync())) yield return reads.Current;
        }
    }

    private async Task<List<ScopeRead>> ListAsync(IReadOnlyList<Scope> scopes, CancellationToken cancellationToken)
    {
        var reads = new List<ScopeRead>();
        await foreach (var read in reader.ReadAsync(scopes, ReadPurpose.Build, cancellationToken)) reads.Add(read);
        return reads;
    }
}
