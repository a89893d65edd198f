using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Worker.Sources;

/// <summary>A scope as the source remembers it.</summary>
/// <param name="Version">The highest version that is recorded as published; 0 where none is.</param>
/// <param name="Position">The state of the source that the scope's last build read.</param>
public sealed record RememberedScope(int Version, SourcePosition Position);

/// <summary>What a source remembers of publications, apart from the store: it tells when the store has lost something, or the source has.</summary>
public interface IPublicationMemory
{
    /// <summary>Every scope that was ever built.</summary>
    /// <exception cref="SourceUnavailableException">The source cannot be asked.</exception>
    Task<IReadOnlyDictionary<Scope, RememberedScope>> ListAsync(CancellationToken cancellationToken);

    /// <summary>The source's epoch.</summary>
    /// <exception cref="SourceUnavailableException">The source cannot be asked.</exception>
    Task<long> EpochAsync(CancellationToken cancellationToken);

    /// <summary>Does something that one worker of all does at a time; false, with nothing done, where another one does it.</summary>
    /// <exception cref="SourceUnavailableException">The source cannot be asked.</exception>
    Task<bool> AloneAsync(Func<CancellationToken, Task> action, CancellationToken cancellationToken);
}
