using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Building;
using ConsentSnapshots.Worker.Diagnostics;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Scheduling;
using ConsentSnapshots.Worker.Settings;
using ConsentSnapshots.Worker.Sources;
using Microsoft.Extensions.DependencyInjection;

namespace ConsentSnapshots.Worker.Commands;

/// <summary>Generates and publishes scopes now, whether they are pending or not.</summary>
internal static class RegenerateCommand
{
    private sealed record Line(Scope Scope, string Outcome, int? Version, int SnapshotsWritten, int Problems, string? Error, bool Completed = false);

    private static readonly TimeSpan BusyDelay = TimeSpan.FromMilliseconds(100);
    private const int BusyAttempts = 50;

    // More scopes than these have a trace each, linked to that of the command.
    private const int MostInOneTrace = 10;

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
            await services.GetRequiredService<ScopeStore>().RefuseEarlierAsync(token);
            var scopes = await SelectAsync(source, services.GetRequiredService<ScopeStore>(), org, env, token);
            if (!parsed.GetValue(dryRun))
            {
                await services.GetRequiredService<ScopeStore>().PrepareAsync(token);
                // The source may have forgotten an organization that the store still has; it can only be claimed once the source knows it.
                var forgotten = scopes.Except(await source.ListScopesAsync(token)).ToList();
                if (forgotten.Count > 0) await services.GetRequiredService<IScopeQueue>().EnqueueAsync(forgotten, token);
            }
            var results = new Results();
            using var span = parsed.GetValue(dryRun) ? null : WorkerSpans.Root("regenerate")?.SetTag("consent.scopes", scopes.Count);
            var partOf = scopes.Count > MostInOneTrace ? span : null;
            if (partOf is not null) Activity.Current = null;
            async Task CompareAllAsync(Func<Line, Task> done) => await context.WithProgressAsync("scopes", scopes.Count, async advance =>
                await UnchangedScopes.ForEachAsync(services, worker.Schedule.Parallelism, async (scope, unchanged, cancellationToken) =>
                {
                    var line = unchanged is null ? await BuildAsync(services, scope, force: false, partOf, cancellationToken) : new Line(scope, "unchanged", unchanged, 0, 0, null);
                    results.Add(line);
                    await done(line);
                    advance();
                }, token));
            // Where everything may stay as it is, one comparison of all is a hundredth of the work of a claim and a look at each.
            Task WorkAsync(Func<Line, Task> done) => parsed.GetValue(all) && !parsed.GetValue(dryRun) && !parsed.GetValue(force) ? CompareAllAsync(done)
                : context.WithProgressAsync("scopes", scopes.Count, async advance =>
                await Parallel.ForEachAsync(
                    scopes,
                    new ParallelOptions { MaxDegreeOfParallelism = worker.Schedule.Parallelism, CancellationToken = token },
                    async (scope, cancellationToken) =>
                    {
                        var line = parsed.GetValue(dryRun)
                            ? await CompareAsync(services, scope, cancellationToken)
                            : await BuildAsync(services, scope, parsed.GetValue(force), partOf, cancellationToken);
                        results.Add(line);
                        await done(line);
                        advance();
                    }));
            if (parsed.GetValue(json))
            {
                await context.WriteJsonAsync(output => WriteAsync(output, results, WorkAsync));
            }
            else
            {
                await WorkAsync(_ => Task.CompletedTask);
                await WriteAsync(context, results, parsed.GetValue(dryRun), parsed.GetValue(force));
            }
            if (results.Failed.Count > 0) return ExitCodes.Failed;
            return parsed.GetValue(dryRun) && results.Count("would change") > 0 ? ExitCodes.Difference : ExitCodes.Done;
        });
        return command;
    }

    private static async Task<IReadOnlyList<Scope>> SelectAsync(
        IDestinationSource source, ScopeStore store, string? org, string? env, CancellationToken cancellationToken)
    {
        var known = new SortedSet<Scope>(await source.ListScopesAsync(cancellationToken));
        if (org is null)
        {
            await foreach (var blob in store.ListCurrentNamesAsync("", cancellationToken))
                if (BlobNames.TryParseCurrent(blob.Name, out var scope)) known.UnionWith(Scope.Of(scope.Organization));
            return [.. known];
        }
        var organization = CommandContext.ParseOrganization(org);
        IEnumerable<Scope> wanted = env is null ? Scope.Of(organization) : [CommandContext.ParseScope(org, env)];
        if (!known.Contains(wanted.First()) && (await store.ReadCurrentAsync(wanted.First(), cancellationToken)).Manifest is null)
            throw new UsageException($"The source ({source.Description}) knows no organization '{organization}'.");
        return [.. wanted];
    }

    private static async Task<Line> BuildAsync(ServiceProvider services, Scope scope, bool force, Activity? partOf, CancellationToken cancellationToken)
    {
        using var span = partOf is null ? null : WorkerSpans.Root("regenerate scope", partOf);
        var queue = services.GetRequiredService<IScopeQueue>();
        var time = services.GetRequiredService<TimeProvider>();
        ScopeClaim? claim = null;
        for (var attempt = 0; attempt < BusyAttempts && claim is null; attempt++)
        {
            // A running service may have the scope in its hands this instant.
            if (attempt > 0) await Task.Delay(BusyDelay, time, cancellationToken);
            claim = await queue.ClaimAsync(scope, cancellationToken);
        }
        if (claim is null) return new Line(scope, "busy", null, 0, 0, "A worker builds it; try again.");
        var outcome = await services.GetRequiredService<BuildRunner>().RunAsync(claim, force, cancellationToken);
        var (version, problems) = (outcome.Current?.Version, outcome.Problems?.Count ?? 0);
        return outcome switch
        {
            BuildOutcome.Published published => new Line(scope, outcome.Name, version, published.SnapshotsWritten, problems, null, Completed: true),
            BuildOutcome.Unchanged unchanged => new Line(scope, outcome.Name, version, unchanged.SnapshotsWritten, problems, null, unchanged.Mended),
            BuildOutcome.Superseded => new Line(scope, outcome.Name, version, 0, problems, null),
            _ => new Line(scope, "failed", null, 0, 0, outcome.Reason),
        };
    }

    private static async Task<Line> CompareAsync(ServiceProvider services, Scope scope, CancellationToken cancellationToken)
    {
        var (plan, notBuilt, problems) = await services.GetRequiredService<ScopeBuilder>().PlanAsync(scope, cancellationToken);
        if (plan is null) return new Line(scope, notBuilt!.IsHeld ? "would be held" : "would fail", null, 0, problems.Count, notBuilt.Reason);
        return plan.Outcome == PublicationOutcome.Published
            ? new Line(scope, "would change", plan.Manifest.Version > 1 ? plan.Manifest.Version - 1 : null, plan.Snapshots.Count(write => !write.Exists), problems.Count, null)
            : new Line(scope, plan.WritesAnything ? "would change" : plan.Outcome.ToString().ToLowerInvariant(), plan.Manifest.Version, plan.Snapshots.Length, problems.Count, null);
    }

    /// <summary>Each scope as it is done, in no promised order, then the sums: what is written is forgotten, however many scopes there are.</summary>
    private static async Task WriteAsync(JsonOutput output, Results results, Func<Func<Line, Task>, Task> workAsync)
    {
        var writer = output.Writer;
        writer.WriteStartObject();
        writer.WriteStartArray("results");
        using var turn = new SemaphoreSlim(1, 1);
        try
        {
            await workAsync(async line =>
            {
                await turn.WaitAsync();
                try
                {
                    Write(writer, line);
                    await output.PassOnAsync();
                }
                finally
                {
                    turn.Release();
                }
            });
        }
        catch (Exception exception)
        {
            // What was written so far is the beginning of a document, which a program can read only if it has an end.
            End(Redaction.Mask(exception.Message));
            await output.CompleteAsync();
            throw;
        }
        End(null);

        void End(string? error)
        {
            writer.WriteEndArray();
            writer.WriteNumber("scopes", results.Total);
            writer.WriteNumber("published", results.Count("published"));
            writer.WriteNumber("unchanged", results.Count("unchanged"));
            writer.WriteNumber("failed", results.Failed.Count);
            writer.WriteNumber("snapshotsWritten", results.SnapshotsWritten);
            if (error is not null) writer.WriteString("error", error);
            writer.WriteEndObject();
        }
    }

    private static void Write(Utf8JsonWriter writer, Line line)
    {
        writer.WriteStartObject();
        writer.WriteString("organization", line.Scope.Organization.Value);
        writer.WriteString("environment", line.Scope.Environment.Name());
        writer.WriteString("outcome", line.Outcome);
        if (line.Version is { } version) writer.WriteNumber("version", version);
        writer.WriteNumber("snapshotsWritten", line.SnapshotsWritten);
        writer.WriteNumber("problems", line.Problems);
        if (line.Error is not null) writer.WriteString("error", Redaction.Mask(line.Error));
        writer.WriteEndObject();
    }

    private static async Task WriteAsync(CommandContext context, Results results, bool dryRun, bool force)
    {
        if (results.Changed.Count > 0)
        {
            await context.WriteTableAsync(["Scope", "Outcome", "Version", "Snapshots", "Problems"], results.Changed.First.Select(line => (string[])
            [
                line.Scope.ToString(), line.Outcome, line.Version?.ToString(CultureInfo.InvariantCulture) ?? "",
                line.SnapshotsWritten.ToString(CultureInfo.InvariantCulture), line.Problems.ToString(CultureInfo.InvariantCulture),
            ]));
            await WriteMoreAsync(results.Changed, "changed");
        }
        foreach (var line in results.Failed.First) await context.WriteLineAsync($"{line.Scope} {line.Outcome}: {Redaction.Printable(Redaction.Mask(line.Error!))}");
        await WriteMoreAsync(results.Failed, "failed");
        var written = results.SnapshotsWritten;
        var published = results.Count("published");
        var blobs = dryRun ? $"{written} snapshots would be written."
            : written == 0 && published == 0 && results.Completed == 0 ? "No blob was written."
            : $"{written} snapshots and {published} manifests were written.";
        if (!dryRun && results.Completed > published) blobs += $" {results.Completed - published} unchanged scopes were completed (current manifest, list, tags or change line).";
        if (force && !dryRun) blobs += " Every scope was announced again.";
        if (results.Problems > 0) blobs += $" {results.Problems} problems of destinations; `status` names them.";
        await context.WriteLineAsync($"{results.Total} scopes: {results.Summary}. {blobs}");

        async Task WriteMoreAsync(Some some, string what)
        {
            if (some.Count > some.First.Count) await context.WriteLineAsync($"… and {some.Count - some.First.Count} more that {what}; --json lists all.");
        }
    }

    /// <summary>What became of the scopes, summed up: it takes the same memory for three scopes as for all.</summary>
    private sealed class Results
    {
        private readonly Lock _lock = new();
        private readonly SortedDictionary<string, int> _outcomes = new(StringComparer.Ordinal);

        public Some Changed { get; } = new();

        public Some Failed { get; } = new();

        public int SnapshotsWritten { get; private set; }

        public int Problems { get; private set; }

        /// <summary>Of how many scopes something was written that follows the manifest.</summary>
        public int Completed { get; private set; }

        public int Total => _outcomes.Values.Sum();

        public string Summary => string.Join(", ", _outcomes.Select(outcome => $"{outcome.Value} {outcome.Key}"));

        public int Count(string outcome) => _outcomes.GetValueOrDefault(outcome);

        public void Add(Line line)
        {
            lock (_lock)
            {
                _outcomes[line.Outcome] = Count(line.Outcome) + 1;
                SnapshotsWritten += line.SnapshotsWritten;
                Problems += line.Problems;
                if (line.Completed) Completed++;
                if (line.Error is not null) Failed.Add(line);
                else if (line.Outcome != "unchanged" || line.SnapshotsWritten > 0) Changed.Add(line);
            }
        }
    }

    /// <summary>How many lines there were, and the first of them in the order of scopes.</summary>
    private sealed class Some
    {
        private readonly SortedDictionary<Scope, Line> _first = [];

        public int Count { get; private set; }

        public SortedDictionary<Scope, Line>.ValueCollection First => _first.Values;

        public void Add(Line line)
        {
            Count++;
            _first[line.Scope] = line;
            if (_first.Count > CommandContext.MostLines) _first.Remove(_first.Keys.Last());
        }
    }
}
