namespace ConsentSnapshots.Integration.Tests.Fixtures;

/// <summary>
/// Tests that take a shared server away: they run one at a time, after all others, and bring the server back before they end.
/// </summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Outages
{
    public const string Name = "Outage";
}
