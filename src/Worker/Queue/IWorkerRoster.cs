namespace ConsentSnapshots.Worker.Queue;

/// <summary>A worker that gives signs of life.</summary>
/// <param name="Name">Host and process.</param>
/// <param name="StartedFor">How long ago it began.</param>
/// <param name="BeatenFor">How long ago its last sign of life was.</param>
/// <param name="Claims">How many scopes it is building.</param>
public sealed record RunningWorker(string Name, TimeSpan StartedFor, TimeSpan BeatenFor, int Claims)
{
    /// <summary>Whether its last sign of life is as recent as that of a worker that runs.</summary>
    public bool IsAlive => BeatenFor < TimeSpan.FromSeconds(3);
}

/// <summary>Knows the workers of a source that several share.</summary>
public interface IWorkerRoster
{
    /// <summary>The workers that have given a sign of life and have not been given up, the oldest first.</summary>
    /// <exception cref="Sources.SourceUnavailableException">The source cannot be asked.</exception>
    Task<IReadOnlyList<RunningWorker>> ListAsync(CancellationToken cancellationToken);
}
