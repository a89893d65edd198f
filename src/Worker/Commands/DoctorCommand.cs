using System.CommandLine;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Diagnostics;
using ConsentSnapshots.Worker.Settings;
using Microsoft.Extensions.DependencyInjection;

namespace ConsentSnapshots.Worker.Commands;

/// <summary>Looks at a whole set-up, by doing what the worker does, and says what to fix.</summary>
internal static class DoctorCommand
{
    public static Command Create(CommandContext context)
    {
        var json = CommandContext.JsonOption();
        var command = new Command("doctor", "Check the whole set-up: settings, database, keys, store, freshness and edges; say what to fix. Leaves nothing behind.") { json };
        command.SetAction(async (parsed, token) =>
        {
            var areas = new List<(string Area, IReadOnlyList<Finding> Findings)>();
            await foreach (var area in CheckAsync(context, token))
            {
                areas.Add(area);
                // A server that does not answer takes its time; what is known is shown meanwhile.
                if (!parsed.GetValue(json)) await WriteAsync(context, area.Area, area.Findings);
            }
            if (parsed.GetValue(json)) await WriteJsonAsync(context, areas);
            else await WriteSumAsync(context, [.. areas.SelectMany(area => area.Findings)]);
            return areas.Any(area => area.Findings.Any(finding => finding.Level == FindingLevel.Failed)) ? ExitCodes.Failed : ExitCodes.Done;
        });
        return command;
    }

    private static async IAsyncEnumerable<(string Area, IReadOnlyList<Finding> Findings)> CheckAsync(CommandContext context, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (worker, findings) = ReadSettings(context);
        yield return ("Settings", findings);
        if (worker is null) yield break;
        await using var services = CommandContext.Services(worker, patient: false);
        var isExplained = false;
        foreach (var check in services.GetServices<ISetupCheck>())
        {
            var found = await CheckAsync(check, isExplained, cancellationToken);
            isExplained |= found.Any(finding => finding.Level == FindingLevel.Failed);
            yield return (check.Area, found);
        }
    }

    private static (WorkerConfiguration? Worker, IReadOnlyList<Finding> Findings) ReadSettings(CommandContext context)
    {
        try
        {
            var worker = WorkerConfiguration.Read(context.Configuration);
            var known = WorkerConfiguration.Describe(context.Configuration);
            var text = string.Create(CultureInfo.InvariantCulture, $"{known.Count(setting => setting.Value is not null)} of {known.Count} settings are set, and all can be used; --print-config shows them.");
            return (worker, [new Finding(FindingLevel.Ok, text)]);
        }
        catch (InvalidConfigurationException exception)
        {
            return (null,
            [
                .. exception.Problems.Select(problem => new Finding(FindingLevel.Failed, problem, "Correct the setting; docs/configuration.md has every setting, its form and its default.")),
                new Finding(FindingLevel.Skipped, "Nothing else was looked at, because it depends on the settings."),
            ]);
        }
    }

    /// <summary>A check that fails in a way that it does not know is a finding, and the others are made all the same.</summary>
    private static async Task<IReadOnlyList<Finding>> CheckAsync(ISetupCheck check, bool isExplained, CancellationToken cancellationToken)
    {
        var findings = new Findings(isExplained);
        try
        {
            await check.CheckAsync(findings, cancellationToken);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            findings.Fail($"The check itself failed: {exception.GetType().Name}: {exception.Message}", "This is a fault of this program: please report it with this line.");
        }
        return findings.All;
    }

    private static async Task WriteAsync(CommandContext context, string area, IReadOnlyList<Finding> findings)
    {
        await context.WriteLineAsync(area);
        await context.WriteFactsAsync(findings.SelectMany(Lines));
    }

    private static async Task WriteSumAsync(CommandContext context, List<Finding> findings)
    {
        await context.WriteLineAsync();
        await context.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
            $"{findings.Count} checks: {Of(FindingLevel.Ok)} ok, {Of(FindingLevel.Warning)} to look at, {Of(FindingLevel.Failed)} to fix, {Of(FindingLevel.Skipped)} skipped."));

        int Of(FindingLevel level) => findings.Count(finding => finding.Level == level);
    }

    private static IEnumerable<(string Label, string Text)> Lines(Finding finding)
    {
        yield return (Label(finding.Level), finding.What);
        if (finding.Fix is { } fix) yield return ("", $"→ {fix}");
    }

    private static string Label(FindingLevel level) => level switch
    {
        FindingLevel.Ok => "ok",
        FindingLevel.Warning => "LOOK",
        FindingLevel.Failed => "FIX",
        _ => "-",
    };

    private static Task WriteJsonAsync(CommandContext context, List<(string Area, IReadOnlyList<Finding> Findings)> areas) => context.WriteJsonAsync(output =>
    {
        var writer = output.Writer;
        writer.WriteStartObject();
        writer.WriteBoolean("healthy", !areas.Any(area => area.Findings.Any(finding => finding.Level == FindingLevel.Failed)));
        writer.WriteStartArray("findings");
        foreach (var (area, findings) in areas)
            foreach (var finding in findings)
            {
                writer.WriteStartObject();
                writer.WriteString("area", area);
                writer.WriteString("level", JsonNamingPolicy.CamelCase.ConvertName(finding.Level.ToString()));
                writer.WriteString("message", Redaction.Mask(finding.What));
                if (finding.Fix is not null) writer.WriteString("fix", finding.Fix);
                writer.WriteEndObject();
            }
        writer.WriteEndArray();
        writer.WriteEndObject();
        return Task.CompletedTask;
    });
}
