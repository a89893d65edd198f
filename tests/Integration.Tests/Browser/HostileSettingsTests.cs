using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>Nothing a tenant can save in a setting runs: in every free text of every type, on a real page.</summary>
public sealed class HostileSettingsTests(ChromiumFixture chromium)
{
    private static readonly string[] Attacks =
    [
        "</script><script>window.pwned=1</script>",
        "\"><img src=x onerror=\"window.pwned=1\">",
        "');window.pwned=1;('",
        "\\\");window.pwned=1;//",
        "`${window.pwned=1}`",
        "\u2028window.pwned=1\u2029",
        "javascript:window.pwned=1",
        "data:text/javascript,window.pwned=1",
        "*/window.pwned=1/*",
        "\0\r\nwindow.pwned=1",
    ];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task EveryFreeSetting_WithAttacks_NothingRuns()
    {
        var rows = new List<Generator.Snapshots.OpenedDestination>();
        foreach (var type in DestinationCatalogue.BuiltIn.Types)
            foreach (var field in type.Fields)
                foreach (var attack in Attacks)
                {
                    var settings = JsonNode.Parse(type.Examples.Least)!.AsObject();
                    // The custom script's text is JavaScript by its nature.
                    if (field.Name == "textContent") continue;
                    settings[field.Name] = field.Kind switch
                    {
                        SettingKind.JsonObject => new JsonObject { [attack] = attack, ["data-x"] = attack, ["nested"] = new JsonObject { [attack] = new JsonArray(attack) } },
                        SettingKind.TextList => new JsonArray(attack),
                        SettingKind.Flag or SettingKind.Number => null,
                        _ => attack,
                    };
                    rows.Add(ConsentWalk.Row(type.Name, settings.ToJsonString(), rows.Count + 1, "necessary"));
                    if (type.Name == "script") rows.Add(ConsentWalk.Row(type.Name,
                        new JsonObject { ["src"] = "https://own.example/a.js", ["attributes"] = new JsonObject { ["data-x"] = attack, ["integrity"] = attack } }.ToJsonString(), rows.Count + 1, "necessary"));
                }
        var generated = new Generator.Snapshots.SnapshotGenerator(DestinationCatalogue.BuiltIn)
            .Generate(new Scope(OrganizationId.Parse("acme"), DeploymentEnvironment.Production), rows);
        Assert.NotEmpty(generated.Problems);
        var scripts = JsonNode.Parse(generated[ConsentSet.Everything].Bytes.Span)!["scripts"]!.AsArray();
        Assert.True(scripts.Count > 100, $"Only {scripts.Count} scripts were made.");

        await using var site = await chromium.OpenAsync("<!doctype html><title>A site</title>", Cancel);
        await site.AddC15tAsync(Cancel);
        await site.Page.EvaluateAsync(
            """
            text => c15t.loadScripts(JSON.parse(text), { necessary: true, functionality: true, experience: true, measurement: true, marketing: true }, {})
            """, scripts.ToJsonString()).WaitAsync(Cancel);
        await site.Page.EvaluateAsync("() => new Promise(resolve => setTimeout(resolve, 0))").WaitAsync(Cancel);
        Assert.False(await site.Page.EvaluateAsync<bool>("() => 'pwned' in window").WaitAsync(Cancel));
        Assert.False(await site.Page.EvaluateAsync<bool>("() => 'pwned' in Object.prototype || Object.keys(Object.prototype).length > 0").WaitAsync(Cancel));
        Assert.Empty(site.Errors);
    }
}
