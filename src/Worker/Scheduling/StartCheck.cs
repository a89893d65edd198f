using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Diagnostics;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Sources;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Worker.Scheduling;

/// <summary>
/// Holds up the start until source and store can be used, before anything is written. What may pass by itself (a database that is starting, a store that does not answer) is waited for and
/// said; what needs somebody (a bad file, a wrong password, a table behind row-level security, a store of an earlier version) ends the start with its exception.
/// </summary>
internal sealed class StartCheck(IDestinationSource source, ScopeStore store, TimeProvider time, ILogger<StartCheck> logger) : IHostedService, IHealthPart
{
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(5);

    // A server that accepts a connection and says nothing is not to be waited for in silence.
    private static readonly TimeSpan UntilSilenceIsSaid = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan UntilSaidAgain = TimeSpan.FromMinutes(10);

    private readonly Lock _lock = new();
    private string? _source;
    private string? _store;
    private bool _passed;
    private string _awaited = "";
    private long _began;
    private long _said;

    /// <inheritdoc/>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        _began = time.GetTimestamp();
        for (var attempt = 1; ; attempt++)
        {
            // Both at once: what is wrong with one must not be hidden by an outage of the other.
            using var others = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var checks = new List<Task<bool>>
            {
                TryAsync("The source", source.CheckAsync, problem => _source = problem, others.Token),
                TryAsync("The store", store.RefuseEarlierAsync, problem => _store = problem, others.Token),
            };
            try
            {
                await foreach (var check in Task.WhenEach(checks).WithCancellation(cancellationToken)) await check;
            }
            catch
            {
                // One needs somebody; there is no use in waiting for the other.
                await others.CancelAsync();
                await ((Task)Task.WhenAll(checks)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                throw;
            }
            if (checks.TrueForAll(check => check.Result)) break;
            await Task.Delay(Jitter.Backoff(attempt, FirstDelay, LongestDelay), time, cancellationToken);
        }
        lock (_lock) _passed = true;
        if (_awaited.Length > 0) logger.GoesOnStarting(time.GetElapsedTime(_began).TotalSeconds);
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public IEnumerable<HealthFinding> Check()
    {
        lock (_lock)
        {
            if (_passed) return [];
            var problems = Problems();
            return problems.Count == 0
                ? [new HealthFinding(HealthSeverity.NotReady, "The worker is starting.")]
                : problems.Select(problem => new HealthFinding(HealthSeverity.NotReady, $"Waiting to start: {problem}"));
        }
    }

    /// <summary>Whether the check passed; false where it may pass later.</summary>
    private async Task<bool> TryAsync(string what, Func<CancellationToken, Task> check, Action<string?> note, CancellationToken cancellationToken)
    {
        string? problem = null;
        try
        {
            // Also what does not wait for anything at once must not keep the other check from beginning.
            var checking = Task.Run(() => check(cancellationToken), cancellationToken);
            if (await Task.WhenAny(checking, Task.Delay(UntilSilenceIsSaid, time, cancellationToken)) != checking && !cancellationToken.IsCancellationRequested)
                Say(note, $"{what} has not answered within {UntilSilenceIsSaid.TotalSeconds} s.");
            await checking.WaitAsync(cancellationToken);
        }
        catch (SourceUnavailableException exception) when (exception.MayPass)
        {
            problem = exception.Message;
        }
        catch (StoreUnavailableException exception) when (!exception.IsWrongKey)
        {
            problem = exception.Message;
        }
        Say(note, problem);
        return problem is null;
    }

    /// <summary>Notes a problem. It is logged when it begins, when what is waited for changes, and once in a long while.</summary>
    private void Say(Action<string?> note, string? problem)
    {
        lock (_lock)
        {
            note(problem);
            if (problem is null) return;
            var awaited = $"{_source is null} {_store is null}";
            if (awaited == _awaited && time.GetElapsedTime(_said) < UntilSaidAgain) return;
            (_awaited, _said) = (awaited, time.GetTimestamp());
            logger.WaitingToStart(string.Join(' ', Problems()));
        }
    }

    /// <summary>What is waited for. A file source that cannot look at the store has the store's problem.</summary>
    private List<string> Problems() => [.. ((string?[])[_source, _store]).OfType<string>().Distinct()];
}
