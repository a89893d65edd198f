using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Worker.Postgres;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Sources;

namespace ConsentSnapshots.Integration.Tests.Postgres;

/// <summary>Short forms of reads.</summary>
internal static class Reads
{
    /// <summary>Reads scopes to look at them.</summary>
    public static async Task<IReadOnlyList<ScopeRead>> LookAsync(this DestinationReader reader, IEnumerable<OrganizationId> organizations, CancellationToken cancellationToken)
    {
        var reads = new List<ScopeRead>();
        await foreach (var read in reader.ReadAsync([.. organizations.SelectMany(Scope.Of)], ReadPurpose.Look, cancellationToken)) reads.Add(read);
        return reads;
    }

    /// <summary>Reads one scope to look at it.</summary>
    public static async Task<ScopeRead> LookAsync(this DestinationReader reader, Scope scope, CancellationToken cancellationToken)
    {
        await foreach (var read in reader.ReadAsync([scope], ReadPurpose.Look, cancellationToken)) return read;
        throw new InvalidOperationException("There is no answer.");
    }

    /// <summary>The rows of a scope.</summary>
    public static async Task<ScopeRows> RowsAsync(this DestinationReader reader, Scope scope, CancellationToken cancellationToken) =>
        (await reader.LookAsync(scope, cancellationToken)).Require();

    /// <summary>Reads a claimed scope for its build; the claim covers what was read.</summary>
    public static async Task<(ScopeClaim Claim, ScopeRows Rows)> ReadToBuildAsync(this DestinationReader reader, ScopeClaim claim, CancellationToken cancellationToken)
    {
        await foreach (var read in reader.ReadAsync([claim.Scope], ReadPurpose.Build, cancellationToken))
            return (claim with { Changes = read.Require().Changes!.Value }, read.Require());
        throw new InvalidOperationException("There is no answer.");
    }
}
