using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Worker.Commands;

namespace ConsentSnapshots.Worker.Tests.Commands;

public sealed class TypesCommandTests
{
    [Fact]
    public async Task Types_Json_HasWhatAnAdminUiNeeds()
    {
        var (exitCode, output, _) = await RunAsync("types", "--json");

        Assert.Equal(0, exitCode);
        var types = JsonNode.Parse(output)!.AsArray();
        Assert.Equal(DestinationCatalogue.BuiltIn.Types.Select(type => type.Name), types.Select(type => (string)type!["type"]!));
        Assert.All(types, type =>
        {
            Assert.NotEmpty((string)type!["title"]!);
            Assert.Contains((string)type["category"]!, (string[])["necessary", "functionality", "experience", "measurement", "marketing"]);
            Assert.StartsWith("https://", (string)type["homepage"]!, StringComparison.Ordinal);
        });
        var pixel = types.Single(type => (string)type!["type"]! == "meta-pixel")!["settings"]!.AsArray().ToDictionary(setting => (string)setting!["name"]!);
        Assert.Equal((true, true), ((bool)pixel["pixelId"]!["required"]!, (bool)pixel["pixelId"]!["public"]!));
        Assert.Equal((false, false), ((bool)pixel["accessToken"]!["required"]!, (bool)pixel["accessToken"]!["public"]!));
        Assert.True((bool)pixel["enableClientSide"]!["public"]!);
        var left = types.Single(type => (string)type!["type"]! == "meta-pixel")!["storedNames"]!.AsArray();
        Assert.Equal(["cookie _fbp", "cookie _fbc"], left.Select(name => $"{(string)name!["store"]!} {(string)name["name"]!}"));
        Assert.All(left, name => Assert.StartsWith("https://", (string)name!["source"]!, StringComparison.Ordinal));
        var google = types.Single(type => (string)type!["type"]! == "google-analytics")!;
        Assert.Equal("measurement; marketing where id is any but G-… and UA-…; marketing where category is marketing", (string)google["categoryInWords"]!);
        var posthog = types.Single(type => (string)type!["type"]! == "posthog")!["settings"]!.AsArray();
        Assert.Equal("apiKey", (string)posthog.Single(setting => (string)setting!["name"]! == "id")!["otherNames"]![0]!);
    }

    [Fact]
    public async Task Types_OfEveryName_PrintsItsSchema()
    {
        foreach (var type in DestinationCatalogue.BuiltIn.Types)
            foreach (var name in type.Aliases.Prepend(type.Name))
            {
                var (exitCode, output, _) = await RunAsync("types", name, "--json");
                Assert.Equal(0, exitCode);
                var properties = JsonNode.Parse(output)!["properties"]!.AsObject();
                foreach (var field in type.AllFields)
                    Assert.Equal(field.Visibility == SettingVisibility.Private, (bool?)properties[field.Name]!["writeOnly"] ?? false);
            }
    }

    [Fact]
    public async Task Types_ForAPerson_ShowsSettingsAndPolicy()
    {
        var (exitCode, output, _) = await RunAsync("types", "meta-pixel");

        Assert.Equal(0, exitCode);
        foreach (var expected in (string[])["Meta Pixel", "marketing", "accessToken", "private", "script-src https://connect.facebook.net 'sha256-"])
            Assert.Contains(expected, output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Types_ForAPerson_ShowsWhatIsErasedAndWhatIsKept()
    {
        var (_, posthog, _) = await RunAsync("types", "posthog");
        var (_, google, _) = await RunAsync("types", "google-analytics");
        var (_, unknown, _) = await RunAsync("types", "crisp");

        var (erased, kept) = (posthog.IndexOf("  cookie ph_{key}_*", StringComparison.Ordinal), posthog.IndexOf("  localStorage __ph_opt_in_out_{key}", StringComparison.Ordinal));
        Assert.True(erased > posthog.IndexOf("Left in the browser", StringComparison.Ordinal));
        Assert.True(kept > posthog.IndexOf("Never erased, because", StringComparison.Ordinal) && kept > erased);
        Assert.Contains("  cookie _ga_*, 2 years (with analytics_storage)", google, StringComparison.Ordinal);
        Assert.Contains("https://support.google.com/analytics/answer/11397207", google, StringComparison.Ordinal);
        Assert.Contains("What it leaves in the browser is not declared, so no page erases it: the vendor says that its cookies stay 6 months", unknown, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Types_Unknown_IsAMistakeOfUsage()
    {
        var (exitCode, output, error) = await RunAsync("types", "nonsense", "--json");

        Assert.Equal((2, ""), (exitCode, output));
        Assert.Equal("This build does not know the type 'nonsense'. `types` lists what it knows.", error.Trim());
    }

    private static async Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] words)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        return (await new CommandLine(output, error).InvokeAsync(words), output.ToString(), error.ToString());
    }
}
