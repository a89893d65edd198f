using System.CommandLine;
using System.Text;
using System.Text.Json;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Scripts;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Spectre.Console;

namespace ConsentSnapshots.Worker.Commands;

/// <summary>What every command needs: the settings, and where to write for a person or a program.</summary>
internal sealed class CommandContext(IConfiguration configuration, TextWriter output, TextWriter error)
{
    public IConfiguration Configuration { get; } = configuration;

    public TextWriter Output { get; } = output;

    public TextWriter Error { get; } = error;

    /// <summary>Tables and progress for a person: colours and motion only where the terminal has them.</summary>
    public IAnsiConsole Console { get; } = CreateConsole(output);

    /// <summary>Does something with a progress bar beside the result: on standard error, and only where somebody watches.</summary>
    public async Task WithProgressAsync(string what, int count, Func<Action, Task> action)
    {
        var console = CreateConsole(Error);
        if (!console.Profile.Out.IsTerminal || count < 2)
        {
            await action(() => { });
            return;
        }
        await console.Progress().AutoClear(true).StartAsync(async progress =>
        {
            var task = progress.AddTask(what, maxValue: count);
            await action(() => task.Increment(1));
        });
    }

    public static Option<bool> JsonOption() => new("--json") { Description = "Write JSON for a program instead of a table." };

    public static Option<string?> OrganizationOption(bool required = false) => new("--org")
    {
        Description = "The organization's id.",
        Required = required,
        HelpName = "ID",
    };

    public static Option<string?> EnvironmentOption(bool required = false) => new("--env")
    {
        Description = "development, staging or production.",
        Required = required,
        HelpName = "NAME",
    };

    /// <summary>The services of a command that is not the service: quiet but for warnings, which go to standard error.</summary>
    public static ServiceProvider Services(WorkerConfiguration worker)
    {
        var services = new ServiceCollection();
        services.AddLogging(logging => logging
            .AddSimpleConsole(options => options.SingleLine = true)
            .AddFilter(level => level >= LogLevel.Warning));
        services.Configure<Microsoft.Extensions.Logging.Console.ConsoleLoggerOptions>(options => options.LogToStandardErrorThreshold = LogLevel.Trace);
        services.AddSnapshotPublishing(worker);
        return services.BuildServiceProvider();
    }

    /// <summary>Reads <c>--org</c> and <c>--env</c>.</summary>
    public static Scope ParseScope(string? organization, string? environment)
    {
        if (!DeploymentEnvironments.TryParse(environment, out var parsed))
            throw new UsageException($"--env must be development, staging or production; it is '{environment}'.");
        return new Scope(ParseOrganization(organization), parsed);
    }

    public static OrganizationId ParseOrganization(string? organization) =>
        OrganizationId.TryParse(organization, out var id) ? id : throw new UsageException($"--org is '{organization}'. {OrganizationId.Rule}");

    /// <summary>Writes one JSON document and a line feed.</summary>
    public async Task WriteJsonAsync(Action<Utf8JsonWriter> write)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true, Encoder = ScriptJson.Encoder }))
            write(writer);
        await Output.WriteLineAsync(Encoding.UTF8.GetString(buffer.ToArray()));
    }

    private static IAnsiConsole CreateConsole(TextWriter writer)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(writer) });
        // Into a file or pipe there is no width to fit, and a wrapped cell could not be searched.
        if (!console.Profile.Out.IsTerminal) console.Profile.Width = 400;
        return console;
    }
}
