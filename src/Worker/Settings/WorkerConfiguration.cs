using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;
using Microsoft.Extensions.Configuration;

namespace ConsentSnapshots.Worker.Settings;

/// <summary>The configuration breaks rules; the message lists every one: key, rule, actual value.</summary>
public sealed class InvalidConfigurationException(IReadOnlyList<string> problems)
    : Exception($"The configuration has {problems.Count} problem(s):{Environment.NewLine}{string.Join(Environment.NewLine, problems.Select(problem => $"  - {problem}"))}")
{
    /// <summary>Every problem.</summary>
    public IReadOnlyList<string> Problems { get; } = problems;
}

/// <summary>Which settings a command needs: what it does not touch it does not ask for.</summary>
[Flags]
public enum ConfigurationParts
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>The source of destinations.</summary>
    Source = 1,

    /// <summary>The blob store.</summary>
    Storage = 2,

    /// <summary>The keys of encrypted settings.</summary>
    Encryption = 4,

    /// <summary>The schedule.</summary>
    Schedule = 8,

    /// <summary>The service as a process.</summary>
    Worker = 16,

    /// <summary>The edges that commands ask.</summary>
    Edges = 32,

    /// <summary>Everything.</summary>
    All = Source | Storage | Encryption | Schedule | Worker | Edges,
}

/// <summary>The settings, read and checked as a whole before anything is touched.</summary>
public sealed class WorkerConfiguration
{
    private WorkerConfiguration(IConfiguration configuration) => Configuration = configuration;

    /// <summary>Where the settings were read from.</summary>
    public IConfiguration Configuration { get; }

    /// <summary>Section <c>Source</c>.</summary>
    public SourceOptions Source { get; private init; } = new();

    /// <summary>Section <c>Database</c> and the connection strings; null where the source is a file.</summary>
    internal PostgresOptions? Postgres { get; private set; }

    /// <summary>Section <c>Storage</c>.</summary>
    public StorageOptions Storage { get; private init; } = new();

    /// <summary>Section <c>Limits</c>.</summary>
    public ScopeLimits Limits { get; private init; } = ScopeLimits.Default;

    /// <summary>Section <c>Encryption</c>.</summary>
    public EncryptionOptions Encryption { get; private init; } = new();

    /// <summary>Section <c>Schedule</c>.</summary>
    public ScheduleOptions Schedule { get; private init; } = new();

    /// <summary>Section <c>Worker</c>.</summary>
    public WorkerOptions Worker { get; private init; } = new();

    /// <summary>Section <c>Edges</c>.</summary>
    public EdgesOptions Edges { get; private init; } = new();

    /// <summary>Reads and checks the parts asked for.</summary>
    /// <exception cref="InvalidConfigurationException">Something is wrong; everything that is wrong is listed.</exception>
    public static WorkerConfiguration Read(IConfiguration configuration, ConfigurationParts parts = ConfigurationParts.All)
    {
        var (problems, known) = (new List<string>(), new List<KnownSetting>());
        var read = Read(configuration, parts, problems, known);
        return problems.Count == 0 ? read : throw new InvalidConfigurationException(problems);
    }

    /// <summary>Every setting that these settings give a meaning, as it stands, whether or not it can be used.</summary>
    public static IReadOnlyList<KnownSetting> Describe(IConfiguration configuration)
    {
        var known = new List<KnownSetting>();
        Read(configuration, ConfigurationParts.All, [], known);
        return known;
    }

    private static WorkerConfiguration Read(IConfiguration configuration, ConfigurationParts parts, List<string> problems, List<KnownSetting> known)
    {
        var read = new WorkerConfiguration(configuration)
        {
            Source = ReadPart(ConfigurationParts.Source, SourceOptions.Read),
            Storage = ReadPart(ConfigurationParts.Storage, StorageOptions.Read),
            Limits = ReadPart(ConfigurationParts.Source, ReadLimits),
            Encryption = ReadPart(ConfigurationParts.Encryption, EncryptionOptions.Read),
            Schedule = ReadPart(ConfigurationParts.Schedule, ScheduleOptions.Read),
            Worker = ReadPart(ConfigurationParts.Worker, WorkerOptions.Read),
            Edges = ReadPart(ConfigurationParts.Edges, EdgesOptions.Read),
        };
        // Every command that uses the source or the store sends telemetry.
        if (parts.HasFlag(ConfigurationParts.Source) || parts.HasFlag(ConfigurationParts.Storage)) problems.AddRange(TelemetryExport.FindProblems(configuration));
        if (read.Source.Provider == SourceProvider.Postgres) read.Postgres = ReadPart(ConfigurationParts.Source, PostgresOptions.Read);
        return read;

        T ReadPart<T>(ConfigurationParts part, Func<SettingReader, T> readPart)
        {
            var settings = new SettingReader(configuration);
            var options = readPart(settings);
            known.AddRange(settings.Settings);
            if (parts.HasFlag(part)) problems.AddRange(settings.Problems);
            return options;
        }
    }

    /// <summary>What is lower than the default is for an operator to say; what is higher, edges would not read.</summary>
    private static ScopeLimits ReadLimits(SettingReader settings)
    {
        var most = ScopeLimits.Default;
        var limits = most with
        {
            Destinations = (int)settings.Number("Limits:Destinations", most.Destinations, 1, most.Destinations),
            ScopeSettingsBytes = (int)settings.Number("Limits:ScopeSettingsBytes", most.ScopeSettingsBytes, 1024, most.ScopeSettingsBytes),
            DestinationSettingsBytes = (int)settings.Number("Limits:DestinationSettingsBytes", most.DestinationSettingsBytes, 1024, most.DestinationSettingsBytes),
        };
        settings.RefuseUnknown("Limits");
        return limits;
    }
}
