using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Generator.Snapshots;

/// <summary>Our own code fails on a scope's destinations together, and on none of them alone: the scope's problem.</summary>
public sealed class GenerationException(Exception exception)
    : Exception($"This build failed to generate the scope ({Fault.Of(exception)}). The fault is in this program and not in the settings: please report it.");
