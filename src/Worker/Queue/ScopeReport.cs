using System.Text.Json.Serialization;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Worker.Queue;

/// <summary>What is wrong with a scope's destinations, as the queue of a file keeps it in the store's private part.</summary>
/// <param name="Problems">What is wrong with which destination.</param>
/// <param name="Error">Why the scope was not built.</param>
/// <param name="Held">Why its last good version is kept.</param>
internal sealed record ScopeReport(IReadOnlyList<DestinationProblem> Problems, string? Error, string? Held);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true)]
[JsonSerializable(typeof(ScopeReport))]
internal sealed partial class ReportJsonContext : JsonSerializerContext;
