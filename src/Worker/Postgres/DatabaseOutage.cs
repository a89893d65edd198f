using System.Net.Sockets;
using Azure.Identity;
using Npgsql;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>
/// Tells a failure that may pass by itself (the server does not answer, is starting or has no connection left) from one that needs somebody: a name, a password or a right that is wrong.
/// The rule: whoever answers and says no is believed, and whoever does not answer or says "not now" is waited for.
/// </summary>
internal static class DatabaseOutage
{
    /// <summary>Whether the same call may succeed later without a change of the settings.</summary>
    public static bool MayPass(Exception exception) => exception switch
    {
        // A server that is starting, stopping, full or out of memory, and connections that broke.
        PostgresException { SqlState: PostgresErrorCodes.ReadOnlySqlTransaction } => true, // a standby that is about to be promoted
        PostgresException { SqlState: PostgresErrorCodes.QueryCanceled } => true,
        PostgresException answer => answer.IsTransient,
        SocketException or TimeoutException or IOException => true,
        DatabaseShapeException shape => shape.MayPass,
        // What gives tokens does not answer, or has not heard of the identity yet. The store waits for it as well.
        AuthenticationFailedException => true,
        // Of several hosts, none is the primary at present; or each has failed in its own way.
        NpgsqlException { InnerException: AggregateException several } => several.InnerExceptions.Any(MayPass),
        NpgsqlException { IsTransient: true } => true,
        NpgsqlException { InnerException: { } inner } => MayPass(inner),
        NpgsqlException several => several.Message.Contains("suitable host", StringComparison.Ordinal),
        _ => false,
    };

    /// <summary>Whether such a failure is what another exception was thrown for, at any depth.</summary>
    public static bool Causes(Exception? exception)
    {
        for (; exception is not null; exception = exception.InnerException)
            if (MayPass(exception)) return true;
        return false;
    }
}
