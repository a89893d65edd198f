using System.Globalization;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Diagnostics;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Sources;

namespace ConsentSnapshots.Worker.Scheduling;

/// <summary>Looks at whether what the source says is published: the workers, what waits, what the store lacks or is ahead with, and which build made it.</summary>
internal sealed class FreshnessSetupCheck(
    IScopeQueue queue, ScopeStore store, GeneratorBuild build, IEnumerable<IWorkerRoster> rosters, IEnumerable<IPublicationMemory> memories) : ISetupCheck
{
    private const int MostNamed = 3;

    // As many newest manifests are read for the build that made them.
    private const int SampleSize = 8;

    // Publishing takes a second or two. Beyond this nobody is at it.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    /// <inheritdoc/>
    public string Area => "Freshness";

    /// <inheritdoc/>
    public async Task CheckAsync(Findings findings, CancellationToken cancellationToken)
    {
        try
        {
            foreach (var roster in rosters) await CheckWorkersAsync(findings, roster, cancellationToken);
            await CheckQueueAsync(findings, cancellationToken);
            var current = await CheckStoreAsync(findings, cancellationToken);
            await CheckBuildsAsync(findings, current, cancellationToken);
        }
        catch (Exception exception) when (exception is SourceUnavailableException or StoreUnavailableException)
        {
            if (findings.IsExplained) findings.Skip($"It cannot be seen: {exception.Message}");
            else findings.Fail($"It cannot be seen: {exception.Message}", "Look at the server's log, and run this again.");
        }
        catch (ManifestException exception)
        {
            findings.Fail(exception.Message, "Run the workers' build of this command.");
        }
    }

    private static async Task CheckWorkersAsync(Findings findings, IWorkerRoster roster, CancellationToken ct)
    {
        var workers = (await roster.ListAsync(ct)).Where(worker => worker.IsAlive).ToList();
        if (workers.Count == 0) findings.Fail("No worker is running, so what changes waits.", "Start one: `consent-snapshots run`. If one should be running, its log says what it waits for.");
        else findings.Ok($"{Count(workers.Count, "worker")} running: {string.Join(", ", workers.Take(MostNamed).Select(worker => worker.Name))}{(workers.Count > MostNamed ? ", …" : "")}.");
    }

    private async Task CheckQueueAsync(Findings findings, CancellationToken ct)
    {
        var scopes = await queue.StatusAsync(null, ct);
        var (held, failed) = (scopes.Where(scope => scope.State == ScopeState.Held).ToList(), scopes.Where(scope => scope.State == ScopeState.Failed).ToList());
        if (held.Count > 0) findings.Warn($"{Count(held.Count, "scope")} held, which keep their last good version: {Names(held)}.", "`status` says what each is held for.");
        if (failed.Count > 0) findings.Warn($"{Count(failed.Count, "scope")} failed and will be tried again: {Names(failed)}.", "`status` says why each failed.");
        // What is tried again after a failure is said above. Bulk work may take long; what somebody edits may not.
        var waiting = scopes.Where(scope => scope.State is ScopeState.Pending or ScopeState.Building && scope.Attempts <= 1).ToList();
        var oldest = Oldest(waiting.Where(scope => scope.Queue?.Lane == Lane.Edits));
        if (oldest > Patience)
        {
            findings.Fail(string.Create(CultureInfo.InvariantCulture, $"A change has waited for {oldest.TotalMinutes:F0} min; {Count(waiting.Count, "scope")} waiting."),
                "See that a worker runs and what its log says (events 4100 and 2107); `status` shows who builds what.");
        }
        else if (Oldest(waiting) is var bulk && bulk > Patience)
        {
            findings.Warn(string.Create(CultureInfo.InvariantCulture, $"Bulk work has waited for {bulk.TotalMinutes:F0} min; {Count(waiting.Count, "scope")} waiting."),
                "That is as it should be during an import or after an update, as long as the number falls. More workers shorten it.");
        }
        else if (held.Count + failed.Count == 0)
        {
            findings.Ok(waiting.Count == 0 ? "Nothing waits to be built." : $"{Count(waiting.Count, "scope")} waiting, none for longer than a minute.");
        }

        static TimeSpan Oldest(IEnumerable<ScopeStatus> scopes) =>
            scopes.Select(scope => scope.Queue is { ChangedAt: { } changed } place ? place.Now - changed : TimeSpan.Zero).DefaultIfEmpty(TimeSpan.Zero).Max();
    }

    private async Task<IReadOnlyCollection<CurrentListing>> CheckStoreAsync(Findings findings, CancellationToken ct)
    {
        if (memories.FirstOrDefault() is not { } memory) return await store.ListCurrentAsync("", ct).ToListAsync(ct);
        var ((lost, ahead, compared), current) = await StoreDifferences.FindAsync(memory, store, ct);
        // What another build wrote is in no listing of a directory. To read it says so, and that it is not lost.
        foreach (var scope in lost.Take(MostNamed)) await store.ReadCurrentAsync(scope, ct);
        if (lost.Count > 0)
            findings.Fail($"The store lacks the published version of {Number(lost.Count)}: {Names(lost)}.", "Look at the container names. A worker publishes them again at its next start or reconcile; `regenerate --all` does it now.");
        if (ahead.Count > 0)
            findings.Fail($"The store is ahead of the database for {Number(ahead.Count)}: {Names(ahead)}.", "If the database was restored, run `consent-snapshots migrate --new-epoch`. Else the store belongs to another database: correct the containers.");
        if (lost.Count + ahead.Count == 0) findings.Ok(string.Create(CultureInfo.InvariantCulture, $"The store has what the database says is published, {compared} scopes."));
        return current;
    }

    private async Task CheckBuildsAsync(Findings findings, IReadOnlyCollection<CurrentListing> current, CancellationToken ct)
    {
        var others = new HashSet<string>(StringComparer.Ordinal);
        foreach (var listing in current.OrderByDescending(listing => listing.GeneratedAt).Take(SampleSize))
        {
            var state = await store.ReadCurrentAsync(listing.Scope, ct);
            if (state.Problem is { } problem) findings.Fail($"The current manifest of {listing.Scope} is damaged: {problem}", "`regenerate --all --force` reads back everything and repairs it.");
            else if (state.Manifest is { } manifest && manifest.Envelope.Generator != build.Name) others.Add(manifest.Envelope.Generator);
        }
        if (others.Count > 0)
            findings.Warn($"The newest versions were made by {string.Join(" and ", others.Take(MostNamed))}, and this is {build.Name}.", "If this build is the one that is deployed, a reconcile publishes what it makes differently. Else run the workers' build of this command.");
        else findings.Ok($"This is {build.Name}{(current.Count == 0 ? "; nothing is published yet." : ", which made the newest versions.")}");
    }

    private static string Count(int count, string what) => string.Create(CultureInfo.InvariantCulture, $"{count} {what}{(count == 1 ? " is" : "s are")}");

    private static string Number(int scopes) => string.Create(CultureInfo.InvariantCulture, $"{scopes} scope{(scopes == 1 ? "" : "s")}");

    private static string Names(IEnumerable<ScopeStatus> scopes) => Names(scopes.Select(scope => scope.Scope).ToList());

    private static string Names(IReadOnlyList<Scope> scopes) => $"{string.Join(", ", scopes.Take(MostNamed))}{(scopes.Count > MostNamed ? ", …" : "")}";
}
