using ConsentSnapshots.Storage;

namespace ConsentSnapshots.Worker.Settings;

/// <summary>Where destinations come from.</summary>
public enum SourceProvider
{
    /// <summary>A JSON file: the self-hosted model and the embedded default.</summary>
    File,

    /// <summary>A Postgres table: the SaaS model.</summary>
    Postgres,
}

/// <summary>The source of destinations, section <c>Source</c>.</summary>
public sealed class SourceOptions
{
    /// <summary>The section's name.</summary>
    public const string Section = "Source";

    /// <summary><c>file</c> or <c>postgres</c>. Default: file.</summary>
    public SourceProvider Provider { get; set; } = SourceProvider.File;

    /// <summary>The file's path. Required for <c>file</c>.</summary>
    public string? File { get; set; }

    /// <summary>
    /// Names of environment variables, separated by commas, that settings which reach browsers may use as <c>${NAME}</c>, besides those that begin with
    /// <c>PUBLIC_</c>. Whatever is listed may be published. Default: none.
    /// </summary>
    public string? Variables { get; set; }

    /// <summary>How often the file is looked at. Shorter publishes an edit sooner; a look is one file status. Default: 200 ms.</summary>
    public TimeSpan WatchInterval { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <summary><see cref="Variables"/>, one by one.</summary>
    internal IReadOnlyList<string> PublishedVariables =>
        (Variables ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    /// <summary>Reads the section and reports every rule that is broken to the reader.</summary>
    public static SourceOptions Read(SettingReader settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var unset = new SourceOptions();
        var options = new SourceOptions
        {
            Provider = settings.OneOf("Source:Provider", unset.Provider, ("file", SourceProvider.File), ("postgres", SourceProvider.Postgres)),
            File = settings.Text("Source:File", "the path of a JSON file"),
            Variables = settings.Text("Source:Variables", "names of environment variables, separated by commas"),
            WatchInterval = settings.Duration("Source:WatchInterval", unset.WatchInterval, TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(10)),
        };
        if (options.Provider == SourceProvider.File) CheckFile(options, settings);
        settings.RefuseUnknown(Section);
        return options;
    }

    private static void CheckFile(SourceOptions options, SettingReader settings)
    {
        if (options.File is null) settings.Fail("Source:File must name a file when Source:Provider is file; it is empty.");
        else if (!System.IO.File.Exists(options.File)) settings.Fail($"Source:File must name a file that exists; it is {Redaction.Show(options.File)}.");
        foreach (var name in options.PublishedVariables)
        {
            if (!OwnSettings.IsName(name))
                settings.Fail($"Source:Variables must be names of environment variables (letters, digits and _), separated by commas; it has {Redaction.Show(name)}.");
            else if (OwnSettings.Contains(name))
                settings.Fail($"Source:Variables must not list settings of this program, which would be published; it lists {Redaction.Show(name)}.");
        }
    }
}
