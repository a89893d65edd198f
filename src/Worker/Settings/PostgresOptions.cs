using System.Text;
using System.Text.RegularExpressions;
using Azure.Core;
using Azure.Identity;
using ConsentSnapshots.Storage;
using Npgsql;

namespace ConsentSnapshots.Worker.Settings;

/// <summary>How to reach the source database. Section <c>Database</c>; the connection strings come from <c>ConnectionStrings</c>.</summary>
internal sealed partial class PostgresOptions
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
    /// Whether to sign in with the process's managed identity, as Azure Database for PostgreSQL allows: a token of the identity takes the place of the password. The connection strings then
    /// have the identity's role as Username, SSL Mode=VerifyFull, and no Password.
    /// </summary>
    public bool ManagedIdentity { get; set; }

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

    /// <summary>What gives the tokens; null where the connection strings have what it takes. One for all connections, because it keeps the tokens.</summary>
    internal TokenCredential? Credential { get; set; }

    /// <summary>Reads the section and the connection strings, and reports every rule that is broken to the reader. Passwords are never repeated.</summary>
    public static PostgresOptions Read(SettingReader settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var unset = new PostgresOptions();
        var options = new PostgresOptions
        {
            ConnectionString = ReadConnection(settings, "ConnectionStrings:Postgres"),
            ListenConnectionString = ReadConnection(settings, "ConnectionStrings:PostgresListen"),
            DestinationsTable = settings.Text("Database:DestinationsTable", "the name of a table or view", unset.DestinationsTable),
            WorkerRole = ReadRole(settings, "Database:WorkerRole"),
            ControlPlaneRole = ReadRole(settings, "Database:ControlPlaneRole"),
            ManagedIdentity = settings.OneOf("Database:ManagedIdentity", unset.ManagedIdentity, ("true", true), ("false", false)),
            LockTimeout = settings.Duration("Database:LockTimeout", unset.LockTimeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(5)),
            MigrationWait = settings.Duration("Database:MigrationWait", unset.MigrationWait, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1)),
            KeepAlive = settings.Duration("Database:KeepAlive", unset.KeepAlive, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10)),
        };
        if (options.ConnectionString.Length == 0)
            settings.Fail("ConnectionStrings:Postgres is missing. Set it to a connection string such as Host=db;Database=app;Username=consent;Password=…");
        if (options.ManagedIdentity)
        {
            CheckForIdentity(settings, "ConnectionStrings:Postgres", options.ConnectionString);
            CheckForIdentity(settings, "ConnectionStrings:PostgresListen", options.ListenConnectionString);
            options.Credential = new DefaultAzureCredential();
        }
        if (!TableName.TryParse(options.DestinationsTable, out _)) settings.Fail($"Database:DestinationsTable is {Redaction.Show(options.DestinationsTable)}. {TableName.Rule}");
        settings.RefuseUnknown(Section);
        return options;
    }

    private static string ReadRole(SettingReader settings, string key)
    {
        var name = settings.Text(key, "the name of a role") ?? "";
        if (Encoding.UTF8.GetByteCount(name) > 63 || name.Contains('\0', StringComparison.Ordinal)) settings.Fail($"{key} must be the name of a role, at most 63 characters, or empty.");
        else if (name == "public") settings.Fail($"{key} is public, which stands for every role. Name one role, or leave it empty.");
        return name;
    }

    private static string ReadConnection(SettingReader settings, string key)
    {
        if (settings.Secret(key, "a connection string in Npgsql's form") is not { } text) return "";
        if (ConnectionProblem(key, text) is { } problem) settings.Fail(problem);
        return text;
    }

    /// <summary>What a connection string must and must not have where a token is the password. The token opens the database to whoever gets it, so it is sent to no server that has not proved its name.</summary>
    private static void CheckForIdentity(SettingReader settings, string key, string text)
    {
        if (text.Length == 0 || ConnectionProblem(key, text) is not null) return;
        var builder = new NpgsqlConnectionStringBuilder(text);
        if (!string.IsNullOrEmpty(builder.Password) || !string.IsNullOrEmpty(builder.Passfile))
            settings.Fail($"{key} has a Password or Passfile, and Database:ManagedIdentity is true. Remove one of the two: with an identity its token is the password.");
        if (string.IsNullOrEmpty(builder.Username))
            settings.Fail($"{key} names no Username. With Database:ManagedIdentity it is the role that was created for the identity.");
        if (builder.SslMode is not (SslMode.VerifyCA or SslMode.VerifyFull))
            settings.Fail($"{key} must have SSL Mode=VerifyFull (or VerifyCA) while Database:ManagedIdentity is true, so that no other server is sent the identity's token.");
    }

    private static string? ConnectionProblem(string key, string value)
    {
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
}
