using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Settings;

namespace ConsentSnapshots.Worker.Sources.Files;

/// <summary>Recognises environment variables that are settings of this product, or credentials of what it is built on: no destination may use them.</summary>
internal static class OwnSettings
{
    // The sections that worker and edge read. Both run in one process in the embedded default.
    private static readonly HashSet<string> Sections = new(StringComparer.OrdinalIgnoreCase)
    {
        SourceOptions.Section, StorageOptions.Section, "Limits", EncryptionOptions.Section, ScheduleOptions.Section, WorkerOptions.Section, PostgresOptions.Section,
        "ConnectionStrings", "Edge", "Logging", "Kestrel", "urls",
    };

    // What .NET, Azure's identity library and OpenTelemetry read by themselves.
    private static readonly string[] Prefixes = ["ASPNETCORE_", "DOTNET_", "AZURE_", "OTEL_"];

    /// <summary>Whether a variable of this name is one. Configuration ignores case, and takes <c>__</c> for <c>:</c>.</summary>
    public static bool Contains(string variable) =>
        Sections.Contains(variable.Replace("__", ":", StringComparison.Ordinal).Split(':')[0])
        || Prefixes.Any(prefix => variable.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
        // Azure App Service's form: POSTGRESQLCONNSTR_Postgres is ConnectionStrings:Postgres.
        || variable.Contains("CONNSTR_", StringComparison.OrdinalIgnoreCase);
}
