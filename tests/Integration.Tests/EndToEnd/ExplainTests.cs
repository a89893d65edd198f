using System.Text.Json.Nodes;
using ConsentSnapshots.Integration.Tests.Edge;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Integration.Tests.Postgres;
using ConsentSnapshots.Worker.Commands;
using Microsoft.AspNetCore.Builder;

namespace ConsentSnapshots.Integration.Tests.EndToEnd;

/// <summary>The first question of every incident: why is this vendor on the page, or why is it not? The answer names the one thing that decides it.</summary>
public sealed class ExplainTests(PostgresFixture postgres) : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("consent-snapshots-explain-").FullName;
    private readonly List<WebApplication> _edges = [];
    private SourceDatabase _database = null!;
    private Guid _pixel;
    private Guid _hog;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _database = await SourceDatabase.CreateAsync(postgres);
        _pixel = await InsertAsync("meta-pixel", """{"pixelId":"12345678901"}""");
        _hog = await InsertAsync("posthog", """{"apiKey":"phc_0123456789012345678901234567890123456789"}""");
        await PublishAsync();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var edge in _edges) await edge.DisposeAsync();
        await _database.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Explain_PermittedVisitor_SaysOnThePageAndSince()
    {
        var edge = await StartEdgeAsync(Path.Combine(_folder, "store"));

        var answer = await ExplainAsync("--destination", _pixel.ToString(), "--consent", "marketing", $"--Edges:0={edge}");

        Assert.Equal("onPage", (string)answer["answer"]!);
        Assert.Contains("granted marketing", (string)answer["reason"]!, StringComparison.Ordinal);
        Assert.Equal(("marketing", 8, 1), ((string)answer["loadsWhen"]!, answer["sets"]!.AsArray().Count, (int)answer["sinceVersion"]!));
        Assert.True((bool)answer["edges"]![0]!["asPublished"]!);
        Assert.Equal("It serves version 1 with its scripts.", (string)answer["edges"]![0]!["message"]!);
    }

    [Fact]
    public async Task Explain_VisitorWithoutThatConsent_SaysWhatIsNeeded()
    {
        var edge = await StartEdgeAsync(Path.Combine(_folder, "store"));

        var answer = await ExplainAsync("--destination", "meta-pixel", "--consent", "measurement", $"--Edges:0={edge}");

        Assert.Equal("notPermitted", (string)answer["answer"]!);
        Assert.Equal("It needs marketing, and this visitor granted measurement.", (string)answer["reason"]!);
        Assert.Equal("It serves version 1, without its scripts.", (string)answer["edges"]![0]!["message"]!);
    }

    [Fact]
    public async Task Explain_BadSetting_NamesIt()
    {
        await _database.ExecuteAsync($$"""update destinations set settings = '{"pixelId":"not digits"}' where id = '{{_pixel}}'""");
        await PublishAsync();

        var answer = await ExplainAsync("--destination", _pixel.ToString());

        Assert.Equal("leftOut", (string)answer["answer"]!);
        Assert.Contains("pixelId", (string)answer["reason"]!, StringComparison.Ordinal);
        Assert.Contains("Visitors get version 2, which has none of its scripts.", (string)answer["reason"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Explain_SwitchedOffAndNotPublishedYet_SaysBoth()
    {
        await _database.ExecuteAsync($"update destinations set enabled = false where id = '{_pixel}'");

        var answer = await ExplainAsync("--destination", _pixel.ToString());

        Assert.Equal("off", (string)answer["answer"]!);
        Assert.Contains("switched off", (string)answer["reason"]!, StringComparison.Ordinal);
        Assert.Contains("Version 1, which is published, has it as it was before the last change.", (string)answer["reason"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Explain_ChangeWithoutAWorker_SaysThatNoneRuns()
    {
        await _database.ExecuteAsync("delete from consent_snapshots.workers");
        await _database.ExecuteAsync($$"""update destinations set settings = '{"pixelId":"10987654321"}' where id = '{{_pixel}}'""");

        var answer = await ExplainAsync("--destination", _pixel.ToString());

        Assert.Equal("waiting", (string)answer["answer"]!);
        Assert.Contains("No worker is running", (string)answer["reason"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Explain_KeyLost_SaysHeldAndWhatVisitorsStillGet()
    {
        var sealedId = await InsertAsync("posthog", await EnvelopeAsync());
        await PublishAsync();

        var answer = await ExplainAsync("--destination", _pixel.ToString(), $"--Encryption:Keys:0={new string('a', 64)}");

        Assert.Equal("held", (string)answer["answer"]!);
        Assert.Contains("1 destination(s) have settings that no configured key opens.", (string)answer["reason"]!, StringComparison.Ordinal);
        Assert.Contains("Visitors who granted marketing still get its scripts, from version 2.", (string)answer["reason"]!, StringComparison.Ordinal);
        Assert.NotEqual(Guid.Empty, sealedId);
    }

    [Fact]
    public async Task Explain_AnotherEnvironmentsDestination_SaysWhose()
    {
        var staging = await InsertAsync("tiktok-pixel", """{"pixelId":"C0123456789ABCDEFGHI"}""", "staging");

        var answer = await ExplainAsync("--destination", staging.ToString());

        Assert.Equal("unknown", (string)answer["answer"]!);
        Assert.EndsWith("It is a destination of staging.", (string)answer["reason"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Explain_ServerOnlyType_SaysThatNothingRunsInABrowser()
    {
        var console = await InsertAsync("console", "{}");
        await PublishAsync();

        Assert.Equal("noScript", (string)(await ExplainAsync("--destination", console.ToString()))["answer"]!);
    }

    [Fact]
    public async Task Explain_EdgeThatNoLongerFollows_NamesBothVersions()
    {
        var copy = Path.Combine(_folder, "copy");
        DirectoryEdge.CopyStore(Path.Combine(_folder, "store"), copy);
        var (behind, right) = (await StartEdgeAsync(copy), await StartEdgeAsync(Path.Combine(_folder, "store")));
        await _database.ExecuteAsync($$"""update destinations set settings = '{"pixelId":"10987654321"}' where id = '{{_pixel}}'""");
        await PublishAsync();
        using var http = new HttpClient();
        await Eventually.TrueAsync(
            async () => (await http.GetStringAsync(new Uri($"{right}/v1/{SourceDatabase.Acme}/production/scripts.json"), Cancel)).Contains("10987654321", StringComparison.Ordinal), "the right edge follows");

        var answer = await ExplainAsync("--destination", _pixel.ToString(), $"--Edges:0={behind}", $"--Edges:1={right}", "--Edges:2=http://127.0.0.1:1");

        Assert.Equal("onPage", (string)answer["answer"]!);
        Assert.Equal([false, true, false], answer["edges"]!.AsArray().Select(edge => (bool)edge!["asPublished"]!));
        Assert.Contains("It serves version 1, and version 2 is published", (string)answer["edges"]![0]!["message"]!, StringComparison.Ordinal);
        Assert.Contains("It cannot be reached", (string)answer["edges"]![2]!["message"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Explain_DatabaseDown_SaysSoAndWhatIsPublished()
    {
        var (exitCode, output, _) = await RunAsync("explain", "--org", SourceDatabase.Acme.ToString(), "--env", "production", "--ConnectionStrings:Postgres=Host=127.0.0.1;Port=1;Username=x;Database=x");

        Assert.Equal(0, exitCode);
        Assert.Contains("version 1 of", output, StringComparison.Ordinal);
        Assert.Contains("cannot be used", output, StringComparison.Ordinal);
        Assert.Contains("Visitors who granted marketing still get its scripts, from version 1.", output, StringComparison.Ordinal);
    }

    /// <summary>A newer program has written the current manifest: the row, what this build makes of it, and why nothing is known of the store are told all the same.</summary>
    [Fact]
    public async Task Explain_ManifestOfANewerProgram_SaysSoBesideWhatTheSourceSays()
    {
        await SetSchemaAsync();
        // Without the key the rule of holding is asked, which looks at the current version.
        await InsertAsync("posthog", await EnvelopeAsync());

        var (exitCode, output, error) = await RunAsync("explain", "--org", SourceDatabase.Acme.ToString(), "--env", "production", $"--Encryption:Keys:0={new string('a', 64)}");

        Assert.True(exitCode == 0, output + error);
        Assert.Contains("schema 99", output, StringComparison.Ordinal);
        Assert.Contains("loads when  marketing", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Doctor_ManifestOfANewerProgram_IsNoFaultOfThisOne()
    {
        var edge = await StartEdgeAsync(Path.Combine(_folder, "store"));
        await _database.ExecuteAsync($$"""update destinations set settings = '{"pixelId":"10987654321"}' where id = '{{_pixel}}'""");
        await PublishAsync();
        await SetSchemaAsync();

        var (_, output, _) = await RunAsync("doctor", $"--Edges:0={edge}");

        Assert.Contains("schema 99", output, StringComparison.Ordinal);
        Assert.DoesNotContain("fault of this program", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Explain_WithoutDestination_ExplainsEachAndFitsATerminal()
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        Assert.Equal(0, await new CommandLine(output, error, 80).InvokeAsync([.. Words("explain", "--org", SourceDatabase.Acme.ToString(), "--env", "production")]));

        Assert.Contains(_pixel.ToString(), output.ToString(), StringComparison.Ordinal);
        Assert.Contains(_hog.ToString(), output.ToString(), StringComparison.Ordinal);
        Assert.All(output.ToString().Split('\n'), line => Assert.True(line.Length <= 80, line));
    }

    [Fact]
    public async Task Explain_NoSuchType_SaysWhatToWrite()
    {
        var (exitCode, _, error) = await RunAsync("explain", "--org", SourceDatabase.Acme.ToString(), "--env", "production", "--destination", "tiktok");

        Assert.Equal(2, exitCode);
        Assert.Contains("--destination must be the id of a destination, or a type that", error, StringComparison.Ordinal);
    }

    private async Task SetSchemaAsync()
    {
        var file = Path.Combine(_folder, "store", "private", "current", SourceDatabase.Acme.ToString(), "production.json");
        var text = await File.ReadAllTextAsync(file, Cancel);
        await File.WriteAllTextAsync(file, text.Replace("\"schema\":2,", "\"schema\":99,", StringComparison.Ordinal), Cancel);
    }

    private async Task<Guid> InsertAsync(string type, string settings, string environment = "production")
    {
        await using var command = _database.Pool.CreateCommand(
            "insert into destinations (organization_id, type, name, environment, settings, settings_encrypted) values ($1, $2, 'one', $3, $4::jsonb, false) returning id");
        command.Parameters.AddWithValue(SourceDatabase.Acme);
        command.Parameters.AddWithValue(type);
        command.Parameters.AddWithValue(environment);
        command.Parameters.AddWithValue(settings);
        return (Guid)(await command.ExecuteScalarAsync(Cancel))!;
    }

    private async Task<string> EnvelopeAsync()
    {
        var file = Path.Combine(_folder, "settings.json");
        await File.WriteAllTextAsync(file, """{"apiKey":"phc_0123456789012345678901234567890123456789"}""", Cancel);
        return (await RunAsync("encrypt", file)).Output;
    }

    private async Task PublishAsync()
    {
        var (exitCode, output, error) = await RunAsync("regenerate", "--all");
        Assert.True(exitCode == 0, output + error);
    }

    /// <summary>What is said of the one destination that is asked for.</summary>
    private async Task<JsonNode> ExplainAsync(params string[] words)
    {
        var (exitCode, output, error) = await RunAsync(["explain", "--org", SourceDatabase.Acme.ToString(), "--env", "production", "--json", .. words]);
        Assert.True(exitCode == 0, output + error);
        return Assert.Single(JsonNode.Parse(output)!["destinations"]!.AsArray())!;
    }

    private async Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] words)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var exitCode = await new CommandLine(output, error).InvokeAsync([.. Words(words)]);
        return (exitCode, output.ToString(), error.ToString());
    }

    /// <summary>The settings stand first, so that those of a test win.</summary>
    private IEnumerable<string> Words(params string[] words) =>
    [
        "--Source:Provider=postgres", $"--ConnectionStrings:Postgres={_database.Options.ConnectionString}", "--Storage:Provider=directory", $"--Storage:Directory={Path.Combine(_folder, "store")}",
        "--Encryption:Keys:0=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", .. words,
    ];

    private async Task<string> StartEdgeAsync(string store)
    {
        var edge = await DirectoryEdge.StartAsync(store, Cancel);
        _edges.Add(edge);
        return edge.Urls.First().TrimEnd('/');
    }
}
