using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Worker.Building;
using ConsentSnapshots.Worker.Settings;
using Microsoft.Extensions.DependencyInjection;

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
            var generated = await services.GetRequiredService<ScopeBuilder>().GenerateAsync(scope, token);
            var (snapshot, list) = (generated[query.Consent], generated.Content[query.Consent]);
            if (parsed.GetValue(json))
            {
                await context.WriteJsonAsync(Encoding.UTF8.GetString(snapshot.Bytes.Span));
            }
            else
            {
                using var document = JsonDocument.Parse(snapshot.Bytes);
                await context.WriteTableAsync(["Id", "Category", "Loads", "data-config"], document.RootElement.GetProperty("scripts").EnumerateArray().Select(Row));
                await context.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
                    $"{scope} for {query.Consent}: {list.Scripts.Length} scripts of {list.DestinationCount} destinations, {snapshot.Bytes.Length} bytes, snapshot {snapshot.Name}"));
            }
            foreach (var problem in generated.Problems) await context.WriteErrorAsync(CommandContext.Line(problem));
            return ExitCodes.Done;
        });
        return command;
    }

    private static string[] Row(JsonElement script) =>
    [
        script.GetProperty("id").GetString()!,
        script.GetProperty("category").ToString(),
        script.TryGetProperty("src", out var src) ? Short(src.GetString()!) : $"inline, {script.GetProperty("textContent").GetString()!.Length} characters",
        script.TryGetProperty("attributes", out var attributes) && attributes.TryGetProperty("data-config", out var config) ? Short(config.GetString()!) : "",
    ];

    private static string Short(string text) => text.Length <= 120 ? text : $"{text[..119]}…";
}
