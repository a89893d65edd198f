using ConsentSnapshots.Worker.Diagnostics;
using ConsentSnapshots.Worker.Settings;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>The kinds of connection: pooled for work, the scheduler's own pool, and unpooled for LISTEN and for migrations.</summary>
/// <remarks>
/// A worker has at most as many connections as builds at once (<c>Schedule:Parallelism</c>) and ten more: four in the pool for what is done beside the builds, one for the
/// heartbeat, one to listen on, and four for the scheduler. <c>Maximum Pool Size</c> in the connection string takes the place of the first number and the four, and of the scheduler's.
///
/// None changes its session: what is set or locked ends with its transaction, and nothing is prepared. The session may belong to a pooler such as PgBouncer,
/// which gives it to the control plane's application next.
/// </remarks>
internal static class PostgresConnections
{
    private const int DefaultBuilds = 8;

    // The claim, the watch over the triggers, a reconcile, and one to spare.
    private const int BesideBuilds = 4;

    // The scheduler's own thread, its cluster check, and the two jobs.
    private const int Scheduling = 4;

    /// <summary>The pool that everything but the heartbeat, the scheduler, the listener and the migrations uses.</summary>
    /// <param name="options">Where to connect.</param>
    /// <param name="loggers">Where Npgsql logs.</param>
    /// <param name="builds">How many scopes are built at once; each uses one connection at most.</param>
    public static NpgsqlDataSource CreatePool(PostgresOptions options, ILoggerFactory? loggers = null, int? builds = null) =>
        Build(DescribePool(options.ConnectionString, "consent-snapshots", (builds ?? DefaultBuilds) + BesideBuilds), options, loggers);

    /// <summary>The scheduler's pool.</summary>
    public static NpgsqlDataSource CreateForScheduling(PostgresOptions options) => Build(DescribePool(options.ConnectionString, "consent-snapshots schedule", Scheduling), options, loggers: null);

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
        return Build(description, options, loggers);
    }

    /// <summary>The one connection of the heartbeat, made anew where it broke.</summary>
    public static NpgsqlDataSource CreateForHeartbeat(PostgresOptions options, ILoggerFactory? loggers = null)
    {
        var description = Describe(options.ConnectionString, "consent-snapshots heartbeat");
        (description.MinPoolSize, description.MaxPoolSize) = (0, 1);
        // The heartbeat itself bounds how long a beat may take.
        description.CommandTimeout = description.Timeout = 30;
        return Build(description, options, loggers);
    }

    /// <summary>Unpooled sessions, each with a keepalive, for transactions that may have to wait.</summary>
    public static NpgsqlDataSource CreateForMigrations(PostgresOptions options, ILoggerFactory? loggers = null)
    {
        var description = Describe(options.ConnectionString, "consent-snapshots migrate");
        description.Pooling = false;
        description.KeepAlive = Math.Max(1, (int)options.KeepAlive.TotalSeconds);
        return Build(description, options, loggers);
    }

    private static NpgsqlConnectionStringBuilder DescribePool(string text, string application, int most)
    {
        var description = Describe(text, application);
        // Npgsql's own default, a hundred, would let a few workers use up an ordinary server. What the connection string says counts.
        if (!description.ShouldSerialize("Maximum Pool Size")) description.MaxPoolSize = Math.Max(most, description.MinPoolSize);
        return description;
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

    private static NpgsqlDataSource Build(NpgsqlConnectionStringBuilder description, PostgresOptions options, ILoggerFactory? loggers)
    {
        // The name stands in the driver's spans and metrics. It would be the connection string otherwise.
        var builder = new NpgsqlDataSourceBuilder(description.ConnectionString) { Name = description.ApplicationName };
        // The heartbeat and the looks at an empty queue, several a second, belong to no trace and would each be one.
        builder.ConfigureTracing(tracing => tracing.ConfigureCommandFilter(_ => WorkerSpans.IsWithin).ConfigureBatchFilter(_ => WorkerSpans.IsWithin)
            .ConfigureCommandSpanNameProvider(command => StatementNames.Of(command.CommandText))
            .ConfigureBatchSpanNameProvider(batch => StatementNames.Of(batch.BatchCommands.Count > 0 ? batch.BatchCommands[^1].CommandText : ""))
            .EnableFirstResponseEvent(false).EnablePhysicalOpenTracing(false));
        if (options.Credential is { } credential) DatabaseIdentity.SignIn(builder, credential);
        if (loggers is not null) builder.UseLoggerFactory(loggers);
        return builder.Build();
    }
}
