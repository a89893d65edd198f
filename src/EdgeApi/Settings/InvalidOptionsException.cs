using System.Collections.Immutable;

namespace ConsentSnapshots.EdgeApi.Settings;

/// <summary>The settings cannot be used. Thrown before anything is opened, listened on or written.</summary>
/// <param name="problems">Every problem: key, limit, actual value. Never a secret.</param>
public sealed class InvalidOptionsException(ImmutableArray<string> problems)
    : Exception($"The edge cannot start: {problems.Length} of its settings cannot be used.{string.Concat(problems.Select(problem => $"\n  {problem}"))}")
{
    /// <summary>One line a problem.</summary>
    public ImmutableArray<string> Problems { get; } = problems;
}
