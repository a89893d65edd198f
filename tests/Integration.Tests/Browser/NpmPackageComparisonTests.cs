using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Integration.Tests.Fixtures;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>
/// What a page ends up with from our scripts and from the npm package's function of the same vendor, loaded by the same client through the same changes of consent,
/// before and after the libraries' load events, and with a second change before any library has arrived. Cases and meant differences are in <c>tests/browser/comparison.js</c>; what a type says of itself
/// (<see cref="DestinationType.Package"/>) is held to them.
/// </summary>
public sealed class NpmPackageComparisonTests(ChromiumFixture chromium)
{
    private const int LeastCases = 3;

    // Granted, denied, granted; and denied, granted: each looked at before and after the libraries' load events. Then granted, denied, granted and denied, granted, denied, whose first
    // change comes in haste, before a library has arrived, and granted, denied, granted with both changes in haste.
    private const int LooksACase = 10 + 5 + 5 + 4;

    // Each library tells that it runs, by its own element.
    private const string Ran = "libraries.add(document.currentScript);";

    private const string Uet =
        "window.UET = function (o) { this.made = { ti: o.ti, spa: o.enableAutoSpaTracking }; this.q = [...o.q]; this.push = (...calls) => this.q.push(...calls) }";

    private const string LogRocket = "window.LogRocket = { calls: [], init(...args) { this.calls.push(args) } }";

    // The libraries, as far as what follows their load event needs them; any other answers with nothing.
    private static readonly Dictionary<string, string> Libraries = new()
    {
        ["https://bat.bing.com/bat.js"] = Uet,
        ["https://uet.example/bat.js"] = Uet,
        ["https://cdn.databuddy.cc/databuddy.js"] = "window.databuddy = { options: { clientId: document.currentScript.dataset.clientId, ...window.databuddyConfig } }",
        ["https://cdn.logrocket.io/LogRocket.min.js"] = LogRocket,
        ["https://lr.example/a.js"] = LogRocket,
        ["https://api.pirsch.io/pa.js"] = "window.pirschStarts = 0; window.pirschInit = () => { window.pirschStarts++ }; document.addEventListener('DOMContentLoaded', pirschInit)",
    };

    // What a library that is pinned by its hash is replaced with has this one.
    private static string IntegrityOfTheOthers { get; } = $"sha384-{Convert.ToBase64String(SHA384.HashData(Encoding.UTF8.GetBytes(Ran)))}";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string> TypesInThePackage => [.. InThePackage.Select(type => type.Name)];

    private static IEnumerable<DestinationType> InThePackage => DestinationCatalogue.BuiltIn.Types.Where(type => type.Package is { IsInPackage: true });

    [Theory]
    [MemberData(nameof(TypesInThePackage))]
    public async Task AnyCase_ThroughChangesOfConsent_SameOutcomeButForWhatTheTypeSays(string name)
    {
        Assert.True(DestinationCatalogue.BuiltIn.TryGet(name, out var type));
        await using var site = await OpenAsync();
        var compared = (await CasesAsync(site))[name]!;
        var cases = compared["cases"]!.AsArray();
        var generated = new JsonArray([.. cases.Select(entry =>
            (JsonNode)ConsentWalk.Snapshots([ConsentWalk.Row(name, entry!["settings"]!.ToJsonString(), 1, (string?)entry["required"] is { } required ? [required] : [])]))]);
        var result = JsonNode.Parse(await site.Page.EvaluateAsync<string>(
            """
            async ([type, category, generated, bundle, integrity]) =>
              JSON.stringify(await comparison.run(type, category, JSON.parse(generated), bundle, integrity))
            """,
            new object[] { name, type.DefaultCategory.Name(), generated.ToJsonString(), await File.ReadAllTextAsync(C15tBundle.Path, Cancel), IntegrityOfTheOthers }).WaitAsync(Cancel))!;

        var found = result["found"]!.AsArray().Select(line => (string)line!).Order(StringComparer.Ordinal).ToList();
        Assert.True(found.Count == 0, $"{found.Count} differences:\n{string.Join('\n', found.Take(200))}");
        Assert.Equal(cases.Count * LooksACase, (int)result["looked"]!);
        Assert.Empty(site.Errors);
        Assert.Equal((bool)result["inserted"]!, (bool)result["replaced"]!);

        // What is meant to differ does, and the type says that it differs exactly where something does.
        var meant = compared["differences"]!.AsArray().Select(reason => (string)reason!).ToList();
        Assert.Equal(meant.Order(StringComparer.Ordinal), result["shown"]!.AsArray().Select(reason => (string)reason!).Order(StringComparer.Ordinal));
        Assert.Equal(type.Package!.Reason is not null, meant.Count > 0);
    }

    [Fact]
    public async Task EveryTypeAndSetting_HasCases()
    {
        await using var site = await OpenAsync();
        var compared = await CasesAsync(site);
        Assert.Equal(InThePackage.Select(type => type.Name).Order(StringComparer.Ordinal), compared.Select(entry => entry.Key).Order(StringComparer.Ordinal));
        foreach (var type in InThePackage)
        {
            var settings = compared[type.Name]!["cases"]!.AsArray().Select(entry => entry!["settings"]!.AsObject()).ToList();
            Assert.True(settings.Select(one => one.ToJsonString()).Distinct().Count() >= LeastCases, $"{type.Name} has fewer than {LeastCases} settings compared.");
            // A setting that the package's function does not have has nothing to be compared with.
            var options = PackageOptionsTests.OptionsOf(type);
            Assert.NotEmpty(options);
            var missing = type.Fields
                .Where(field => field.Visibility == SettingVisibility.Public && field.Keys.Any(options.Contains))
                .Where(field => !settings.Any(one => field.Keys.Any(one.ContainsKey)))
                .Select(field => field.Name);
            Assert.True(!missing.Any(), $"{type.Name}: no case sets {string.Join(", ", missing)}.");
        }
    }

    [Fact]
    public async Task EveryVendorOfThePackage_IsATypeWithCases()
    {
        await using var site = await OpenAsync();
        var compared = await CasesAsync(site);
        // The package has one entry point a vendor, and some that are no vendor; what is a function there makes a script.
        var manifest = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(RepositoryRoot.Path, "tests", "browser", "node_modules", "@c15t", "scripts", "package.json"), Cancel))!;
        var entries = manifest["exports"]!.AsObject().Select(entry => entry.Key).ToList();
        string[] noVendor = ["./registry", "./*"];
        var vendors = entries.Where(entry => entry.StartsWith("./", StringComparison.Ordinal) && !noVendor.Contains(entry)).ToList();
        var bundled = await File.ReadAllTextAsync(Path.Combine(RepositoryRoot.Path, "tests", "browser", "entry.js"), Cancel);
        Assert.All(vendors, vendor => Assert.Contains($"\"@c15t/scripts/{vendor[2..]}\"", bundled, StringComparison.Ordinal));
        await site.AddC15tAsync(Cancel);
        var functions = await site.Page.EvaluateAsync<string[]>("() => Object.keys(c15tScripts).filter(name => typeof c15tScripts[name] === 'function')").WaitAsync(Cancel);
        // Functions that a page's own code calls to send an event make no script.
        Assert.Equal(
            compared.Select(entry => (string)entry.Value!["function"]!).Order(StringComparer.Ordinal),
            functions.Where(name => !name.EndsWith("Event", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        Assert.Equal(vendors.Count, compared.Count);
    }

    private async Task<OfflineSite> OpenAsync()
    {
        var site = await chromium.OpenAsync("<!doctype html><title>A site</title>", Cancel);
        site.Serve(OfflineSite.Origin + "frame", "<!doctype html><title>A site</title>", "text/html");
        foreach (var (url, body) in Libraries) site.Serve(url, Ran + body);
        site.ServeEveryOtherScript(Ran);
        await site.Page.AddScriptTagAsync(new Microsoft.Playwright.PageAddScriptTagOptions { Path = Path.Combine(RepositoryRoot.Path, "tests", "browser", "comparison.js") }).WaitAsync(Cancel);
        return site;
    }

    private static async Task<JsonObject> CasesAsync(OfflineSite site) =>
        JsonNode.Parse(await site.Page.EvaluateAsync<string>("() => JSON.stringify(comparison.cases())").WaitAsync(Cancel))!.AsObject();
}
