using System.CommandLine;
using System.Globalization;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Diagnostics;
using ConsentSnapshots.Worker.Settings;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Trace;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace ConsentSnapshots.Worker.Commands;

/// <summary>What every command needs: the settings, and the ways to write for a person or a program. All of them redact.</summary>
/// <param name="configuration">The settings.</param>
/// <param name="output">For results.</param>
/// <param name="error">For what is wrong, and for progress.</param>
/// <param name="width">The width of the terminal that <paramref name="output"/> is taken for; null where it says so itself.</param>
internal sealed class CommandContext(IConfiguration configuration, TextWriter output, TextWriter error, int? width)
{
    /// <summary>How many lines of one kind a person is shown at most; how many more there are is said.</summary>
    public const int MostLines = 20;

    public IConfiguration Configuration { get; } = configuration;

    /// <summary>Whether a person reads the result on a terminal, whose width it has to fit.</summary>
    public bool IsTerminal => width is not null || CreateConsole(output).Profile.Out.IsTerminal;

    /// <summary>Writes a line of the result.</summary>
    public Task WriteLineAsync(string text = "") => output.WriteLineAsync(Redaction.PrintableLines(text));

    /// <summary>Writes a line about what is wrong.</summary>
    public Task WriteErrorAsync(string text) => error.WriteLineAsync(Redaction.Clean(text));

    /// <summary>Asks the service at an address whether it is well, and writes the answer; the exit code.</summary>
    public Task<int> AskHealthAsync(string listenAddress, bool ready, CancellationToken cancellationToken) =>
        HealthProbe.AskAsync(HealthProbe.AddressOf(listenAddress)!, ready, output, error, cancellationToken);

    /// <summary>
    /// Writes a table. On a terminal it has borders and fits the width. In a file or pipe it has neither: each row is one line, so that it can be searched.
    /// </summary>
    public async Task WriteTableAsync(string[] columns, IEnumerable<string[]> rows)
    {
        var cells = rows.Select(row => row.Select(Redaction.Printable).ToArray()).ToList();
        var console = CreateConsole(output);
        if (width is not null || console.Profile.Out.IsTerminal)
        {
            if (width is not null) console.Profile.Width = width.Value;
            var table = new Table().Border(TableBorder.Rounded).AddColumns(columns);
            foreach (var row in cells) table.AddRow([.. row.Select(Markup.Escape)]);
            console.Write(table);
            return;
        }
        var widths = columns.Select((column, index) => cells.Select(row => row[index].Length).Append(column.Length).Max()).ToArray();
        foreach (var row in cells.Prepend(columns))
            await output.WriteLineAsync(string.Join("  ", row.Select((cell, index) => cell.PadRight(widths[index]))).TrimEnd());
    }

    /// <summary>
    /// Writes labelled lines. On a terminal their texts are wrapped beside the labels; in a file or pipe each is one line, so that it can be searched.
    /// </summary>
    public async Task WriteFactsAsync(IEnumerable<(string Label, string Text)> facts)
    {
        var lines = facts.Select(fact => (fact.Label, Text: Redaction.Printable(Redaction.Mask(fact.Text).ReplaceLineEndings(" ")))).ToList();
        if (lines.Count == 0) return;
        var labels = lines.Max(line => line.Label.Length);
        var console = CreateConsole(output);
        if (width is not null || console.Profile.Out.IsTerminal)
        {
            if (width is not null) console.Profile.Width = width.Value;
            var grid = new Grid().AddColumn(new GridColumn().NoWrap().Width(labels).Padding(2, 0, 2, 0)).AddColumn(new GridColumn().Padding(0, 0, 0, 0));
            foreach (var (label, text) in lines) grid.AddRow(Markup.Escape(label), Markup.Escape(text));
            console.Write(grid);
            return;
        }
        foreach (var (label, text) in lines) await output.WriteLineAsync($"  {label.PadRight(labels)}  {text}");
    }

    /// <summary>Writes lines. On a terminal they are wrapped within their indent; in a file or pipe each is one line.</summary>
    public async Task WriteWrappedAsync(int indent, params IEnumerable<string> texts)
    {
        var lines = texts.Select(text => Redaction.Printable(Redaction.Mask(text).ReplaceLineEndings(" "))).ToList();
        if (lines.Count == 0) return;
        if (IsTerminal)
        {
            var console = CreateConsole(output);
            if (width is not null) console.Profile.Width = width.Value;
            foreach (var line in lines) console.Write(new Padder(new Text(line), new Padding(indent, 0, 0, 0)));
            return;
        }
        foreach (var line in lines) await output.WriteLineAsync(new string(' ', indent) + line);
    }

    /// <summary>Writes one JSON document.</summary>
    public async Task WriteJsonAsync(Func<JsonOutput, Task> write)
    {
        using var json = new JsonOutput(output);
        await write(json);
        await json.CompleteAsync();
    }

    /// <summary>Writes a JSON document that exists already.</summary>
    public Task WriteJsonAsync(string document) => output.WriteLineAsync(document);

    /// <summary>Does something with a progress bar beside the result: on standard error, and only where somebody watches.</summary>
    public async Task WithProgressAsync(string what, int count, Func<Action, Task> action)
    {
        var console = CreateConsole(error);
        if (!console.Profile.Out.IsTerminal || count < 2)
        {
            await action(() => { });
            return;
        }
        ProgressColumn[] columns = [new TaskDescriptionColumn(), new ProgressBarColumn(), new CountColumn(), new RateColumn(), new RemainingTimeColumn()];
        await console.Progress().AutoClear(true).Columns(columns).StartAsync(async progress =>
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

    public static Option<string?> EnvironmentOption(bool required = false)
    {
        var option = new Option<string?>("--env") { Description = "development, staging or production.", Required = required, HelpName = "NAME" };
        option.CompletionSources.Add("development", "staging", "production");
        return option;
    }

    /// <summary>The services of a command that is not the service: quiet but for warnings, which go to standard error.</summary>
    /// <param name="worker">The settings.</param>
    /// <param name="patient">Whether a store that does not answer is asked again for long; a person who looks for what is wrong is told soon.</param>
    public static ServiceProvider Services(WorkerConfiguration worker, bool patient = true)
    {
        var services = new ServiceCollection();
        services.AddLogging(logging =>
        {
            LogLines.AddTo(logging, worker.Configuration);
            logging.AddFilter(level => level >= LogLevel.Warning);
            // A scope that fails is said by the command, with all others.
            logging.AddFilter(typeof(Scheduling.ScopeDrain).FullName, LogLevel.Critical);
        });
        services.Configure<Microsoft.Extensions.Logging.Console.ConsoleLoggerOptions>(options => options.LogToStandardErrorThreshold = LogLevel.Trace);
        services.AddSnapshotPublishing(worker, patient ? null : StoreRetries.Brief(TimeSpan.FromSeconds(5)));
        // A command ends before a metric of it would mean anything.
        TelemetryExport.AddTo(services, worker.Configuration, WorkerSpans.Telemetry with { Meters = [] });
        var provider = services.BuildServiceProvider();
        // There is no host that would make it. Where nothing is sent there is none.
        provider.GetService<TracerProvider>();
        return provider;
    }

    /// <summary>Reads <c>--org</c> and <c>--env</c>.</summary>
    public static Scope ParseScope(string? organization, string? environment)
    {
        if (!DeploymentEnvironments.TryParse(environment, out var parsed))
            throw new UsageException($"--env must be development, staging or production; it is {Redaction.Show(environment)}.");
        return new Scope(ParseOrganization(organization), parsed);
    }

    public static OrganizationId ParseOrganization(string? organization) =>
        OrganizationId.TryParse(organization, out var id) ? id : throw new UsageException($"--org is {Redaction.Show(organization)}. {OrganizationId.Rule}");

    /// <summary>A problem of a destination, whose type and name are as the tenant wrote them, and whether the destination is left out for it.</summary>
    public static string Line(DestinationProblem problem) =>
        $"{(problem.LeavesOut ? "left out" : "no effect")}: {Redaction.Printable(problem.Type)} '{Redaction.Printable(problem.Name)}' ({problem.DestinationId}): {Redaction.Printable(problem.Message)}";

    private static IAnsiConsole CreateConsole(TextWriter writer) => AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(writer) });

    /// <summary>How many of how many.</summary>
    private sealed class CountColumn : ProgressColumn
    {
        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) =>
            new Text(string.Create(CultureInfo.InvariantCulture, $"{task.Value:F0}/{task.MaxValue:F0}"));
    }

    /// <summary>How many in a second.</summary>
    private sealed class RateColumn : ProgressColumn
    {
        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) =>
            new Text(task.Speed is { } speed ? string.Create(CultureInfo.InvariantCulture, $"{speed:F0}/s") : "");
    }
}
