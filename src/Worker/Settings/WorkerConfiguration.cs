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

    /// <summary>Everything.</summary>
    All = Source | Storage | Encryption | Schedule | Worker,
}

/// <summary>The settings, read and checked as a whole before anything is touched.</summary>
public sealed class WorkerConfiguration
{
    private WorkerConfiguration(IConfiguration configuration) => Configuration = configuration;

    /// <summary>Where the settings were read from.</summary>
    public IConfiguration Configuration { get; }

    /// <summary>Section <c>Source</c>.</summary>
    public SourceOptions Source { get; private init; } = new();

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

    /// <summary>Reads and checks the parts asked for.</summary>
    /// <exception cref="InvalidConfigurationException">Something is wrong; everything that is wrong is listed.</exception>
    public static WorkerConfiguration Read(IConfiguration configuration, ConfigurationParts parts = ConfigurationParts.All)
    {
        var problems = new List<string>();
        var (storage, limits) = (new SettingReader(configuration), new SettingReader(configuration));
        var read = new WorkerConfiguration(configuration)
        {
            Source = Bind<SourceOptions>(configuration, SourceOptions.Section, problems),
            Storage = StorageOptions.Read(storage),
            Limits = ReadLimits(limits),
            Encryption = Bind<EncryptionOptions>(configuration, EncryptionOptions.Section, problems),
            Schedule = Bind<ScheduleOptions>(configuration, ScheduleOptions.Section, problems),
            Worker = Bind<WorkerOptions>(configuration, WorkerOptions.Section, problems),
        };
        if (parts.HasFlag(ConfigurationParts.Source))
        {
            problems.AddRange(read.Source.Problems());
            if (configuration.GetSection($"{SourceOptions.Section}:{nameof(SourceOptions.Variables)}").GetChildren().Any())
                problems.Add("Source:Variables is one text: names of environment variables, separated by commas.");
            if (read.Source.Provider == SourceProvider.Postgres)
            {
                var postgres = Bind<PostgresOptions>(configuration, PostgresOptions.Section, problems);
                postgres.ReadConnectionStrings(configuration);
                problems.AddRange(new PostgresOptionsValidator().Validate(null, postgres).Failures ?? []);
            }
        }
        if (parts.HasFlag(ConfigurationParts.Storage)) problems.AddRange(storage.Problems);
        if (parts.HasFlag(ConfigurationParts.Source)) problems.AddRange(limits.Problems);
        if (parts.HasFlag(ConfigurationParts.Encryption))
        {
            if (!string.IsNullOrEmpty(configuration[$"{EncryptionOptions.Section}:Keys"]))
                problems.Add("Encryption:Keys is a list: set Encryption:Keys:0 (Encryption__Keys__0) for the current key, Encryption:Keys:1 for an older one.");
            problems.AddRange(read.Encryption.Problems());
        }
        if (parts.HasFlag(ConfigurationParts.Schedule)) problems.AddRange(read.Schedule.Problems());
        if (parts.HasFlag(ConfigurationParts.Worker)) problems.AddRange(read.Worker.Problems());
        return problems.Count == 0 ? read : throw new InvalidConfigurationException(problems);
    }

    /// <summary>What is lower than the default is for an operator to say; what is higher, edges would not read.</summary>
    private static ScopeLimits ReadLimits(SettingReader settings)
    {
        var most = ScopeLimits.Default;
        return most with
        {
            Destinations = (int)settings.Number("Limits:Destinations", most.Destinations, 1, most.Destinations),
            ScopeSettingsBytes = (int)settings.Number("Limits:ScopeSettingsBytes", most.ScopeSettingsBytes, 1024, most.ScopeSettingsBytes),
            DestinationSettingsBytes = (int)settings.Number("Limits:DestinationSettingsBytes", most.DestinationSettingsBytes, 1024, most.DestinationSettingsBytes),
        };
    }

    /// <summary>Binds key by key, so that one value that cannot be converted does not hide the next.</summary>
    private static T Bind<T>(IConfiguration configuration, string section, List<string> problems) where T : new()
    {
        var options = new T();
        foreach (var child in configuration.GetSection(section).GetChildren())
        {
            var single = new ConfigurationBuilder()
                .AddInMemoryCollection(child.AsEnumerable().Where(entry => entry.Value is not null)
                    .Select(entry => KeyValuePair.Create(entry.Key[(section.Length + 1)..], entry.Value)))
                .Build();
            try
            {
                single.Bind(options);
            }
            catch (InvalidOperationException)
            {
                var expected = typeof(T).GetProperty(child.Key, System.Reflection.BindingFlags.IgnoreCase | System.Reflection.BindingFlags.Public
                    | System.Reflection.BindingFlags.Instance)?.PropertyType;
                // The exception quotes the value.
                problems.Add(expected is null ? $"{section}:{child.Key} cannot be read."
                    : $"{section}:{child.Key} must be {Expected(expected)}; it is {Redaction.ShowAddress(child.Value)}.");
            }
        }
        return options;
    }

    private static string Expected(Type type) =>
        type.IsEnum ? $"one of {string.Join(", ", Enum.GetNames(type).Select(name => name.ToLowerInvariant()))}"
        : type == typeof(TimeSpan) ? "a time such as 00:00:05"
        : type == typeof(int) ? "a whole number"
        : type == typeof(Uri) ? "a URL"
        : $"a {type.Name}";
}
