using System.Globalization;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ConsentSnapshots.Worker.Database;

/// <summary>The three kinds of connection: pooled for work, one of its own for LISTEN, and unpooled with a lock timeout for migrations.</summary>
internal static class PostgresConnections
{
    /// <summary>The pool that everything but the listener and the migrations uses.</summary>
    public static NpgsqlDataSource CreatePool(PostgresOptions options, ILoggerFactory? loggers = null) =>
        Build(Describe(options.ConnectionString, "consent-snapshots"), loggers);

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

    /// <summary>Unpooled sessions that give up on a lock after <see cref="PostgresOptions.LockTimeout"/>.</summary>
    public static NpgsqlDataSource CreateForMigrations(PostgresOptions options, ILoggerFactory? loggers = null)
    {
        var description = Describe(options.ConnectionString, "consent-snapshots migrate");
        description.Pooling = false;
        description.KeepAlive = Math.Max(1, (int)options.KeepAlive.TotalSeconds);
        var setting = string.Create(CultureInfo.InvariantCulture, $"set lock_timeout = {(long)options.LockTimeout.TotalMilliseconds}; set search_path = pg_catalog, pg_temp");
        return Build(description, loggers, builder => builder.UsePhysicalConnectionInitializer(
            connection => { using var command = new NpgsqlCommand(setting, connection); command.ExecuteNonQuery(); },
            async connection => { await using var command = new NpgsqlCommand(setting, connection); await command.ExecuteNonQueryAsync(); }));
    }

    private static NpgsqlConnectionStringBuilder Describe(string text, string application)
    {
        var description = new NpgsqlConnectionStringBuilder(text);
        if (string.IsNullOrEmpty(description.ApplicationName)) description.ApplicationName = application;
        // Details quote the values of rows; they would end up in logs.
        description.IncludeErrorDetail = false;
        // Of several hosts only the primary takes claims and notifications.
        if (description.Host!.Contains(',', StringComparison.Ordinal) && string.IsNullOrEmpty(description.TargetSessionAttributes))
            description.TargetSessionAttributes = "primary";
        return description;
    }

    private static NpgsqlDataSource Build(
        NpgsqlConnectionStringBuilder description, ILoggerFactory? loggers, Action<NpgsqlDataSourceBuilder>? more = null)
    {
        var builder = new NpgsqlDataSourceBuilder(description.ConnectionString);
        if (loggers is not null) builder.UseLoggerFactory(loggers);
        more?.Invoke(builder);
        return builder.Build();
    }
}
