using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Integration.Tests.Postgres;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>A page whose policy is exactly a snapshot's <c>metadata.csp</c>, and the page's own origin for the client, runs that snapshot's scripts without a violation.</summary>
public sealed class ContentSecurityPolicyTests(ChromiumFixture chromium)
{
    private const string Consents = "{ necessary: true, functionality: true, experience: true, measurement: true, marketing: true }";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData]
    [InlineData("necessary")]
    public async Task Policy_OfEveryType_RunsItsScriptsWithoutViolation(params string[] required)
    {
        var snapshot = EveryType(required);
        await using var site = await OpenAsync(snapshot);
        await LoadAsync(site, snapshot["scripts"]!);
        var loaders = Libraries(snapshot).Order(StringComparer.Ordinal).ToList();
        Assert.True(loaders.Count >= DestinationCatalogue.BuiltIn.Types.Length - 2, "Some type loads nothing.");
        await site.Page.WaitForFunctionAsync($"() => window.ran && ran.length >= {loaders.Count}").WaitAsync(Cancel);
        Assert.Equal(loaders, (await site.Page.EvaluateAsync<string[]>("() => ran").WaitAsync(Cancel)).Order(StringComparer.Ordinal));
        // Inline scripts ran too: the organization's own, and vendors'.
        Assert.Equal("function function object 1", await site.Page.EvaluateAsync<string>("() => [typeof fbq, typeof hj, typeof dataLayer, own].join(' ')").WaitAsync(Cancel));

        // Every host that the policy names can be reached as the policy says.
        await site.Page.EvaluateAsync(
            """
            async policy => {
              const all = directive => (policy[directive] || []).filter(source => source.startsWith('https://')).map(source => source.replace('*', 'any') + '/x');
              for (const url of all('img-src')) new Image().src = url;
              await Promise.allSettled(all('connect-src').map(url => fetch(url, { mode: 'no-cors' })));
              await new Promise(resolve => setTimeout(resolve, 0));
            }
            """, Plain(snapshot["metadata"]!["csp"]!)).WaitAsync(Cancel);
        Assert.Empty(await ViolationsAsync(site));
        Assert.Empty(site.Errors);
    }

    /// <summary>What the vendors' real libraries do as they start and send stays within the policy: the requests get as far as the network.</summary>
    [Theory]
    [InlineData("posthog", "posthog.js", "posthog.__loaded", "posthog.capture('seen', {}, { send_instantly: true })", "posthog.com/")]
    [InlineData("mixpanel", "mixpanel.js", "mixpanel.__loaded", "mixpanel.track('seen', {}, { send_immediately: true })", "https://api-js.mixpanel.com/")]
    [InlineData("amplitude", "amplitude.js", "amplitude.getDeviceId && amplitude.getDeviceId()", "(amplitude.track('seen'), amplitude.flush(), 0)", "https://api2.amplitude.com/")]
    public async Task Policy_RealLibrary_SendsWithoutViolation(string type, string file, string started, string send, string to)
    {
        Assert.True(DestinationCatalogue.BuiltIn.TryGet(type, out var known));
        var snapshot = Everything([ConsentWalk.Row(type, known.Examples.Least)]);
        await using var site = await OpenAsync(snapshot);
        var loader = Libraries(snapshot).Single();
        site.Serve(loader, await File.ReadAllTextAsync(Path.Combine(Path.GetDirectoryName(C15tBundle.Path)!, file), Cancel));
        await LoadAsync(site, snapshot["scripts"]!);
        await site.Page.WaitForFunctionAsync($"() => window.{type} && {started}").WaitAsync(Cancel);
        await site.Page.EvaluateAsync($"() => {{ {send} }}").WaitAsync(Cancel);
        await Eventually.TrueAsync(
            () => Task.FromResult(site.Requests.Any(url => url != loader && url.Contains(to, StringComparison.Ordinal))), $"{type} sent something");
        Assert.Empty(await ViolationsAsync(site));
    }

    [Fact]
    public async Task Policy_InlineScriptTamperedWith_IsBlocked()
    {
        var snapshot = EveryType();
        await using var site = await OpenAsync(snapshot);
        var own = snapshot["scripts"]!.AsArray().Single(script => ((string?)script!["textContent"])?.StartsWith("window.own", StringComparison.Ordinal) == true)!;
        own["textContent"] = "window.own = 2;";
        await LoadAsync(site, new JsonArray(own.DeepClone()));
        await site.Page.WaitForFunctionAsync("() => violations.length > 0").WaitAsync(Cancel);
        Assert.Equal(["script-src-elem inline"], await ViolationsAsync(site));
        Assert.Equal("undefined", await site.Page.EvaluateAsync<string>("() => typeof own").WaitAsync(Cancel));
    }

    [Fact]
    public async Task Policy_HostThatNoDestinationUses_IsBlocked()
    {
        var snapshot = EveryType();
        await using var site = await OpenAsync(snapshot);
        site.Serve("https://elsewhere.example/a.js", "window.elsewhere = 1");
        await LoadAsync(site, JsonNode.Parse("""[{"id":"elsewhere","category":"necessary","src":"https://elsewhere.example/a.js"}]""")!);
        await site.Page.WaitForFunctionAsync("() => violations.length > 0").WaitAsync(Cancel);
        Assert.Equal(["script-src-elem https://elsewhere.example/a.js"], await ViolationsAsync(site));
    }

    /// <summary>What a page with these scripts loads: the entries with a source, and the libraries that the runtime inserts.</summary>
    private static IEnumerable<string> Libraries(JsonNode snapshot) =>
        snapshot["scripts"]!.AsArray().Select(script => (string?)script!["src"] ?? (string?)Config(script)?["load"]?["src"]).OfType<string>()
            .Select(source => new Uri(new Uri(OfflineSite.Origin), source).AbsoluteUri).Distinct();

    private static JsonObject? Config(JsonNode script) => (string?)script["attributes"]?["data-config"] is { } config ? JsonNode.Parse(config) as JsonObject : null;

    /// <summary>The snapshot with a destination of every type, and one of a host of its own.</summary>
    private static JsonNode EveryType(params string[] required)
    {
        var rows = DestinationCatalogue.BuiltIn.Types.Select((type, index) => ConsentWalk.Row(type.Name, type.Examples.Least, index + 1, required)).ToList();
        rows.Add(ConsentWalk.Row("script", """{"textContent":"window.own = 1;"}""", rows.Count + 1, required));
        rows.Add(ConsentWalk.Row("posthog", """{"id":"phc_y","apiHost":"https://ph.example"}""", rows.Count + 1, required));
        return Everything(rows);
    }

    private static JsonNode Everything(IEnumerable<OpenedDestination> rows)
    {
        var generated = new SnapshotGenerator(DestinationCatalogue.BuiltIn).Generate(new Scope(OrganizationId.Parse("acme"), DeploymentEnvironment.Production), rows);
        Assert.Empty(generated.Problems);
        return JsonNode.Parse(generated[ConsentSet.Everything].Bytes.Span)!;
    }

    private async Task<OfflineSite> OpenAsync(JsonNode snapshot)
    {
        var directives = snapshot["metadata"]!["csp"]!.AsObject()
            .Select(directive => $"{directive.Key} {(directive.Key == "script-src" ? "'self' " : "")}{string.Join(' ', directive.Value!.AsArray().Select(source => (string)source!))}");
        var policy = string.Join("; ", directives.Prepend("default-src 'none'"));
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        var site = await chromium.OpenAsync(
            $"""<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}"><title>A site</title>""", Cancel);
        foreach (var script in snapshot["scripts"]!.AsArray())
        {
            // What stands in for a library does not have its hash.
            var attributes = script!["attributes"]?.AsObject();
            attributes?.Remove("integrity");
            if (Config(script) is not { } config) continue;
            config["load"]?["attributes"]?.AsObject().Remove("integrity");
            attributes!["data-config"] = config.ToJsonString();
        }
        // A module has no document.currentScript; two libraries may differ in their query alone.
        foreach (var source in Libraries(snapshot))
            site.Serve(source, $"(window.ran = window.ran || []).push(document.currentScript?.src ?? {System.Text.Json.JsonSerializer.Serialize(source)})");
        site.Serve(OfflineSite.Origin + "c15t.js", await File.ReadAllTextAsync(C15tBundle.Path, Cancel));
        await site.Page.EvaluateAsync(
            """
            () => {
              window.violations = [];
              document.addEventListener('securitypolicyviolation', event => violations.push(event.violatedDirective + ' ' + event.blockedURI));
            }
            """).WaitAsync(Cancel);
        await site.Page.AddScriptTagAsync(new Microsoft.Playwright.PageAddScriptTagOptions { Url = OfflineSite.Origin + "c15t.js" }).WaitAsync(Cancel);
        return site;
    }

    private static async Task LoadAsync(OfflineSite site, JsonNode scripts) =>
        await site.Page.EvaluateAsync($"text => c15t.loadScripts(JSON.parse(text), {Consents}, {{}})", scripts.ToJsonString()).WaitAsync(Cancel);

    private static Task<string[]> ViolationsAsync(OfflineSite site) => site.Page.EvaluateAsync<string[]>("() => violations").WaitAsync(Cancel);

    private static Dictionary<string, string[]> Plain(JsonNode policy) =>
        policy.AsObject().ToDictionary(directive => directive.Key, directive => directive.Value!.AsArray().Select(source => (string)source!).ToArray());
}
