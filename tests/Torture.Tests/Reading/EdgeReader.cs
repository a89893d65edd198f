using System.Net;
using System.Text;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Torture.Tests.Platform;

namespace ConsentSnapshots.Torture.Tests.Reading;

/// <summary>Asks an edge all the time, as pages do, and judges the answers.</summary>
internal sealed class EdgeReader(EdgePlace edge, IReadOnlyList<Scope> scopes, Damage damage, Ledger ledger, Random random) : IDisposable
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(60);

    private readonly HttpClient _http = new() { BaseAddress = edge.Address, Timeout = TimeSpan.FromSeconds(30) };
    private readonly Dictionary<Scope, Seen> _seen = [];

    /// <summary>What the edge answered last for a scope.</summary>
    /// <param name="Version">The version.</param>
    /// <param name="Instance">Which process of the edge it was.</param>
    /// <param name="Wipes">How often everything had been deleted.</param>
    /// <param name="MayBeHeld">Whether it may be a version from before the last time that everything was deleted, which an edge serves until the store has one again.</param>
    private sealed record Seen(int Version, int Instance, int Wipes, bool MayBeHeld);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            var instance = edge.Program.Instance;
            try
            {
                var scope = scopes[random.Next(scopes.Count)];
                if (random.Next(3) == 0) await AskForListAsync(scope, instance, cancellationToken);
                else await AskForSetAsync(scope, ConsentSet.FromIndex(random.Next(ConsentSet.Count)), cancellationToken);
                await Task.Delay(s_pause, TimeProvider.System, cancellationToken);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException or IOException)
            {
                ledger.Count("requests to an edge that was not there");
                await Task.Delay(s_pause * 5, TimeProvider.System, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>The bytes of a scope's list, as the edge answers them; null where it does not.</summary>
    public async Task<byte[]?> ListAsync(Scope scope, CancellationToken cancellationToken)
    {
        using var response = await _http.GetAsync(new Uri($"/v1/{scope}/scripts.json", UriKind.Relative), cancellationToken);
        return Answered(scope, response) ? await response.Content.ReadAsByteArrayAsync(cancellationToken) : null;
    }

    public void Dispose() => _http.Dispose();

    private async Task AskForListAsync(Scope scope, int instance, CancellationToken cancellationToken)
    {
        var wipes = damage.Wipes;
        if (await ListAsync(scope, cancellationToken) is not { } list) return;
        if (PublishedVersions.OfList(list) is not { } version)
        {
            ledger.Violate($"{edge.Program.Name} answered a torn list of {scope}.");
            return;
        }
        if (ledger.FindForbidden(Encoding.UTF8.GetString(list), scope, ConsentSet.Everything) is { } forbidden)
            ledger.Violate($"{edge.Program.Name} answered the list of {scope} with {forbidden}");
        // An edge that was started again may begin with what its disk has.
        if (instance != edge.Program.Instance || wipes != damage.Wipes) return;
        var seen = _seen.GetValueOrDefault(scope);
        if (seen is { MayBeHeld: false } && seen.Instance == instance && seen.Wipes == wipes && seen.Version > version)
            ledger.Violate($"{edge.Program.Name} went back with {scope} from version {seen.Version} to {version}.");
        // The numbers begin anew with the first version that is another one than what was held.
        var mayBeHeld = wipes > 0 && (seen is null || seen.Instance != instance || seen.Wipes != wipes || (seen.MayBeHeld && seen.Version == version));
        _seen[scope] = new Seen(version, instance, wipes, mayBeHeld);
    }

    private async Task AskForSetAsync(Scope scope, ConsentSet set, CancellationToken cancellationToken)
    {
        using var response = await _http.GetAsync(new Uri($"/v1/{scope}/scripts/{set.Name}.json", UriKind.Relative), cancellationToken);
        if (!Answered(scope, response)) return;
        var body = await response.Content.ReadAsStringAsync(cancellationToken);
        if (ledger.FindForbidden(body, scope, set) is { } forbidden) ledger.Violate($"{edge.Program.Name} gave {scope} for {set.Name} {forbidden}");
    }

    private bool Answered(Scope scope, HttpResponseMessage response)
    {
        ledger.Count("answers of edges");
        if (response.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.ServiceUnavailable)
        {
            ledger.Count($"answers of edges with {(int)response.StatusCode}");
            return false;
        }
        if (response.StatusCode == HttpStatusCode.OK) return true;
        ledger.Violate($"{edge.Program.Name} answered {(int)response.StatusCode} for {scope}.");
        return false;
    }
}
