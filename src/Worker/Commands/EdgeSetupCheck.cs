using System.Globalization;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Diagnostics;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Settings;

namespace ConsentSnapshots.Worker.Commands;

/// <summary>Asks each edge whether it is ready, and whether it serves what the store has.</summary>
internal sealed class EdgeSetupCheck(EdgesOptions edges, ScopeStore store) : ISetupCheck
{
    private const int SampleSize = 5;

    // An edge polls the log ten times a second; a publication may fall between two questions.
    private const int MostRecordsBehind = 100;

    private const int MostQuestions = 3;

    private static readonly TimeSpan UntilAskedAgain = TimeSpan.FromSeconds(1);

    /// <inheritdoc/>
    public string Area => "Edges";

    /// <inheritdoc/>
    public async Task CheckAsync(Findings findings, CancellationToken cancellationToken)
    {
        if (edges.Addresses.IsEmpty)
        {
            findings.Skip("No edge is named. Set Edges__0, Edges__1 … to the addresses of edges and of the CDN before them.");
            return;
        }
        using var client = new EdgeClient();
        var states = await Task.WhenAll(edges.Addresses.Select(edge => client.AskStateAsync(edge, cancellationToken)));
        foreach (var state in states) Say(findings, state);
        var places = states.Where(state => state.Place is not null).ToList();
        var furthest = places.Count == 0 ? 0 : places.Max(state => state.Place!.Value);
        foreach (var behind in places.Where(state => furthest - state.Place > MostRecordsBehind))
            findings.Fail(string.Create(CultureInfo.InvariantCulture, $"{behind.Address} is {furthest - behind.Place} publications behind the edge that is furthest."), "See whether it reaches the store (its log, events of the change log), or restart it.");
        await CheckVersionsAsync(findings, client, [.. states.Where(state => state.Problem is null).Select(state => state.Address)], cancellationToken);
    }

    private static void Say(Findings findings, EdgeState state)
    {
        if (state.Problem is { } problem)
            findings.Fail(EdgeLines.Line(state.Address, problem), "See that the edge runs and that this machine may reach it; correct Edges__0 … where the address is wrong.");
        else if (state.Status == "ready") findings.Ok($"{state.Address} is ready.");
        else if (state.Status == "degraded") findings.Warn($"{state.Address} serves what it has and is degraded: {string.Join(' ', state.Reasons)}", "See whether the edge reaches the store: its address, its identity's right to read, the network.");
        else findings.Fail($"{state.Address} is not ready: {string.Join(' ', state.Reasons)}", "See whether the edge reaches the store: its address, its identity's right to read, the network.");
    }

    private async Task CheckVersionsAsync(Findings findings, EdgeClient client, IReadOnlyList<Uri> reachable, CancellationToken ct)
    {
        try
        {
            var newest = (await store.ListCurrentAsync("", ct).ToListAsync(ct)).OrderByDescending(listing => listing.GeneratedAt).Take(SampleSize).ToList();
            foreach (var edge in reachable) await CheckVersionsAsync(findings, client, edge, newest, ct);
        }
        catch (Exception exception) when (exception is StoreUnavailableException or ManifestException)
        {
            findings.Skip($"What the edges serve cannot be compared with the store: {exception.Message}");
        }
    }

    private async Task CheckVersionsAsync(Findings findings, EdgeClient client, Uri edge, List<CurrentListing> newest, CancellationToken ct)
    {
        var unknown = 0;
        foreach (var listing in newest)
        {
            var (answer, version) = await AskUntilEqualAsync(client, edge, listing, ct);
            if (answer.IsUnknown)
            {
                unknown++;
                continue;
            }
            if (answer.Problem is { } problem)
            {
                findings.Fail($"{edge} does not serve {listing.Scope}, which is published as version {version}: {problem}", "See its log, and that its identity may read the private container.");
                return;
            }
            if (answer.Version == version) continue;
            var text = string.Create(CultureInfo.InvariantCulture, $"{edge} serves version {answer.Version} of {listing.Scope}, and the store has version {version}");
            if (answer.Version > version) findings.Fail($"{text}.", "It reads another store than the worker writes, or the store went back: compare their Storage__… settings.");
            else if (answer.Age is { TotalSeconds: > 0 } age)
                findings.Warn(string.Create(CultureInfo.InvariantCulture, $"{text}: a cache on the way has held its answer for {age.TotalSeconds:F0} s."), "Up to 90 s is as intended. A cache that holds it longer does not obey Cache-Control: docs/cdn.md.");
            else findings.Fail($"{text}.", "It follows no longer, or a cache before it does not say how old its answers are: see its /health/ready and whether it reaches the store; `explain` shows the scope.");
            return;
        }
        if (newest.Count == 0) return;
        if (unknown == newest.Count)
            findings.Fail($"{edge} does not serve any of the {newest.Count} newest scopes, {newest[0].Scope} among them: it answers 404.", "See that its Storage__… settings are the worker's, and that Edge__Scopes does not leave these scopes out.");
        else if (unknown > 0) findings.Warn($"{edge} answers 404 for {unknown} of the {newest.Count} newest scopes.", "That is as it should be where Edge__Scopes leaves them out.");
        else findings.Ok($"{edge} serves the newest versions.");
    }

    /// <summary>Something may be published between the look at the store and the question, so what differs is looked at again.</summary>
    private async Task<(EdgeAnswer Answer, int Version)> AskUntilEqualAsync(EdgeClient client, Uri edge, CurrentListing listing, CancellationToken ct)
    {
        var version = listing.Version;
        for (var attempt = 1; ; attempt++)
        {
            var answer = await client.AskAsync(edge, listing.Scope, consent: null, ct);
            if (answer.Version == version || answer.Problem is not null || attempt == MostQuestions) return (answer, version);
            await Task.Delay(UntilAskedAgain, TimeProvider.System, ct);
            version = (await store.ReadCurrentAsync(listing.Scope, ct)).Manifest?.Version ?? version;
        }
    }
}
