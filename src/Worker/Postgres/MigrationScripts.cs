using System.Data;
using System.Reflection;
using DbUp;
using DbUp.Engine;
using DbUp.Engine.Output;
using DbUp.Engine.Transactions;
using Npgsql;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>A versioned script could not be applied.</summary>
internal sealed class ScriptFailedException(string script, Exception inner) : Exception($"Script {script} failed.", inner)
{
    public string Script { get; } = script;
}

/// <summary>The versioned scripts under <c>Migrations/</c>, and which of them a database has: DbUp's journal in <c>consent_snapshots.schema_versions</c>.</summary>
internal static class MigrationScripts
{
    private const string Folder = "ConsentSnapshots.Worker.Postgres.Migrations.";

    /// <summary>Applies the missing scripts in the transaction that the connection is in; their names.</summary>
    /// <exception cref="ScriptFailedException">One could not be applied. The transaction can only be rolled back.</exception>
    public static IReadOnlyList<string> Apply(NpgsqlConnection connection)
    {
        var result = DeployChanges.To
            .PostgresqlDatabase(new CallersTransaction(connection))
            .JournalToPostgresqlTable("consent_snapshots", "schema_versions")
            .WithScriptsEmbeddedInAssembly(Assembly.GetExecutingAssembly(), name => name.StartsWith(Folder, StringComparison.Ordinal))
            .WithVariablesDisabled()
            .LogToNowhere()
            .Build()
            .PerformUpgrade();
        if (!result.Successful) throw new ScriptFailedException(result.ErrorScript is { } failed ? Short(failed.Name) : "the journal", result.Error);
        return [.. result.Scripts.Select(script => Short(script.Name))];
    }

    /// <summary>The scripts of this build, in order.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [.. Assembly.GetExecutingAssembly().GetManifestResourceNames().Where(name => name.StartsWith(Folder, StringComparison.Ordinal)).Select(Short).Order(StringComparer.Ordinal)];

    /// <summary>A script's name as people read it, from the one in the journal.</summary>
    public static string Short(string name) => name.Replace(Folder, "", StringComparison.Ordinal).Replace(".sql", "", StringComparison.Ordinal);

    /// <summary>Lets DbUp work on the migration's own connection, in its transaction, instead of opening a session and transactions of its own.</summary>
    private sealed class CallersTransaction(NpgsqlConnection connection) : IConnectionManager
    {
        public TransactionMode TransactionMode { get; set; }

        public bool IsScriptOutputLogged { get; set; }

        public int? ExecutionTimeoutSeconds { get; set; }

        public IDisposable OperationStarting(IUpgradeLog upgradeLog, List<SqlScript> executedScripts) => new StaysOpen();

        public void ExecuteCommandsWithManagedConnection(Action<Func<IDbCommand>> action) => action(connection.CreateCommand);

        public T ExecuteCommandsWithManagedConnection<T>(Func<Func<IDbCommand>, T> actionWithResult) => actionWithResult(connection.CreateCommand);

        // Npgsql takes several statements in one command.
        public IEnumerable<string> SplitScriptIntoCommands(string scriptContents) => [scriptContents];

        public bool TryConnect(IUpgradeLog upgradeLog, out string errorMessage)
        {
            errorMessage = "";
            return true;
        }

        private sealed class StaysOpen : IDisposable
        {
            public void Dispose()
            {
                // The caller commits or rolls back, and closes.
            }
        }
    }
}
