using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Diagnostics;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Sources;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Worker.Scheduling;

/// <summary>Drains whenever somebody signals, and by itself as often as the source asks for, from the start of the process on.</summary>
public sealed class DrainService(
    ScopeDrain drain, IScopeQueue queue, WakeUp wakeUp, ScopeStore store, IDestinationSource source, TimeProvider time, ILogger<DrainService> logger)
    : BackgroundService, IHealthPart
{
    // Between two looks it waits for a second at most, so that a minute is no slowness.
    private static readonly TimeSpan UntilHung = TimeSpan.FromMinutes(1);

    // After something was found: in a burst of changes only some are signalled, and the others are committed a moment later.
    private static readonly TimeSpan[] s_lookAgain = [TimeSpan.FromMilliseconds(50), TimeSpan.FromMilliseconds(100), TimeSpan.FromMilliseconds(250)];
    private static readonly TimeSpan FailureDelay = TimeSpan.FromSeconds(1);

    private readonly Outage _outage = new(time);
    private readonly Lock _lock = new();
    private (Step Step, long Since) _progress;
    private string? _storeProblem;

    private enum Step
    {
        NotStarted,
        Preparing,
        Waiting,
        Looking,
        Ended,
    }

    /// <inheritdoc/>
    public IEnumerable<HealthFinding> Check()
    {
        (Step Step, long Since) progress;
        lock (_lock) progress = _progress;
        switch (progress.Step)
        {
            case Step.Preparing:
                yield return new HealthFinding(HealthSeverity.NotReady, _storeProblem ?? "The store is being prepared.");
                break;
            case Step.Ended:
                yield return new HealthFinding(HealthSeverity.NotLive, "The loop that looks for pending scopes has ended.");
                break;
            // The source's answer is not this process's to hurry, and a build takes as long as the store does.
            case Step.Waiting or Step.Looking when time.GetElapsedTime(progress.Since) is var stood && stood > UntilHung && !drain.IsAsking && drain.Running == 0:
                yield return new HealthFinding(HealthSeverity.NotLive, $"The loop that looks for pending scopes has not moved for {stood.TotalSeconds:F0} s, although it builds nothing.");
                break;
        }
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await LoopAsync(stoppingToken);
        }
        finally
        {
            if (!stoppingToken.IsCancellationRequested) Enter(Step.Ended);
            await drain.StopAsync();
        }
    }

    private async Task LoopAsync(CancellationToken stoppingToken)
    {
        var prepared = false;
        var wait = TimeSpan.Zero;
        var again = s_lookAgain.Length;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var signal = default(WakeUpSignal);
                if (wait > TimeSpan.Zero)
                {
                    Enter(prepared ? Step.Waiting : Step.Preparing);
                    signal = await wakeUp.WaitAsync(wait, time, stoppingToken);
                }
                wait = FailureDelay;
                if (!prepared)
                {
                    Enter(Step.Preparing);
                    await store.PrepareAsync(stoppingToken);
                    prepared = true;
                    logger.Started(source.Description, store.Blobs.Description);
                }
                Enter(Step.Looking);
                if (await drain.DrainAsync(signal, stoppingToken)) again = 0;
                if (_outage.Ends() is { } lasted) logger.DrainGoesOn(lasted.TotalSeconds);
                wait = again < s_lookAgain.Length ? s_lookAgain[again++] : queue.LookInterval;
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                // Whatever it was, the service is no use without its loop: it says so and tries again.
                if (_outage.Fails(exception)) logger.DrainFailed(exception.Message, exception is SourceUnavailableException or StoreUnavailableException ? null : exception);
                if (!prepared) _storeProblem = $"The store cannot be prepared: {exception.Message}";
                Enter(prepared ? Step.Waiting : Step.Preparing);
                await Task.Delay(FailureDelay, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                wait = TimeSpan.Zero;
            }
        }
    }

    private void Enter(Step step)
    {
        lock (_lock) _progress = (step, time.GetTimestamp());
    }
}
