using System.Text;
using System.Text.RegularExpressions;
using ConsentSnapshots.Storage;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ConsentSnapshots.Worker.Settings;

/// <summary>How to reach the source database. Section <c>Database</c>; the connection strings come from <c>ConnectionStrings</c>.</summary>
internal sealed class PostgresOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Database";

    /// <summary><c>ConnectionStrings:Postgres</c>, in Npgsql's form.</summary>
    public string ConnectionString { get; set; } = "";

    /// <summary>
    /// <c>ConnectionStrings:PostgresListen</c>: where to LISTEN, when <see cref="ConnectionString"/> leads through a pooler that gives each transaction
    /// another session (PgBouncer in transaction mode). Such a pooler loses notifications, so the worker refuses to listen through it; everything
    /// else works through it. Empty: the same as the other.
    /// </summary>
    public string ListenConnectionString { get; set; } = "";

    /// <summary>
    /// The control plane's table, <c>schema.table</c>; case counts. It may be a view over tables of another shape. A view has none of our triggers: the triggers of its owner call
    /// <c>consent_snapshots.changed</c>, and what they miss waits for the next reconcile.
    /// </summary>
    public string DestinationsTable { get; set; } = "public.destinations";

    /// <summary>
    /// The role that <c>run</c> logs in with, when it is not the one that migrates: <c>migrate</c> grants it what it needs. Empty: nobody.
    /// </summary>
    public string WorkerRole { get; set; } = "";

    /// <summary>
    /// The control plane's role, where it is to call <c>consent_snapshots.changed</c> and to read <c>consent_snapshots.destination_status</c>: <c>migrate</c> grants it both and nothing
    /// else. Empty: nobody but the owner may. The change triggers need no right, so a control plane whose destinations are a table can do without.
    /// </summary>
    public string ControlPlaneRole { get; set; } = "";

    /// <summary>
    /// How long a migration waits for one lock on the destinations table. Writers queue behind it for as long, so short is polite;
    /// too short and a busy table never lets it in.
    /// </summary>
    public TimeSpan LockTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a migration waits for another migration to finish (several replicas starting at once).</summary>
    public TimeSpan MigrationWait { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// How often an idle listening connection is probed. A network that drops connections without a word is noticed after about this
    /// time; until then changes wait for the drain schedule.
    /// </summary>
    public TimeSpan KeepAlive { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary><see cref="DestinationsTable"/>, read.</summary>
    internal TableName Table => TableName.Parse(DestinationsTable);

    /// <summary>Reads the connection strings, which stand in the section of their own that .NET keeps for them.</summary>
    internal void ReadConnectionStrings(IConfiguration configuration)
    {
        ConnectionString = configuration.GetConnectionString("Postgres") ?? "";
        ListenConnectionString = configuration.GetConnectionString("PostgresListen") ?? "";
    }
}

/// <summary>Finds everything wrong with <see cref="PostgresOptions"/> at once: key, limit, value. Passwords are never repeated.</summary>
internal sealed partial class PostgresOptionsValidator : IValidateOptions<PostgresOptions>
{
    public ValidateOptionsResult Validate(string? name, PostgresOptions options)
    {
        var problems = Problems(options).ToList();
        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }

    private static IEnumerable<string> Problems(PostgresOptions options)
    {
        if (Connection("ConnectionStrings:Postgres", options.ConnectionString, required: true) is { } connection) yield return connection;
        if (Connection("ConnectionStrings:PostgresListen", options.ListenConnectionString, required: false) is { } listen) yield return listen;
        if (!TableName.TryParse(options.DestinationsTable, out _))
            yield return $"Database:DestinationsTable is {Redaction.Show(options.DestinationsTable)}. {TableName.Rule}";
        if (Role("Database:WorkerRole", options.WorkerRole) is { } worker) yield return worker;
        if (Role("Database:ControlPlaneRole", options.ControlPlaneRole) is { } controlPlane) yield return controlPlane;
        if (Range("Database:LockTimeout", options.LockTimeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(5)) is { } lockTimeout)
            yield return lockTimeout;
        if (Range("Database:MigrationWait", options.MigrationWait, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1)) is { } wait) yield return wait;
        if (Range("Database:KeepAlive", options.KeepAlive, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10)) is { } keepAlive) yield return keepAlive;
    }

    private static string? Role(string key, string? name) =>
        name is null || Encoding.UTF8.GetByteCount(name) > 63 || name.Contains('\0', StringComparison.Ordinal) ? $"{key} must be the name of a role, at most 63 characters, or empty."
        : name == "public" ? $"{key} is public, which stands for every role. Name one role, or leave it empty."
        : null;

    private static string? Connection(string key, string? value, bool required)
    {
        if (string.IsNullOrWhiteSpace(value))
            return required ? $"{key} is missing. Set it to a connection string such as Host=db;Database=app;Username=consent;Password=…" : null;
        try
        {
            var builder = new NpgsqlConnectionStringBuilder(value);
            if (string.IsNullOrWhiteSpace(builder.Host)) return $"{key} names no Host.";
            if (!builder.Host.Split(',').All(IsHost) || HasPartsWithinParts(builder))
            {
                return $"{key} is not in Npgsql's form, Host=…;Port=…;Database=…;Username=…;Password=…, with semicolons between the parts: "
                    + "the forms host=… password=… (with spaces) and postgres://… are libpq's.";
            }
            if (builder.Multiplexing) return $"{key} sets Multiplexing=true, which transactions of their own do not go with. Remove it.";
            return null;
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or InvalidCastException or OverflowException)
        {
            // The exception's own text can quote the value, and with it a password.
            return $"{key} is not a connection string that Npgsql understands. Expected: Host=…;Database=…;Username=…;Password=…";
        }
    }

    /// <summary>A name, an address or the folder of a UNIX socket, with a port or without. A whole connection string in another form is none of these.</summary>
    private static bool IsHost(string text)
    {
        var host = text.Trim();
        if (host.StartsWith('/')) return !host.Contains('=', StringComparison.Ordinal);
        return Uri.CheckHostName(HostName().Match(host) is { Success: true } match ? match.Groups["name"].Value : host) != UriHostNameType.Unknown;
    }

    /// <summary>Spaces in the place of semicolons make what follows a part of the value before it: a password would be shown as a database's name.</summary>
    private static bool HasPartsWithinParts(NpgsqlConnectionStringBuilder builder) =>
        builder.Keys.Where(key => !key.Contains("Password", StringComparison.OrdinalIgnoreCase))
            .Any(key => builder[key] is string value && Part().IsMatch(value));

    [GeneratedRegex(@"\A(?:\[(?<name>[^]]+)\](?::[0-9]+)?|(?<name>[^:]+):[0-9]+)\z", RegexOptions.CultureInvariant)]
    private static partial Regex HostName();

    [GeneratedRegex(@"(?:\A|\s)(?:host|hostaddr|port|user|username|dbname|password|passfile|sslmode)\s*=", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex Part();

    private static string? Range(string key, TimeSpan value, TimeSpan least, TimeSpan most) =>
        value >= least && value <= most ? null : $"{key} must be between {least} and {most}; it is {value}.";
}
