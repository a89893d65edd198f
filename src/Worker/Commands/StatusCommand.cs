using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Settings;
using ConsentSnapshots.Worker.Sources;
using Microsoft.Extensions.DependencyInjection;

namespace ConsentSnapshots.Worker.Commands;

/// <summary>Shows how every scope stands: with its source, in the store, and which destinations need somebody.</summary>
internal static class StatusCommand
{
    /// <summary>With more scopes than this, a person is shown those that need somebody.</summary>
    private const int MostScopes = 60;

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
            await services.GetRequiredService<ScopeStore>().RefuseEarlierAsync(token);
            var published = new Dictionary<Scope, CurrentListing>();
            await foreach (var current in services.GetRequiredService<ScopeStore>().ListCurrentAsync(only is null ? "" : $"{only}/", token))
                published[current.Scope] = current;
            var lines = new SortedDictionary<Scope, ScopeStatus>();
            foreach (var status in await services.GetRequiredService<IScopeQueue>().StatusAsync(only, token)) lines[status.Scope] = status;
            foreach (var scope in published.Keys) lines.TryAdd(scope, new ScopeStatus(scope, ScopeState.UpToDate));
            if (only is not null && lines.Count == 0) throw new UsageException($"Neither the source ({source.Description}) nor the store knows an organization '{only}'.");
            var findings = await CheckAsync(source, token);
            var (refused, warnings) = (only is null ? findings.Refused : [], findings.Warnings);
            var workers = services.GetService<IWorkerRoster>() is { } roster ? await roster.ListAsync(token) : null;
            if (parsed.GetValue(json)) await WriteJsonAsync(context, lines.Values, published, refused, warnings, workers);
            else await WriteAsync(context, lines.Values, published, refused, warnings, workers, worker.Limits, most: only is null ? CommandContext.MostLines : int.MaxValue);
            return ExitCodes.Done;
        });
        return command;
    }

    /// <summary>A source that cannot be read is what the operator looks for, beside what is known of its scopes.</summary>
    private static async Task<SourceFindings> CheckAsync(IDestinationSource source, CancellationToken cancellationToken)
    {
        try
        {
            return await source.CheckAsync(cancellationToken);
        }
        catch (SourceUnavailableException exception)
        {
            return new SourceFindings([], [exception.Message]);
        }
    }

    /// <summary>What a scope is held for that has more.</summary>
    private static string Limits(ScopeLimits limits) =>
        $"Limits of a scope: {limits.Destinations} destinations, {Size(limits.ScopeSettingsBytes)} of settings ({Size(limits.DestinationSettingsBytes)} each), {Size(limits.ManifestBytes)} of manifest.";

    private static string Size(int bytes) => string.Create(CultureInfo.InvariantCulture,
        $"{(bytes % (1 << 20) == 0 ? bytes >> 20 : bytes % 1000 == 0 ? bytes / 1000 : bytes)} {(bytes % (1 << 20) == 0 ? "MiB" : bytes % 1000 == 0 ? "kB" : "bytes")}");

    private static string Name(ScopeState state) => state switch
    {
        ScopeState.UpToDate => "up to date",
        _ => state.ToString().ToLowerInvariant(),
    };

    /// <summary>A person who asks about many scopes wants to know which of them need somebody, and the sums.</summary>
    private static async Task WriteAsync(
        CommandContext context, SortedDictionary<Scope, ScopeStatus>.ValueCollection lines, Dictionary<Scope, CurrentListing> published, IReadOnlyList<string> refused, IReadOnlyList<string> warnings,
        IReadOnlyList<RunningWorker>? workers, ScopeLimits limits, int most)
    {
        if (context.IsTerminal) await context.WriteFactsAsync(warnings.Select(warning => ("Warning", warning)));
        else
            foreach (var warning in warnings) await context.WriteLineAsync($"Warning: {Redaction.Printable(warning)}");
        if (warnings.Count > 0) await context.WriteLineAsync();
        var troubled = lines.Where(line => line.State != ScopeState.UpToDate || line.LastError is not null || line.Problems.Count > 0).ToList();
        var shown = lines.Count <= MostScopes ? [.. lines] : troubled.Take(most).ToList();
        if (context.IsTerminal) await WriteByOrganizationAsync(context, shown, published);
        else if (shown.Count > 0)
        {
            await context.WriteTableAsync(
                ["Scope", "State", "Version", "Published", "Problems"], shown.Select(line => Row(line, published.GetValueOrDefault(line.Scope))));
        }
        if (lines.Count > MostScopes) await WriteMoreAsync(troubled.Count, "scopes that are not up to date or have problems");
        foreach (var line in troubled.Where(line => line.LastError is not null || line.Problems.Count > 0 || line.Queue is not null).Take(most))
        {
            await context.WriteLineAsync();
            await context.WriteLineAsync(line.Scope.ToString());
            await context.WriteWrappedAsync(2, Details(line, most));
            await WriteMoreAsync(line.Problems.Count, "problems", 2);
        }
        await context.WriteWrappedAsync(0, refused.Take(most).Select(refusal => $"Refused: {refusal}"));
        await WriteMoreAsync(refused.Count, "refusals");
        if (workers?.Count > 0)
        {
            await context.WriteLineAsync();
            await context.WriteTableAsync(
                ["Worker", "Started", "Last sign of life", "Builds"],
                workers.Select(worker => new[] { worker.Name, $"{Age(worker.StartedFor)} ago", $"{Age(worker.BeatenFor)} ago", worker.Claims.ToString(CultureInfo.InvariantCulture) }));
        }
        await context.WriteWrappedAsync(0, Limits(limits));
        await context.WriteWrappedAsync(0, $"{lines.Count} scopes, {published.Count} published, {lines.Count(line => line.State != ScopeState.UpToDate)} not up to date, "
            + $"{lines.Sum(line => line.Problems.Count)} problems.");

        async Task WriteMoreAsync(int count, string what, int indent = 0)
        {
            if (count > most)
                await context.WriteWrappedAsync(indent, $"… and {count - most} more {what}; --org ID shows one organization, --json lists all.");
        }
    }

    private static IEnumerable<string> Details(ScopeStatus line, int most)
    {
        if (line.LastError is { } error) yield return $"{Name(line.State)} after {line.Attempts} attempt(s): {error}";
        if (line.Queue is { } place)
            foreach (var text in Place(line, place)) yield return text;
        foreach (var problem in line.Problems.Take(most)) yield return CommandContext.Line(problem);
    }

    /// <summary>An organization's id takes half of a narrow terminal, so it stands above its scopes, whole, for copying.</summary>
    private static async Task WriteByOrganizationAsync(CommandContext context, List<ScopeStatus> shown, Dictionary<Scope, CurrentListing> published)
    {
        foreach (var scopes in shown.GroupBy(line => line.Scope.Organization))
        {
            await context.WriteLineAsync(scopes.Key.ToString());
            await context.WriteFactsAsync(scopes.Select(line =>
            {
                var row = Row(line, published.GetValueOrDefault(line.Scope));
                var version = row[2].Length == 0 ? "" : $", version {row[2]} of {row[3]}";
                return (line.Scope.Environment.Name(), $"{row[1]}{version}{(line.Problems.Count switch { 0 => "", 1 => ", 1 problem", var count => $", {count} problems" })}");
            }));
        }
    }

    /// <summary>Where a scope stands in the queue, in lines that fit a narrow terminal. Times are absolute for comparing with logs, and relative for people.</summary>
    private static IEnumerable<string> Place(ScopeStatus line, QueuePlace place)
    {
        if (line.State == ScopeState.Building)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"attempt {line.Attempts} by worker {Redaction.Printable(place.ClaimedBy ?? "unknown, which is gone")}");
            if (place.ClaimedUntil is { } until) yield return $"claimed until {At(until)}, renewed while it lives";
        }
        else if (place.NextAttemptAt is { } next) yield return next > place.Now ? $"next attempt {At(next)}" : $"due since {At(next)}";
        if (place.ChangedAt is { } changed) yield return $"oldest change {At(changed)}";
        yield return place.Lane == Lane.Bulk ? "lane: bulk, behind edits" : "lane: edits";

        string At(DateTimeOffset time) =>
            time > place.Now ? $"{Second(time)} (in {Age(time - place.Now)})" : $"{Second(time)} ({Age(place.Now - time)} ago)";
    }

    private static string Second(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static string Age(TimeSpan age) => age switch
    {
        { TotalSeconds: < 10 } => Number(Math.Max(0, age.TotalSeconds), "F1", "s"),
        { TotalMinutes: < 2 } => Number(age.TotalSeconds, "F0", "s"),
        { TotalHours: < 2 } => Number(age.TotalMinutes, "F0", "min"),
        { TotalDays: < 2 } => Number(age.TotalHours, "F0", "h"),
        _ => Number(age.TotalDays, "F0", "d"),
    };

    private static string Number(double value, string format, string unit) => $"{value.ToString(format, CultureInfo.InvariantCulture)} {unit}";

    private static string[] Row(ScopeStatus line, CurrentListing? current) =>
    [
        line.Scope.ToString(),
        current is null && line.State == ScopeState.UpToDate ? "not published" : Name(line.State),
        current?.Version.ToString(CultureInfo.InvariantCulture) ?? "",
        current is null ? "" : WireTime.Format(current.GeneratedAt),
        line.Problems.Count == 0 ? "" : line.Problems.Count.ToString(CultureInfo.InvariantCulture),
    ];

    private static Task WriteJsonAsync(CommandContext context, SortedDictionary<Scope, ScopeStatus>.ValueCollection lines, Dictionary<Scope, CurrentListing> published, IReadOnlyList<string> refused,
        IReadOnlyList<string> warnings, IReadOnlyList<RunningWorker>? workers) =>
        context.WriteJsonAsync(async output =>
        {
            var writer = output.Writer;
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
                if (line.Queue is { } place) WritePlace(writer, place);
                if (line.LastError is not null) writer.WriteString("lastError", Redaction.Mask(line.LastError));
                writer.WriteStartArray("problems");
                foreach (var problem in line.Problems)
                {
                    writer.WriteStartObject();
                    writer.WriteString("destinationId", problem.DestinationId);
                    writer.WriteString("type", problem.Type);
                    writer.WriteString("name", problem.Name);
                    writer.WriteString("kind", problem.Kind.ToString());
                    writer.WriteBoolean("leftOut", problem.LeavesOut);
                    if (problem.Field is not null) writer.WriteString("field", problem.Field);
                    writer.WriteString("message", problem.Message);
                    writer.WriteEndObject();
                }
                writer.WriteEndArray();
                writer.WriteEndObject();
                await output.PassOnAsync();
            }
            writer.WriteEndArray();
            writer.WriteStartArray("refused");
            foreach (var refusal in refused) writer.WriteStringValue(refusal);
            writer.WriteEndArray();
            writer.WriteStartArray("warnings");
            foreach (var warning in warnings) writer.WriteStringValue(warning);
            writer.WriteEndArray();
            if (workers is not null)
            {
                writer.WriteStartArray("workers");
                foreach (var worker in workers)
                {
                    writer.WriteStartObject();
                    writer.WriteString("name", worker.Name);
                    writer.WriteNumber("startedSecondsAgo", Math.Round(worker.StartedFor.TotalSeconds, 3));
                    writer.WriteNumber("lastHeartbeatSecondsAgo", Math.Round(worker.BeatenFor.TotalSeconds, 3));
                    writer.WriteNumber("builds", worker.Claims);
                    writer.WriteEndObject();
                }
                writer.WriteEndArray();
            }
            writer.WriteEndObject();
        });

    private static void WritePlace(Utf8JsonWriter writer, QueuePlace place)
    {
        writer.WriteString("lane", place.Lane.ToString().ToLowerInvariant());
        if (place.ChangedAt is { } changed)
        {
            writer.WriteString("oldestChangeAt", WireTime.Format(changed));
            writer.WriteNumber("oldestChangeAgeSeconds", Math.Round((place.Now - changed).TotalSeconds, 3));
        }
        if (place.NextAttemptAt is { } next)
        {
            writer.WriteString("nextAttemptAt", WireTime.Format(next));
            writer.WriteNumber("nextAttemptInSeconds", Math.Round((next - place.Now).TotalSeconds, 3));
        }
        if (place.ClaimedBy is not null) writer.WriteString("claimedBy", place.ClaimedBy);
        if (place.ClaimedUntil is { } until) writer.WriteString("claimedUntil", WireTime.Format(until));
    }
}
