using ConsentSnapshots.Worker.Settings;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>The kinds of connection: pooled for work, the scheduler's own pool, and unpooled for LISTEN and for migrations.</summary>
/// <remarks>
/// None changes its session: what is set or locked ends with its transaction, and nothing is prepared. The session may belong to a pooler such as PgBouncer,
/// which gives it to the control plane's application next.
/// </remarks>
internal static class PostgresConnections
{
    /// <summary>The pool that everything but the listener and the migrations uses.</summary>
    public static NpgsqlDataSource CreatePool(PostgresOptions options, ILoggerFactory? loggers = null) =>
        Build(Describe(options.ConnectionString, "consent-snapshots"), loggers);

    /// <summary>The connection string of the scheduler, which keeps a pool of its own.</summary>
    public static string DescribeForScheduling(string connectionString) => Describe(connectionString, "consent-snapshots schedule").ConnectionString;

    /// <summary>
    /// A source whose every connection is a new session: a pooled one must not LISTEN (its reset forgets the registration), and Npgsql
    /// sends no keepalive unless told, so a silently dropped connection would be waited on for ever.
    /// </summary>
    public static NpgsqlDataSource CreateForListening(PostgresOptions options, ILoggerFactory? loggers = null)
    {
        var text = string.IsNullOrWhiteSpace(options.ListenConnectionString) ? options.ConnectionString : options.ListenConnectionString;
        var description = Describe(text, "consent-snapshots listen");
        description.Pooling = false;
        description.KeepAlive = Math.Max(1, (int)options.KeepAlive.TotalSeconds);
        description.TcpKeepAlive = true;
        return Build(description, loggers);
    }

    /// <summary>The one connection of the heartbeat, made anew where it broke.</summary>
    public static NpgsqlDataSource CreateForHeartbeat(PostgresOptions options, ILoggerFactory? loggers = null)
    {
        var description = Describe(options.ConnectionString, "consent-snapshots heartbeat");
        (description.MinPoolSize, description.MaxPoolSize) = (0, 1);
        // The heartbeat itself bounds how long a beat may take.
        description.CommandTimeout = description.Timeout = 30;
        return Build(description, loggers);
    }

    /// <summary>Unpooled sessions, each with a keepalive, for transactions that may have to wait.</summary>
    public static NpgsqlDataSource CreateForMigrations(PostgresOptions options, ILoggerFactory? loggers = null)
    {
        var description = Describe(options.ConnectionString, "consent-snapshots migrate");
        description.Pooling = false;
        description.KeepAlive = Math.Max(1, (int)options.KeepAlive.TotalSeconds);
        return Build(description, loggers);
    }

    private static NpgsqlConnectionStringBuilder Describe(string text, string application)
    {
        var description = new NpgsqlConnectionStringBuilder(text);
        if (string.IsNullOrEmpty(description.ApplicationName)) description.ApplicationName = application;
        // Details quote the values of rows; they would end up in logs.
        description.IncludeErrorDetail = false;
        // The reset (DISCARD ALL) would also take away what a pooler or the application has set up in a session that they share. We leave nothing to reset.
        description.NoResetOnClose = true;
        description.MaxAutoPrepare = 0;
        // Of several hosts only the primary takes claims and notifications.
        if (description.Host!.Contains(',', StringComparison.Ordinal) && string.IsNullOrEmpty(description.TargetSessionAttributes))
            description.TargetSessionAttributes = "primary";
        return description;
    }

    private static NpgsqlDataSource Build(NpgsqlConnectionStringBuilder description, ILoggerFactory? loggers)
    {
        var builder = new NpgsqlDataSourceBuilder(description.ConnectionString);
        if (loggers is not null) builder.UseLoggerFactory(loggers);
        return builder.Build();
    }
}
