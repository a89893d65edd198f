using System.Net.Sockets;
using Azure.Identity;
using Microsoft.Extensions.Logging;
using Npgsql;
using Polly;
using Polly.Retry;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>
/// Waits while the database takes no connections or ends them: its connections are used up, it starts, stops or restarts, or the network is cut. None of that is the fault of a
/// scope, so the scope whose turn it is waits with its worker instead of failing. The wait ends with the outage or when it is cancelled, and with any other error.
/// </summary>
internal sealed class DatabasePatience
{
    private readonly ResiliencePipeline _pipeline;

    /// <summary>Waits a tenth of a second at first and five seconds at most, spread so that waiting workers do not come back together.</summary>
    public DatabasePatience(TimeProvider time, ILogger<DatabasePatience> logger)
    {
        _pipeline = new ResiliencePipelineBuilder { TimeProvider = time }
            .AddRetry(new RetryStrategyOptions
            {
                ShouldHandle = new PredicateBuilder().Handle<NpgsqlException>(IsOutage),
                MaxRetryAttempts = int.MaxValue,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                Delay = TimeSpan.FromMilliseconds(100),
                MaxDelay = TimeSpan.FromSeconds(5),
                OnRetry = retry =>
                {
                    logger.DatabaseWaitedFor(retry.AttemptNumber + 1, retry.RetryDelay, retry.Outcome.Exception!.Message);
                    return default;
                },
            })
            .Build();
    }

    /// <summary>Whether an error says that the database takes no connections at present or has ended this one, and nothing about what was asked.</summary>
    public static bool IsOutage(NpgsqlException exception) => exception switch
    {
        PostgresException { SqlState: var state } => state
            is PostgresErrorCodes.TooManyConnections
            or PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.CannotConnectNow or "57P05" // idle_session_timeout
            || state.StartsWith("08", StringComparison.Ordinal),
        // A query that takes too long has a TimeoutException within, which is about the query.
        // The identity that signs in got no token, so nothing was asked.
        _ => exception.InnerException is SocketException or IOException or AuthenticationFailedException,
    };

    /// <summary>Does something that may be done again, until the database answers it.</summary>
    public async Task<T> DoAsync<T>(Func<Task<T>> action, CancellationToken cancellationToken) =>
        await _pipeline.ExecuteAsync(async _ => await action(), cancellationToken);
}
