using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Worker.Publishing;
using Microsoft.Extensions.DependencyInjection;
using Spectre.Console;

namespace ConsentSnapshots.Worker.Commands;

/// <summary>Shows what the source would give a visitor now, published or not.</summary>
internal static class PreviewCommand
{
    public static Command Create(CommandContext context)
    {
        var organization = CommandContext.OrganizationOption(required: true);
        var environment = CommandContext.EnvironmentOption(required: true);
        var consent = new Option<string>("--consent")
        {
            Description = "What the visitor granted: a list (measurement,marketing) or JSON ({\"measurement\":true}).",
            Required = true,
            HelpName = "CONSENT",
        };
        var json = CommandContext.JsonOption();
        var command = new Command("preview", "Show the scripts a visitor would get, generated from the source now; publishes nothing.") { organization, environment, consent, json };
        command.SetAction(async (parsed, token) =>
        {
            var scope = CommandContext.ParseScope(parsed.GetValue(organization), parsed.GetValue(environment));
            var query = ConsentQuery.ParseValue(parsed.GetValue(consent)!);
            if (query.Outcome != ConsentQueryOutcome.Understood) throw new UsageException($"--consent: {query.Problem ?? "it is empty."}");
            var worker = WorkerConfiguration.Read(context.Configuration);
            await using var services = CommandContext.Services(worker);
            var (_, generated) = await services.GetRequiredService<ScopeBuilder>().GenerateAsync(scope, token);
            var snapshot = generated[query.Consent];
            if (parsed.GetValue(json))
            {
                await context.Output.WriteLineAsync(Encoding.UTF8.GetString(snapshot.Bytes.Span));
            }
            else
            {
                using var document = JsonDocument.Parse(snapshot.Bytes);
                var table = new Table().Border(TableBorder.Rounded).AddColumns("Id", "Category", "Loads", "data-config");
                foreach (var script in document.RootElement.GetProperty("scripts").EnumerateArray())
                {
                    var source = script.TryGetProperty("src", out var src) ? src.GetString()! : $"inline, {script.GetProperty("textContent").GetString()!.Length} characters";
                    var config = script.TryGetProperty("attributes", out var attributes) && attributes.TryGetProperty("data-config", out var value) ? value.GetString()! : "";
                    table.AddRow(Cell(script.GetProperty("id").GetString()!), Cell(script.GetProperty("category").ToString()), Cell(source), Cell(config));
                }
                context.Console.Write(table);
                context.Console.MarkupLineInterpolated(CultureInfo.InvariantCulture,
                    $"{scope} for {query.Consent}: {snapshot.ScriptCount} scripts of {snapshot.DestinationCount} destinations, {snapshot.Length} bytes, snapshot {snapshot.Hash}");
            }
            foreach (var problem in generated.Problems)
                await context.Error.WriteLineAsync($"left out: {problem.Type} '{problem.Name}' ({problem.DestinationId}): {problem.Message}");
            return ExitCodes.Done;
        });
        return command;
    }

    private static string Cell(string text) => Markup.Escape(text.Length <= 120 ? text : $"{text[..119]}…");
}
