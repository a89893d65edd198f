using System.CommandLine;
using System.Globalization;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Worker.Sources;
using ConsentSnapshots.Worker.Storage;
using Microsoft.Extensions.DependencyInjection;
using Spectre.Console;

namespace ConsentSnapshots.Worker.Commands;

/// <summary>Shows how every scope stands: with its source, in the store, and which destinations need somebody.</summary>
internal static class StatusCommand
{
    public static Command Create(CommandContext context)
    {
        var organization = CommandContext.OrganizationOption();
        var json = CommandContext.JsonOption();
        var command = new Command("status", "Show what is published, what is pending, and which destinations are left out and why.") { organization, json };
        command.SetAction(async (parsed, token) =>
        {
            OrganizationId? only = parsed.GetValue(organization) is { } text ? CommandContext.ParseOrganization(text) : null;
            var worker = WorkerConfiguration.Read(context.Configuration, ConfigurationParts.Source | ConfigurationParts.Storage);
            await using var services = CommandContext.Services(worker);
            var source = services.GetRequiredService<IDestinationSource>();
            var published = new Dictionary<Scope, CurrentListing>();
            await foreach (var current in services.GetRequiredService<SnapshotStore>().ListCurrentAsync(only is null ? "" : $"{only}/", token))
                published[current.Scope] = current;
            var lines = new SortedDictionary<Scope, SourceStatus>();
            foreach (var status in await source.StatusAsync(only, token)) lines[status.Scope] = status;
            foreach (var scope in published.Keys) lines.TryAdd(scope, new SourceStatus(scope, BuildState.UpToDate, 0, null, null, []));
            if (only is not null && lines.Count == 0) throw new UsageException($"Neither the source ({source.Description}) nor the store knows an organization '{only}'.");
            var refused = only is null ? await source.ListRefusedAsync(token) : [];
            if (parsed.GetValue(json)) await WriteJsonAsync(context, lines.Values, published, refused);
            else WriteTable(context, lines.Values, published, refused);
            return ExitCodes.Done;
        });
        return command;
    }

    private static string Name(BuildState state) => state switch
    {
        BuildState.UpToDate => "up to date",
        _ => state.ToString().ToLowerInvariant(),
    };

    private static void WriteTable(CommandContext context, SortedDictionary<Scope, SourceStatus>.ValueCollection lines, Dictionary<Scope, CurrentListing> published, IReadOnlyList<string> refused)
    {
        var table = new Table().Border(TableBorder.Rounded).AddColumns("Scope", "State", "Version", "Published", "Problems");
        foreach (var line in lines)
        {
            var current = published.GetValueOrDefault(line.Scope);
            table.AddRow(
                Markup.Escape(line.Scope.ToString()),
                current is null && line.State == BuildState.UpToDate ? "not published" : Name(line.State),
                current?.Version.ToString(CultureInfo.InvariantCulture) ?? "",
                current is null ? "" : WireTime.Format(current.GeneratedAt),
                line.Problems.Count == 0 ? "" : line.Problems.Count.ToString(CultureInfo.InvariantCulture));
        }
        context.Console.Write(table);
        foreach (var line in lines.Where(line => line.LastError is not null || line.Problems.Count > 0))
        {
            context.Console.WriteLine();
            context.Console.WriteLine(line.Scope.ToString());
            if (line.LastError is { } error) context.Console.WriteLine($"  {Name(line.State)} after {line.Attempts} attempt(s): {error}");
            foreach (var problem in line.Problems)
                context.Console.WriteLine($"  {problem.Type} '{problem.Name}' ({problem.DestinationId}): {problem.Message}");
        }
        foreach (var refusal in refused) context.Console.WriteLine($"Refused: {refusal}");
        context.Console.WriteLine($"{lines.Count} scopes, {published.Count} published, {lines.Count(line => line.State != BuildState.UpToDate)} not up to date, "
            + $"{lines.Sum(line => line.Problems.Count)} problems.");
    }

    private static Task WriteJsonAsync(CommandContext context, SortedDictionary<Scope, SourceStatus>.ValueCollection lines, Dictionary<Scope, CurrentListing> published, IReadOnlyList<string> refused) =>
        context.WriteJsonAsync(writer =>
        {
            writer.WriteStartObject();
            writer.WriteStartArray("scopes");
            foreach (var line in lines)
            {
                writer.WriteStartObject();
                writer.WriteString("organization", line.Scope.Organization.Value);
                writer.WriteString("environment", line.Scope.Environment.Name());
                writer.WriteString("state", Name(line.State));
                if (published.TryGetValue(line.Scope, out var current))
                {
                    writer.WriteNumber("version", current.Version);
                    writer.WriteString("generatedAt", WireTime.Format(current.GeneratedAt));
                    writer.WriteNumber("publishedRevision", current.Revision);
                }
                if (line.Revision is { } revision) writer.WriteNumber("sourceRevision", revision);
                writer.WriteNumber("attempts", line.Attempts);
                if (line.LastError is not null) writer.WriteString("lastError", line.LastError);
                writer.WriteStartArray("problems");
                foreach (var problem in line.Problems)
                {
                    writer.WriteStartObject();
                    writer.WriteString("destinationId", problem.DestinationId);
                    writer.WriteString("type", problem.Type);
                    writer.WriteString("name", problem.Name);
                    writer.WriteString("kind", problem.Kind.ToString());
                    if (problem.Field is not null) writer.WriteString("field", problem.Field);
                    writer.WriteString("message", problem.Message);
                    writer.WriteEndObject();
                }
                writer.WriteEndArray();
                writer.WriteEndObject();
            }
            writer.WriteEndArray();
            writer.WriteStartArray("refused");
            foreach (var refusal in refused) writer.WriteStringValue(refusal);
            writer.WriteEndArray();
            writer.WriteEndObject();
        });
}
