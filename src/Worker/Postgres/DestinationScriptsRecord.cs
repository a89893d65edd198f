using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Worker.Publishing;
using Npgsql;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>Records which destinations have scripts in a version, for the view <c>destination_status</c>.</summary>
internal static class DestinationScriptsRecord
{
    /// <summary>Records them. Where nothing differs from what is recorded, nothing is written.</summary>
    public static NpgsqlBatchCommand Command(this DestinationScripts scripts, Scope scope) => new("select consent_snapshots.record_scripts($1, $2, $3, $4, $5, $6, $7, $8)")
    {
        Parameters =
        {
            new() { Value = scope.Organization.Value },
            new() { Value = scope.Environment.Name() },
            new() { Value = scripts.Version },
            new() { Value = scripts.GeneratedAt.ToUniversalTime() },
            new() { Value = scripts.Destinations.Select(destination => destination.Id).ToArray() },
            new() { Value = scripts.Destinations.Select(destination => destination.Content).ToArray() },
            new() { Value = scripts.Destinations.Select(destination => (long)destination.Since.Version).ToArray() },
            new() { Value = scripts.Destinations.Select(destination => destination.Since.At.ToUniversalTime()).ToArray() },
        },
    };
}
