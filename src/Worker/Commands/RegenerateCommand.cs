using System.Collections.Concurrent;
using System.CommandLine;
using System.Globalization;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Scheduling;
using ConsentSnapshots.Worker.Sources;
using ConsentSnapshots.Worker.Storage;
using Microsoft.Extensions.DependencyInjection;
using Spectre.Console;

namespace ConsentSnapshots.Worker.Commands;

/// <summary>Generates and publishes scopes now, whether they are pending or not.</summary>
internal static class RegenerateCommand
{
    private sealed record Line(Scope Scope, string Outcome, int? Version, int SnapshotsWritten, int Problems, string? Error);

    private static readonly TimeSpan BusyDelay = TimeSpan.FromMilliseconds(100);
    private const int BusyAttempts = 50;

    public static Command Create(CommandContext context)
    {
        var organization = CommandContext.OrganizationOption();
        var environment = CommandContext.EnvironmentOption();
        var all = new Option<bool>("--all") { Description = "Every scope of every organization." };
        var dryRun = new Option<bool>("--dry-run") { Description = "Say what would change and write nothing; exit code 3 if anything would." };
        var force = new Option<bool>("--force") { Description = "Read back every blob, repair what is damaged, and announce the scope again even if nothing changed." };
        var json = CommandContext.JsonOption();
        var command = new Command("regenerate", "Generate and publish now: one organization, one scope, or all.") { organization, environment, all, dryRun, force, json };
        command.SetAction(async (parsed, token) =>
        {
            var (org, env) = (parsed.GetValue(organization), parsed.GetValue(environment));
            if (parsed.GetValue(all) == org is not null) throw new UsageException("Give --org ID (with --env NAME for one scope) or --all.");
            if (org is null && env is not null) throw new UsageException("--env goes with --org.");
            var worker = WorkerConfiguration.Read(context.Configuration);
            await using var services = CommandContext.Services(worker);
            var source = services.GetRequiredService<IDestinationSource>();
            await source.CheckAsync(token);
            var scopes = await SelectAsync(source, services.GetRequiredService<SnapshotStore>(), org, env, token);
            if (!parsed.GetValue(dryRun))
            {
                await services.GetRequiredService<IBlobStore>().EnsureContainersAsync(token);
                // The source may have forgotten an organization that the store still has; it can only be claimed once the source knows it.
                var forgotten = scopes.Except(await source.ListScopesAsync(token)).ToList();
                if (forgotten.Count > 0) await source.EnqueueAsync(forgotten, token);
            }
            var lines = new ConcurrentBag<Line>();
            await context.WithProgressAsync("scopes", scopes.Count, async advance =>
                await Parallel.ForEachAsync(
                    scopes,
                    new ParallelOptions { MaxDegreeOfParallelism = worker.Schedule.Parallelism, CancellationToken = token },
                    async (scope, cancellationToken) =>
                    {
                        lines.Add(parsed.GetValue(dryRun)
                            ? await CompareAsync(services, scope, cancellationToken)
                            : await BuildAsync(services, scope, parsed.GetValue(force), cancellationToken));
                        advance();
                    }));
            var sorted = lines.OrderBy(line => line.Scope).ToList();
            await WriteAsync(context, sorted, parsed.GetValue(json), parsed.GetValue(dryRun), parsed.GetValue(force));
            if (sorted.Exists(line => line.Error is not null)) return ExitCodes.Failed;
            return parsed.GetValue(dryRun) && sorted.Exists(line => line.Outcome == "would change") ? ExitCodes.Difference : ExitCodes.Done;
        });
        return command;
    }

    private static async Task<IReadOnlyList<Scope>> SelectAsync(
        IDestinationSource source, SnapshotStore store, string? org, string? env, CancellationToken cancellationToken)
    {
        var known = new SortedSet<Scope>(await source.ListScopesAsync(cancellationToken));
        if (org is null)
        {
            await foreach (var current in store.ListCurrentAsync("", cancellationToken)) known.UnionWith(Scope.Of(current.Scope.Organization));
            return [.. known];
        }
        var organization = CommandContext.ParseOrganization(org);
        IEnumerable<Scope> wanted = env is null ? Scope.Of(organization) : [CommandContext.ParseScope(org, env)];
        if (!known.Contains(wanted.First()) && (await store.ReadCurrentAsync(wanted.First(), cancellationToken)).Current is null)
            throw new UsageException($"The source ({source.Description}) knows no organization '{organization}'.");
        return [.. wanted];
    }

    private static async Task<Line> BuildAsync(ServiceProvider services, Scope scope, bool force, CancellationToken cancellationToken)
    {
        var source = services.GetRequiredService<IDestinationSource>();
        var time = services.GetRequiredService<TimeProvider>();
        ClaimedScope? claim = null;
        for (var attempt = 0; attempt < BusyAttempts && claim is null; attempt++)
        {
            // A running service may have the scope in its hands this instant.
            if (attempt > 0) await Task.Delay(BusyDelay, time, cancellationToken);
            claim = await source.ClaimAsync(scope, cancellationToken);
        }
        if (claim is null) return new Line(scope, "busy", null, 0, 0, "A worker builds it; try again.");
        var failure = (string?)null;
        var report = await services.GetRequiredService<ScopeDrain>().BuildAsync(
            claim, force || claim.Retried, force, failed => failure = failed.Error, cancellationToken);
        return report is null
            ? new Line(scope, "failed", null, 0, 0, failure)
            : new Line(scope, report.Publication.Outcome.ToString().ToLowerInvariant(), report.Publication.Manifest.Version,
                report.Publication.SnapshotsWritten, report.Problems.Count, null);
    }

    private static async Task<Line> CompareAsync(ServiceProvider services, Scope scope, CancellationToken cancellationToken)
    {
        try
        {
            return await CompareOrThrowAsync(services, scope, cancellationToken);
        }
        catch (Exception exception) when (exception is not SourceUnavailableException && !cancellationToken.IsCancellationRequested)
        {
            // As in a build: whatever it was, it concerns this scope.
            return new Line(scope, "would fail", null, 0, 0, exception.Message);
        }
    }

    private static async Task<Line> CompareOrThrowAsync(ServiceProvider services, Scope scope, CancellationToken cancellationToken)
    {
        var builder = services.GetRequiredService<ScopeBuilder>();
        var (rows, generated) = await builder.GenerateAsync(scope, cancellationToken);
        try
        {
            await builder.RequirePublishableAsync(rows, generated, cancellationToken);
        }
        catch (ScopeHeldException held)
        {
            return new Line(scope, "would be held", null, 0, generated.Problems.Length, held.Message);
        }
        var store = services.GetRequiredService<SnapshotStore>();
        var state = await store.ReadCurrentAsync(scope, cancellationToken);
        var stored = await store.ListSnapshotsAsync(scope, cancellationToken);
        var same = state.Current is { } current && ManifestFingerprint.Of(current.Manifest) == ManifestFingerprint.Of(generated)
            && generated.Snapshots.All(snapshot => stored.ContainsKey(snapshot.Hash.ToString()));
        return new Line(scope, same ? "unchanged" : "would change", state.Current?.Manifest.Version,
            generated.Snapshots.Count(snapshot => !stored.ContainsKey(snapshot.Hash.ToString())), generated.Problems.Length, null);
    }

    private static async Task WriteAsync(CommandContext context, List<Line> lines, bool json, bool dryRun, bool force)
    {
        if (json)
        {
            await context.WriteJsonAsync(writer =>
            {
                writer.WriteStartObject();
                writer.WriteNumber("scopes", lines.Count);
                writer.WriteNumber("published", lines.Count(line => line.Outcome == "published"));
                writer.WriteNumber("unchanged", lines.Count(line => line.Outcome == "unchanged"));
                writer.WriteNumber("snapshotsWritten", lines.Sum(line => line.SnapshotsWritten));
                writer.WriteStartArray("results");
                foreach (var line in lines)
                {
                    writer.WriteStartObject();
                    writer.WriteString("organization", line.Scope.Organization.Value);
                    writer.WriteString("environment", line.Scope.Environment.Name());
                    writer.WriteString("outcome", line.Outcome);
                    if (line.Version is { } version) writer.WriteNumber("version", version);
                    writer.WriteNumber("snapshotsWritten", line.SnapshotsWritten);
                    writer.WriteNumber("problems", line.Problems);
                    if (line.Error is not null) writer.WriteString("error", line.Error);
                    writer.WriteEndObject();
                }
                writer.WriteEndArray();
                writer.WriteEndObject();
            });
            return;
        }
        var table = new Table().Border(TableBorder.Rounded).AddColumns("Scope", "Outcome", "Version", "Snapshots written", "Problems");
        foreach (var line in lines)
        {
            table.AddRow(
                Markup.Escape(line.Scope.ToString()),
                Markup.Escape(line.Error is null ? line.Outcome : $"{line.Outcome}: {line.Error}"),
                line.Version?.ToString(CultureInfo.InvariantCulture) ?? "",
                line.SnapshotsWritten.ToString(CultureInfo.InvariantCulture),
                line.Problems.ToString(CultureInfo.InvariantCulture));
        }
        context.Console.Write(table);
        var written = lines.Sum(line => line.SnapshotsWritten);
        var published = lines.Count(line => line.Outcome == "published");
        var blobs = dryRun ? $"{written} snapshots would be written."
            : written == 0 && published == 0 ? "No blob was written."
            : $"{written} snapshots and {published} manifests were written.";
        if (force && !dryRun) blobs += " Every scope was announced again.";
        var summary = string.Join(", ", lines.GroupBy(line => line.Outcome).OrderBy(group => group.Key, StringComparer.Ordinal).Select(group => $"{group.Count()} {group.Key}"));
        context.Console.MarkupLineInterpolated(CultureInfo.InvariantCulture,
            $"{lines.Count} scopes: {summary}. {blobs}");
    }
}
