using System.IO.Hashing;
using System.Runtime.CompilerServices;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Worker.Sources.Files;

/// <summary>Destinations from a file, which is read as a whole and again when it has changed.</summary>
public sealed class FileSource(string path, SettingVariables variables, ScopeLimits limits, TimeProvider time, ILogger<FileSource> logger) : IDestinationSource, IDisposable
{
    private const int MostHashed = 1 << 20;

    private readonly SemaphoreSlim _load = new(1, 1);
    private volatile Loaded? _loaded;

    private sealed record Loaded(DestinationFile File, string Stamp);

    /// <inheritdoc/>
    public string Description => $"file {Path.GetFullPath(path)}";

    /// <inheritdoc/>
    public async Task<SourceFindings> CheckAsync(CancellationToken cancellationToken)
    {
        await LoadedAsync(cancellationToken);
        return SourceFindings.None; // A file with a name that cannot be published is not taken at all.
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<OrganizationId>> ListOrganizationsAsync(CancellationToken cancellationToken) =>
        [.. (await LoadedAsync(cancellationToken)).Organizations.Order()];

    /// <inheritdoc/>
    public async IAsyncEnumerable<ScopeRead> ReadAsync(IReadOnlyList<Scope> scopes, ReadPurpose purpose, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var file = await LoadedAsync(cancellationToken);
        foreach (var scope in scopes)
        {
            var rows = file.Rows(scope);
            yield return SettingsSize.Of(rows).Exceeds(limits) is { } problem
                ? new ScopeRead.TooLarge(scope, problem)
                : new ScopeRead.Found(new ScopeRows(scope, rows, new SourcePosition(1, null), SourceClock.Of(time)) { LeftOut = file.LeftOut(scope) });
        }
    }

    /// <summary>
    /// Reads the file again if it has changed, and returns the scopes of which it says something else. A first file that is bad throws; a later one is reported, and what was read
    /// before stays.
    /// </summary>
    public async Task<IReadOnlyList<Scope>> RefreshAsync(CancellationToken cancellationToken)
    {
        await _load.WaitAsync(cancellationToken);
        try
        {
            // Taken before the read: whatever is written after it has another stamp and is read by the next look.
            var stamp = Stamp();
            if (_loaded is not { } before)
            {
                _loaded = await LoadAsync(stamp, cancellationToken);
                return [];
            }
            if (before.Stamp == stamp) return [];
            try
            {
                _loaded = await LoadAsync(stamp, cancellationToken);
            }
            catch (SourceUnavailableException exception)
            {
                // Remembered too, so that a file that stays bad is reported once.
                _loaded = before with { Stamp = stamp };
                logger.FileNotRead(exception.Message);
                return [];
            }
            var organizations = new SortedSet<OrganizationId>(before.File.Organizations.Concat(_loaded.File.Organizations));
            logger.FileRead(path, organizations.Count * DeploymentEnvironments.All.Length);
            // An organization that is new has something to publish even where it has no destination.
            var known = before.File.Organizations.ToHashSet();
            return [.. organizations.SelectMany(Scope.Of).Where(scope => !known.Contains(scope.Organization) || _loaded.File.TextOf(scope) != before.File.TextOf(scope))];
        }
        finally
        {
            _load.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _load.Dispose();

    private async Task<DestinationFile> LoadedAsync(CancellationToken cancellationToken)
    {
        if (_loaded is null) await RefreshAsync(cancellationToken);
        return _loaded!.File;
    }

    private async Task<Loaded> LoadAsync(string stamp, CancellationToken cancellationToken)
    {
        DestinationFile file;
        try
        {
            file = DestinationFile.Parse(await File.ReadAllBytesAsync(path, cancellationToken), variables);
        }
        catch (Exception exception) when (exception is DestinationFileException or IOException or UnauthorizedAccessException)
        {
            throw new SourceUnavailableException($"{Path.GetFullPath(path)} cannot be used.{Environment.NewLine}{exception.Message}", exception);
        }
        foreach (var scope in file.Organizations.SelectMany(Scope.Of))
            foreach (var (id, problem) in file.LeftOut(scope)) logger.DestinationLeftOut(scope.ToString(), id, problem.Message);
        return new Loaded(file, stamp);
    }

    private string Stamp()
    {
        // A Kubernetes ConfigMap is swapped by a link: the target's name and time are what changes.
        var file = new FileInfo(path);
        var target = file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file;
        // Another file may have the same length and time: a small one is looked at itself, of a large one the time of its making.
        return target.Exists ? $"{target.FullName}|{target.Length}|{target.LastWriteTimeUtc.Ticks}|{(target.Length <= MostHashed ? Hash(target.FullName) : target.CreationTimeUtc.Ticks)}" : "missing";
    }

    private static UInt128 Hash(string path)
    {
        try
        {
            return XxHash128.HashToUInt128(File.ReadAllBytes(path));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return default; // reading it says what is wrong
        }
    }
}
