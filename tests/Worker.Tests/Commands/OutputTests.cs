using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Tests.Support;
using ConsentSnapshots.Worker.Commands;

namespace ConsentSnapshots.Worker.Tests.Commands;

/// <summary>What commands print: for a person as much as a person reads, for a program everything, and for a terminal nothing that it would obey.</summary>
public sealed class OutputTests : IDisposable
{
    private const string Hostile = "\u001b[2J\u001b]0;title\u0007\r\nacme/production forged\u009b31m\u202e";

    private readonly string _folder = Directory.CreateTempSubdirectory("consent-snapshots-output-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Commands_HostileNames_PrintNothingThatATerminalObeys()
    {
        // The name, the type and a key of the settings are a tenant's own words.
        Write(Organization("acme", new JsonObject { ["type"] = "meta-pixel", ["name"] = Hostile, ["settings"] = new JsonObject() }, new JsonObject { ["type"] = Hostile },
            new JsonObject { ["type"] = "meta-pixel", ["name"] = "one", ["settings"] = new JsonObject { ["pixelId"] = "1", [Hostile] = "${" } }));

        await RunAsync(0, null, "regenerate", "--all");
        foreach (var width in new int?[] { null, 80 })
            foreach (var command in new[] { "status", "status --org acme", "preview --org acme --env production --consent marketing", "explain --org acme --env production", "regenerate --all --dry-run" })
            {
                var (output, error) = await RunAsync(0, width, command.Split(' '));
                Assert.DoesNotContain($"{output}{error}", character => character != '\n' && char.IsControl(character) || character == '\u202e');
                Assert.DoesNotContain("\nacme/production forged", $"{output}{error}", StringComparison.Ordinal);
            }
        var (shown, _) = await RunAsync(0, null, "status");
        Assert.Contains(@"meta-pixel '\u001b[2J\u001b]0;title\u0007\u000d\u000aacme/production forged\u009b31m\u202e'", shown, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Executable_HostileNames_LogNothingThatATerminalObeys()
    {
        Write(Organization("acme", new JsonObject { ["type"] = "meta-pixel", ["settings"] = new JsonObject { ["pixelId"] = "1", [Hostile] = "${" } }));

        var outcome = await Executable.RunAsync(
            Executable.Worker, ["preview", "--org", "acme", "--env", "production", "--consent", "marketing", .. Settings()], [], Cancel);

        Assert.Equal(0, outcome.ExitCode);
        Assert.Contains("[3003]", outcome.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(outcome.Everything, character => character != '\n' && char.IsControl(character) || character == '\u202e');
        Assert.DoesNotContain("\nacme/production forged", outcome.Everything, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Status_JsonOfHostileNames_IsWhatTheTenantWrote()
    {
        Write(Organization("acme", new JsonObject { ["type"] = "meta-pixel", ["name"] = Hostile, ["settings"] = new JsonObject() }));
        await RunAsync(0, null, "regenerate", "--all");

        var (output, _) = await RunAsync(0, null, "status", "--json");

        var production = JsonNode.Parse(output)!["scopes"]!.AsArray().Single(scope => (string)scope!["environment"]! == "production")!;
        Assert.Equal(Hostile, (string)production["problems"]![0]!["name"]!);
    }

    [Theory]
    [InlineData(80)]
    [InlineData(40)]
    [InlineData(120)]
    public async Task Tables_OnATerminal_FitIt(int width)
    {
        Write(
            Organization("6f9619ff-8b86-d011-b42d-00cf4fc964ff", Pixel("1"), new JsonObject { ["type"] = "posthog", ["settings"] = new JsonObject { ["apiKey"] = "phc_0123456789012345678901234567890123456789" } }),
            Organization(new string('o', 128), Pixel("2")));

        List<string> commands = ["types", .. DestinationCatalogue.BuiltIn.Types.Select(type => $"types {type.Name}"), "regenerate --all",
            "preview --org 6f9619ff-8b86-d011-b42d-00cf4fc964ff --env production --consent measurement,marketing"];
        foreach (var command in commands)
        {
            var (output, _) = await RunAsync(0, width, command.Split(' '));

            var table = output.Split('\n').Where(line => line.Length > 0 && "╭│├╰".Contains(line[0], StringComparison.Ordinal)).ToList();
            Assert.True(table.Count > 3, $"{command} shows no table: {output}");
            Assert.All(table, line => Assert.True(line.Length <= width, $"{command}: {line.Length} columns: {line}"));
        }
    }

    /// <summary>At night, on a narrow terminal: no line is cut, and an id stays whole, for copying.</summary>
    [Theory]
    [InlineData(80)]
    [InlineData(120)]
    public async Task Status_OnATerminal_FitsAndKeepsIdsWhole(int width)
    {
        const string Id = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";
        Write(Organization(Id, Pixel("1"), new JsonObject { ["type"] = "google-tag-manager", ["name"] = "Tags", ["settings"] = new JsonObject { ["id"] = "nonsense" } }));
        await RunAsync(0, null, "regenerate", "--all");

        var (output, _) = await RunAsync(0, width, "status");

        var lines = output.Split('\n').Select(line => line.TrimEnd()).ToList();
        Assert.All(lines, line => Assert.True(line.Length <= width, $"{line.Length} columns: {line}"));
        Assert.Contains(Id, lines);
        Assert.Contains(lines, line => line.StartsWith("  production   up to date, version 1 of ", StringComparison.Ordinal) && line.EndsWith("Z, 1 problem", StringComparison.Ordinal));
        Assert.Contains("left out: google-tag-manager 'Tags'", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tables_InAPipe_HaveOneLineForEachRow()
    {
        var organization = new string('o', 128);
        Write(Organization(organization, Pixel("1")));
        await RunAsync(0, null, "regenerate", "--all");

        var (output, _) = await RunAsync(0, null, "status");

        var lines = output.Split('\n');
        Assert.StartsWith("Scope  ", lines[0], StringComparison.Ordinal);
        Assert.Single(lines, line => line.StartsWith($"{organization}/production", StringComparison.Ordinal) && line.Contains("  up to date  1", StringComparison.Ordinal));
        Assert.DoesNotContain('│', output);
    }

    [Fact]
    public async Task Regenerate_ManyScopes_ShowsSomeThatChangedAndTheSums()
    {
        Write([.. Enumerable.Range(100, 40).Select(number => Organization($"org-{number}", Pixel("1")))]);

        var (dry, _) = await RunAsync(3, null, "regenerate", "--all", "--dry-run");
        var (first, _) = await RunAsync(0, null, "regenerate", "--all");
        var (second, _) = await RunAsync(0, null, "regenerate", "--all");

        foreach (var output in new[] { dry, first })
        {
            var lines = output.TrimEnd().Split('\n');
            Assert.Equal(23, lines.Length);
            Assert.StartsWith("org-100/development  ", lines[1], StringComparison.Ordinal);
            Assert.StartsWith("org-106/staging  ", lines[20], StringComparison.Ordinal);
            Assert.Equal("… and 100 more that changed; --json lists all.", lines[21]);
        }
        Assert.EndsWith("120 scopes: 120 published. 160 snapshots and 120 manifests were written.", first.TrimEnd(), StringComparison.Ordinal);
        Assert.Equal("120 scopes: 120 unchanged. No blob was written.", second.Trim());
    }

    [Fact]
    public async Task Regenerate_ManyFail_NamesSomeAndCountsTheRest()
    {
        var organizations = Enumerable.Range(100, 25).Select(number => $"org-{number}").ToList();
        Write([.. organizations.Select(id => Organization(id, Pixel("1")))]);
        await RunAsync(0, null, "regenerate", "--all");
        var lost = new JsonObject { ["encrypted"] = "00", ["iv"] = new string('0', 24), ["tag"] = new string('0', 32) };
        Write([.. organizations.Select(id => Organization(id, new JsonObject { ["type"] = "meta-pixel", ["settings"] = lost.DeepClone() }))]);

        var (output, _) = await RunAsync(1, null, "regenerate", "--all");

        var lines = output.TrimEnd().Split('\n');
        Assert.Equal(22, lines.Length);
        Assert.All(lines[..20], line => Assert.Contains("/production failed: 1 destination(s) have settings that no configured key opens.", line, StringComparison.Ordinal));
        Assert.Equal("… and 5 more that failed; --json lists all.", lines[20]);
        Assert.StartsWith("75 scopes: 25 failed, 50 unchanged. No blob was written.", lines[21], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Status_ManyScopes_ShowsThoseThatNeedSomebodyAndTheSums()
    {
        Write([.. Enumerable.Range(100, 40).Select(number => Organization($"org-{number}", number < 130 ? new JsonObject { ["type"] = "meta-pixel" } : Pixel("1")))]);
        await RunAsync(0, null, "regenerate", "--all");

        var (output, _) = await RunAsync(0, null, "status");
        var (one, _) = await RunAsync(0, null, "status", "--org", "org-139");

        Assert.Equal(20, output.Split('\n').Count(line => line.StartsWith("org-1", StringComparison.Ordinal) && line.Contains("up to date", StringComparison.Ordinal)));
        Assert.Contains("… and 10 more scopes that are not up to date or have problems; --org ID shows one organization, --json lists all.", output, StringComparison.Ordinal);
        Assert.EndsWith("120 scopes, 120 published, 0 not up to date, 30 problems.", output.TrimEnd(), StringComparison.Ordinal);
        Assert.Contains("org-139/staging", one, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Regenerate_Json_IsOneDocumentWrittenAsItGoes()
    {
        Write([.. Enumerable.Range(100, 100).Select(number => Organization($"org-{number}", Pixel("1")))]);
        using var output = new CountingWriter();

        var exitCode = await new CommandLine(output, TextWriter.Null).InvokeAsync(["regenerate", "--all", "--dry-run", "--json", .. Settings()]);

        Assert.Equal(3, exitCode);
        var document = JsonNode.Parse(output.ToString())!;
        Assert.Equal(300, (int)document["scopes"]!);
        Assert.Equal(300, document["results"]!.AsArray().Select(result => $"{result!["organization"]}/{result["environment"]}").Distinct().Count());
        Assert.All(document["results"]!.AsArray(), result => Assert.Equal("would change", (string)result!["outcome"]!));
        Assert.True(output.Writes >= 300, $"It was written in {output.Writes} pieces.");
        Assert.True(output.Longest < 1000, $"The longest piece has {output.Longest} characters.");
    }

    private static JsonObject Pixel(string pixelId) => new() { ["type"] = "meta-pixel", ["settings"] = new JsonObject { ["pixelId"] = pixelId } };

    private static JsonObject Organization(string id, params JsonNode[] destinations) => new()
    {
        ["id"] = id,
        ["environments"] = new JsonObject { ["production"] = new JsonObject { ["destinations"] = new JsonArray(destinations) } },
    };

    private void Write(params JsonNode[] organizations) =>
        File.WriteAllText(Path.Combine(_folder, "destinations.json"), new JsonObject { ["organizations"] = new JsonArray(organizations) }.ToJsonString());

    private string[] Settings() =>
    [
        $"--Source:File={Path.Combine(_folder, "destinations.json")}", "--Source:Provider=file", "--Storage:Provider=directory", $"--Storage:Directory={Path.Combine(_folder, "store")}",
    ];

    private async Task<(string Output, string Error)> RunAsync(int expected, int? width, params string[] words)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var exitCode = await new CommandLine(output, error, width).InvokeAsync([.. words, .. Settings()]);
        Assert.True(exitCode == expected, $"{string.Join(' ', words)} ended with {exitCode}: {error}{output}");
        return (output.ToString(), error.ToString());
    }

    /// <summary>Notes in what pieces it was written.</summary>
    private sealed class CountingWriter : StringWriter
    {
        public int Writes { get; private set; }

        public int Longest { get; private set; }

        public override Task WriteAsync(string? value)
        {
            Writes++;
            Longest = Math.Max(Longest, value?.Length ?? 0);
            return base.WriteAsync(value);
        }
    }
}
