using System.Globalization;

namespace ConsentSnapshots.Torture.Tests;

/// <summary>How long and from which seed a run goes. <c>eng/torture.sh</c> sets the environment variables that are read here.</summary>
/// <param name="Duration">How long faults are made. What follows, until the store is compared, takes its own time.</param>
/// <param name="Seed">Decides which faults are made in which order, and what the writers write. Timing is the machine's, so two runs of one seed are alike and not the same.</param>
/// <param name="LogDirectory">Where the logs of the processes are kept; null for a temporary directory that is deleted when the run passes.</param>
internal sealed record TortureOptions(TimeSpan Duration, int Seed, string? LogDirectory)
{
    /// <summary>A run that is short enough for every build.</summary>
    private static readonly TimeSpan s_bounded = TimeSpan.FromSeconds(50);

    public static TortureOptions FromEnvironment() => new(
        Text("MINUTES") is { } minutes ? TimeSpan.FromMinutes(double.Parse(minutes, CultureInfo.InvariantCulture)) : s_bounded,
        Text("SEED") is { } seed ? int.Parse(seed, CultureInfo.InvariantCulture) : Random.Shared.Next(1, 1_000_000),
        Text("LOGS"));

    private static string? Text(string name) => Environment.GetEnvironmentVariable($"CONSENT_SNAPSHOTS_TORTURE_{name}") is { Length: > 0 } text ? text : null;
}
