using System.Text.RegularExpressions;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.Worker.Settings;

/// <summary>Recognises environment variables that are settings of this product, or credentials of what it is built on: no destination may use them.</summary>
internal static partial class OwnSettings
{
    // The sections that worker and edge read. Both run in one process in the embedded default.
    private static readonly HashSet<string> Sections = new(StringComparer.OrdinalIgnoreCase)
    {
        SourceOptions.Section, StorageOptions.Section, "Limits", EncryptionOptions.Section, ScheduleOptions.Section, WorkerOptions.Section, PostgresOptions.Section,
        EdgesOptions.Section,
        "ConnectionStrings", "Edge", "Logging", "Kestrel", "urls",
    };

    // What .NET, Azure's identity library and OpenTelemetry read by themselves.
    private static readonly string[] Prefixes = ["ASPNETCORE_", "DOTNET_", "AZURE_", "OTEL_"];

    /// <summary>Whether a text is a variable's name as settings may use it.</summary>
    public static bool IsName(string text) => Name().IsMatch(text);

    /// <summary>Whether a variable of this name is one. Configuration ignores case, and takes <c>__</c> for <c>:</c>.</summary>
    public static bool Contains(string variable) =>
        Sections.Contains(variable.Replace("__", ":", StringComparison.Ordinal).Split(':')[0])
        || Prefixes.Any(prefix => variable.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
        // Azure App Service's form: POSTGRESQLCONNSTR_Postgres is ConnectionStrings:Postgres.
        || variable.Contains("CONNSTR_", StringComparison.OrdinalIgnoreCase);

    [GeneratedRegex(@"\A[A-Za-z_][A-Za-z0-9_]*\z", RegexOptions.CultureInvariant)]
    private static partial Regex Name();
}
