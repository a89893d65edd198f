using System.Collections.Immutable;
using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Building;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Settings;
using ConsentSnapshots.Worker.Sources;
using Microsoft.Extensions.DependencyInjection;

namespace ConsentSnapshots.Worker.Commands;

/// <summary>Says why a vendor is on the page, or is not: from the row through the published version to what each edge serves.</summary>
internal static class ExplainCommand
{
    public static Command Create(CommandContext context)
    {
        var organization = CommandContext.OrganizationOption(required: true);
        var environment = CommandContext.EnvironmentOption(required: true);
        var destination = new Option<string?>("--destination") { Description = "The destination's id, or its type where the scope has one of that type. All of them where left out.", HelpName = "ID" };
        var consent = new Option<string?>("--consent") { Description = "What the visitor granted: a list (measurement,marketing) or JSON ({\"measurement\":true}).", HelpName = "CONSENT" };
        var json = CommandContext.JsonOption();
        var command = new Command("explain", "Say why a destination is on the page, or is not: row, consent, problems, published version, and what each edge in Edges__0, Edges__1 … serves.")
        {
            organization, environment, destination, consent, json,
        };
        command.SetAction(async (parsed, token) =>
        {
            var scope = CommandContext.ParseScope(parsed.GetValue(organization), parsed.GetValue(environment));
            ConsentSet? set = parsed.GetValue(consent) is { } text ? ParseConsent(text) : null;
            var worker = WorkerConfiguration.Read(context.Configuration);
            await using var services = CommandContext.Services(worker, patient: false);
            var facts = await GatherAsync(services, worker, scope, set, token);
            var ids = Choose(facts, parsed.GetValue(destination));
            var explanations = ids.Select(id => DestinationExplanation.Of(facts, id)).ToList();
            if (explanations is [{ Answer: DestinationAnswer.Unknown, Row: null } unknown] && facts.Rows is not null)
                explanations[0] = unknown with { Reason = unknown.Reason + await ElsewhereAsync(services, scope, unknown.Id, token) };
            if (parsed.GetValue(json)) await WriteJsonAsync(context, facts, explanations);
            else await WriteAsync(context, facts, explanations, worker.Edges.Addresses);
            return ExitCodes.Done;
        });
        return command;
    }

    private static ConsentSet ParseConsent(string text)
    {
        var query = ConsentQuery.ParseValue(text);
        return query.Outcome == ConsentQueryOutcome.Understood ? query.Consent : throw new UsageException($"--consent: {query.Problem ?? "it is empty."}");
    }

    private static async Task<ScopeFacts> GatherAsync(IServiceProvider services, WorkerConfiguration worker, Scope scope, ConsentSet? consent, CancellationToken cancellationToken)
    {
        using var client = new EdgeClient();
        var edges = Task.WhenAll(worker.Edges.Addresses.Select(edge => client.AskAsync(edge, scope, consent, cancellationToken)));
        var facts = new ScopeFacts(scope) { Consent = consent };
        try
        {
            var current = await services.GetRequiredService<ScopeStore>().ReadCurrentAsync(scope, cancellationToken);
            facts = facts with { Published = current.Manifest, StoreProblem = current.Problem };
        }
        catch (Exception exception) when (exception is StoreUnavailableException or ManifestException)
        {
            facts = facts with { StoreProblem = exception.Message };
        }
        facts = await ReadSourceAsync(services, facts, cancellationToken);
        return facts with { Edges = await edges };
    }

    /// <summary>A source that cannot be read is one of the facts: at night it is what is looked for.</summary>
    private static async Task<ScopeFacts> ReadSourceAsync(IServiceProvider services, ScopeFacts facts, CancellationToken cancellationToken)
    {
        var (source, builder) = (services.GetRequiredService<IDestinationSource>(), services.GetRequiredService<ScopeBuilder>());
        try
        {
            facts = facts with { Rows = (await source.ReadAsync(facts.Scope, ReadPurpose.Look, cancellationToken)).Require() };
            facts = facts with { Generated = builder.Generate(facts.Rows) };
            // The rule looks at the version that was read already.
            if (facts.StoreProblem is null) facts = facts with { Held = Holds.Reason(facts.Rows, facts.Generated, facts.Published) };
            facts = facts with
            {
                Status = (await services.GetRequiredService<IScopeQueue>().StatusAsync(facts.Scope.Organization, cancellationToken)).FirstOrDefault(status => status.Scope == facts.Scope),
                HasWorker = services.GetService<IWorkerRoster>() is { } roster ? (await roster.ListAsync(cancellationToken)).Any(worker => worker.IsAlive) : null,
            };
            return facts with { Held = facts.Held ?? facts.Status?.HeldReason };
        }
        catch (Exception exception) when (exception is SourceUnavailableException or ScopeUnreadableException or GenerationException)
        {
            return facts with { SourceProblem = exception.Message };
        }
        catch (StoreUnavailableException exception)
        {
            // Beside a file, the store also keeps what the queue knows.
            return facts with { StoreProblem = facts.StoreProblem ?? exception.Message };
        }
    }

    private static IReadOnlyList<Guid> Choose(ScopeFacts facts, string? wanted)
    {
        // A row that is gone may still be published.
        var known = (facts.Rows?.Rows ?? []).OrderBy(row => row.CreatedAt).ThenBy(row => row.Id).Select(row => (row.Id, row.Type, row.Deleted))
            .Concat(Published(facts.Published).Select(id => (Id: id, Type: "", Deleted: false))).DistinctBy(row => row.Id).ToList();
        if (wanted is null) return [.. known.Where(row => !row.Deleted || Published(facts.Published).Contains(row.Id)).Select(row => row.Id)];
        if (Guid.TryParse(wanted, out var id)) return [id];
        var ofType = known.Where(row => !row.Deleted && string.Equals(row.Type, wanted, StringComparison.OrdinalIgnoreCase)).ToList();
        return ofType switch
        {
            [] => throw new UsageException($"--destination must be the id of a destination, or a type that {facts.Scope} has; it is {Redaction.Show(wanted)}. Leave it out to see all."),
            _ => [.. ofType.Select(row => row.Id)],
        };
    }

    private static IEnumerable<Guid> Published(Manifest? manifest) => manifest is null ? [] : DestinationScripts.Of(manifest).Destinations.Select(destination => destination.Id);

    private static async Task<string> ElsewhereAsync(IServiceProvider services, Scope scope, Guid id, CancellationToken cancellationToken)
    {
        var others = new List<string>();
        await foreach (var read in services.GetRequiredService<IDestinationSource>().ReadAsync([.. Scope.Of(scope.Organization).Where(other => other != scope)], ReadPurpose.Look, cancellationToken))
            if (read is ScopeRead.Found { Rows: var rows } && rows.Rows.Any(row => row.Id == id)) others.Add(read.Scope.Environment.Name());
        return others.Count == 0 ? "" : $" It is a destination of {string.Join(" and ", others)}.";
    }

    private static async Task WriteAsync(CommandContext context, ScopeFacts facts, List<DestinationExplanation> explanations, ImmutableArray<Uri> edges)
    {
        await context.WriteLineAsync(facts.Consent is { } consent ? $"{facts.Scope} for a visitor who granted {consent}" : facts.Scope.ToString());
        await context.WriteFactsAsync(OfScope(facts, edges));
        if (explanations.Count == 0)
        {
            await context.WriteLineAsync("There are no destinations for this scope, in the source or published.");
            return;
        }
        foreach (var explanation in explanations)
        {
            await context.WriteLineAsync();
            await context.WriteLineAsync(Title(explanation));
            await context.WriteFactsAsync(OfDestination(facts, explanation));
        }
    }

    /// <summary>Type and name are as the tenant wrote them.</summary>
    private static string Title(DestinationExplanation explanation) =>
        $"{Redaction.Printable(explanation.Type)}{(explanation.Name.Length == 0 ? "" : $" '{Redaction.Printable(explanation.Name)}'")} ({explanation.Id})".TrimStart();

    private static IEnumerable<(string Label, string Text)> OfScope(ScopeFacts facts, ImmutableArray<Uri> edges)
    {
        if (facts.Rows is { } rows)
        {
            var position = rows.Position.Revision is { } revision ? string.Create(CultureInfo.InvariantCulture, $", revision {revision}") : "";
            yield return ("source", string.Create(CultureInfo.InvariantCulture, $"{rows.Rows.Count(row => !row.Deleted)} destinations{position}; {State(facts)}"));
        }
        if (facts.SourceProblem is { } problem) yield return ("source", problem);
        if (facts.Held is { } held) yield return ("held", held);
        yield return ("published", facts.Published is { } manifest
            ? string.Create(CultureInfo.InvariantCulture, $"version {manifest.Version} of {WireTime.Format(manifest.Envelope.GeneratedAt)}, revision {manifest.Envelope.SourceRevision}")
            : "nothing");
        if (facts.StoreProblem is { } damaged) yield return ("store", damaged);
        if (edges.IsEmpty) yield return ("edges", "none is named: set Edges__0, Edges__1 … to the addresses of edges, and of the CDN before them");
        foreach (var edge in facts.Edges)
            yield return ("edge", EdgeLines.Line(edge.Address, edge.Problem ?? string.Create(CultureInfo.InvariantCulture, $"It serves version {edge.Version}.")));
    }

    private static string State(ScopeFacts facts) => facts.Status switch
    {
        null or { State: ScopeState.UpToDate } => "nothing waits",
        { State: ScopeState.Failed, LastError: var error } => $"the last build failed: {error}",
        { State: var state } => state.ToString().ToLowerInvariant(),
    };

    private static IEnumerable<(string Label, string Text)> OfDestination(ScopeFacts facts, DestinationExplanation explanation)
    {
        yield return ("answer", explanation.Reason);
        if (explanation.Row is { } row)
        {
            var required = row.RequiredConsent.IsDefaultOrEmpty ? "none, so the type's default" : string.Join(", ", row.RequiredConsent);
            yield return ("row", $"{(row.Deleted ? "deleted" : row.Enabled ? "enabled" : "switched off")}, {row.Environment ?? "all environments"}{(row.TestMode ? ", test mode" : "")}; required consent: {required}");
        }
        if (explanation.LoadsWhen is { } when) yield return ("loads when", when.ToString());
        if (explanation.PublishedWhen is { } published)
        {
            var sets = ConsentSet.All.Where(published.IsMetBy).Select(set => set.Name).ToList();
            yield return ("sets", string.Create(CultureInfo.InvariantCulture, $"{sets.Count} of 16: {string.Join(", ", sets)}"));
            yield return ("scripts", string.Join(", ", explanation.Scripts));
        }
        if (explanation.Since is { } since && facts.Published is { } manifest)
            yield return ("published", string.Create(CultureInfo.InvariantCulture, $"in version {manifest.Version}; unchanged since version {since.Version} of {WireTime.Format(since.At)}"));
        foreach (var problem in explanation.Problems) yield return ("problem", CommandContext.Line(problem));
        foreach (var (edge, _, text) in explanation.Edges) yield return ("edge", EdgeLines.Line(edge, text));
    }

    private static Task WriteJsonAsync(CommandContext context, ScopeFacts facts, List<DestinationExplanation> explanations) => context.WriteJsonAsync(output =>
    {
        var writer = output.Writer;
        writer.WriteStartObject();
        writer.WriteString("organization", facts.Scope.Organization.Value);
        writer.WriteString("environment", facts.Scope.Environment.Name());
        if (facts.Consent is { } consent) writer.WriteString("consent", consent.Name);
        if (facts.Rows?.Position.Revision is { } revision) writer.WriteNumber("sourceRevision", revision);
        if (facts.SourceProblem is { } problem) writer.WriteString("sourceProblem", Redaction.Mask(problem));
        if (facts.Held is { } held) writer.WriteString("held", held);
        if (facts.Status is { } status) writer.WriteString("state", status.State == ScopeState.UpToDate ? "up to date" : status.State.ToString().ToLowerInvariant());
        if (facts.Published is { } manifest)
        {
            writer.WriteNumber("version", manifest.Version);
            writer.WriteString("generatedAt", WireTime.Format(manifest.Envelope.GeneratedAt));
            writer.WriteNumber("publishedRevision", manifest.Envelope.SourceRevision);
        }
        if (facts.StoreProblem is { } damaged) writer.WriteString("storeProblem", Redaction.Mask(damaged));
        writer.WriteStartArray("edges");
        foreach (var edge in facts.Edges)
        {
            writer.WriteStartObject();
            writer.WriteString("address", edge.Address.AbsoluteUri);
            if (edge.Version is { } version) writer.WriteNumber("version", version);
            if (edge.Age is { } age) writer.WriteNumber("ageSeconds", age.TotalSeconds);
            if (edge.Problem is not null) writer.WriteString("problem", edge.Problem);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
        writer.WriteStartArray("destinations");
        foreach (var explanation in explanations) WriteDestination(writer, explanation);
        writer.WriteEndArray();
        writer.WriteEndObject();
        return Task.CompletedTask;
    });

    private static void WriteDestination(Utf8JsonWriter writer, DestinationExplanation explanation)
    {
        writer.WriteStartObject();
        writer.WriteString("destinationId", explanation.Id);
        writer.WriteString("type", explanation.Type);
        writer.WriteString("name", explanation.Name);
        writer.WriteString("answer", JsonNamingPolicy.CamelCase.ConvertName(explanation.Answer.ToString()));
        writer.WriteString("reason", Redaction.Mask(explanation.Reason));
        if (explanation.Row is { } row)
        {
            writer.WriteBoolean("enabled", row.Enabled);
            writer.WriteString("environment", row.Environment);
            writer.WriteStartArray("requiredConsent");
            foreach (var category in row.RequiredConsent.IsDefault ? [] : row.RequiredConsent) writer.WriteStringValue(category);
            writer.WriteEndArray();
        }
        if (explanation.LoadsWhen is { } when) writer.WriteString("loadsWhen", when.ToString());
        writer.WriteStartArray("sets");
        foreach (var set in ConsentSet.All.Where(set => explanation.PublishedWhen?.IsMetBy(set) == true)) writer.WriteStringValue(set.Name);
        writer.WriteEndArray();
        writer.WriteStartArray("scripts");
        foreach (var script in explanation.Scripts) writer.WriteStringValue(script);
        writer.WriteEndArray();
        if (explanation.Since is { } since)
        {
            writer.WriteNumber("sinceVersion", since.Version);
            writer.WriteString("since", WireTime.Format(since.At));
        }
        writer.WriteStartArray("problems");
        foreach (var problem in explanation.Problems)
        {
            writer.WriteStartObject();
            writer.WriteString("kind", problem.Kind.ToString());
            if (problem.Field is not null) writer.WriteString("field", problem.Field);
            writer.WriteString("message", problem.Message);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
        writer.WriteStartArray("edges");
        foreach (var (edge, isAsPublished, text) in explanation.Edges)
        {
            writer.WriteStartObject();
            writer.WriteString("address", edge.AbsoluteUri);
            writer.WriteBoolean("asPublished", isAsPublished);
            writer.WriteString("message", text);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
        writer.WriteEndObject();
    }
}
