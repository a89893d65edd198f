using System.Text.Json;
using System.Text.Json.Nodes;
using ConsentSnapshots.Worker.Commands;
using ConsentSnapshots.Worker.Settings;
using ConsentSnapshots.Worker.Sources;

namespace ConsentSnapshots.Worker.Tests.Commands;

/// <summary>The whole way from an entry of a file to what is published, the proof included.</summary>
public sealed class RegenerateCommandTests : IDisposable
{
    private const string Key = "7777777777777777777777777777777777777777777777777777777777777777";

    private readonly string _folder = Directory.CreateTempSubdirectory("consent-snapshots-regenerate-").FullName;

    [Fact]
    public async Task Regenerate_EncryptedSettingsThatDecideTheCategory_ArePublishedUnderIt()
    {
        var settings = new SettingsKeyRing(new EncryptionOptions { Keys = { Key } }).Seal(JsonElement.Parse("""{"id":"AW-1"}"""));

        var (exitCode, error) = await RegenerateAsync(new JsonObject { ["type"] = "google-analytics", ["settings"] = settings });

        Assert.Equal((0, ""), (exitCode, error));
        Assert.Empty(Scripts(combination: 4));
        Assert.Equal(["consent-snapshots", "google-consent:marketing", "google-consent", "google-analytics"], Scripts(combination: 8));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private async Task<(int ExitCode, string Error)> RegenerateAsync(JsonObject destination)
    {
        var file = Path.Combine(_folder, "destinations.json");
        var organization = new JsonObject
        {
            ["id"] = "acme",
            ["environments"] = new JsonObject { ["production"] = new JsonObject { ["destinations"] = new JsonArray(destination) } },
        };
        await File.WriteAllTextAsync(file, new JsonObject { ["organizations"] = new JsonArray(organization) }.ToJsonString(), TestContext.Current.CancellationToken);
        var (output, error) = (new StringWriter(), new StringWriter());
        var exitCode = await new CommandLine(output, error).InvokeAsync(
            ["regenerate", "--all", "--Source:Provider=file", $"--Source:File={file}", "--Storage:Provider=directory", $"--Storage:Directory={_folder}/store", $"--Encryption:Keys:0={Key}"]);
        return (exitCode, error.ToString());
    }

    private string[] Scripts(int combination)
    {
        var manifest = JsonNode.Parse(File.ReadAllText(Path.Combine(_folder, "store", "private", "current", "acme", "production.json")))!;
        var snapshot = JsonNode.Parse(File.ReadAllText(Path.Combine(_folder, "store", "public", "acme", "production", $"{manifest["combinations"]![combination]!["snapshot"]}.json")))!;
        return [.. snapshot["scripts"]!.AsArray().Select(script => (string)script!["id"]!)];
    }
}
