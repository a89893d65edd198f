using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Net;
using ConsentSnapshots.EdgeApi.Settings;
using ConsentSnapshots.EdgeApi.Tests.Support;
using ConsentSnapshots.Tests.Support;
using Microsoft.Extensions.Configuration;

namespace ConsentSnapshots.EdgeApi.Tests.Settings;

/// <summary>Whatever secret stands in whatever setting, by mistake or rightly, the edge's executable prints it nowhere and answers nobody with it.</summary>
public sealed class SecretSettingsTests
{
    private const string Canary = "CANARY";

    private static readonly string[] Keys =
    [
        "Storage:Provider", "Storage:ConnectionString", "Storage:ServiceUri", "Storage:Container", "Storage:PrivateContainer", "Storage:Directory", "Storage:PublicBaseUrl",
        "Edge:Mode", "Edge:PollInterval", "Edge:RevalidateInterval", "Edge:LoadTimeout", "Edge:NetworkTimeout", "Edge:ConcurrentLoads", "Edge:WaitingLoads", "Edge:ConcurrentRefreshes",
        "Edge:MemoryBytes", "Edge:NegativeCacheDuration", "Edge:NegativeCacheEntries", "Edge:CacheDirectory", "Edge:CacheDirectoryBytes", "Edge:SharedQueryCache", "Storage:HistoryContainer", "Storage:Timeout",
        "Edge:RetryAfter", "Edge:Organization", "Edge:Environment", "Edge:Scopes", "Edge:Origins", "Edge:Preload", "Edge:MetricsUrl", "Edge:Unheard",
    ];

    public static TheoryData<string> Secrets =>
    [
        $"Host=db.invalid;Password={Canary};Database=app", $"host=db.invalid user=app password={Canary} dbname=app", $"postgres://app:{Canary}@db.invalid:5432/app?sslmode=require",
        $"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={Canary};EndpointSuffix=core.windows.net", $"http://a.blob.core.windows.net/?sv=2024-01-01&sig={Canary}&se=2030",
        $"https://user:pass?{Canary}@a.blob.core.windows.net/", $"https://a.blob.core.windows.net/?x=@{Canary}", $"http://[broken/?sig={Canary}",
    ];

    [Theory]
    [MemberData(nameof(Secrets))]
    public void Read_SecretInOneSetting_IsInNoMessage(string secret)
    {
        foreach (var key in Keys)
            foreach (var provider in new[] { "directory", "azure" })
            {
                var configuration = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
                {
                    ["Storage:Provider"] = provider,
                    ["Storage:Directory"] = "/data",
                    [key] = secret,
                }).Build();

                try
                {
                    Assert.DoesNotContain(Canary, EdgeOptions.Read(configuration).Storage.ToString(), StringComparison.OrdinalIgnoreCase);
                }
                catch (InvalidOptionsException exception)
                {
                    Assert.DoesNotContain(Canary, exception.ToString(), StringComparison.OrdinalIgnoreCase);
                }
            }
    }

    [Theory]
    [MemberData(nameof(Secrets))]
    public async Task PrintConfig_SecretInEverySetting_ShowsNone(string secret)
    {
        var outcome = await Executable.RunAsync(
            Executable.Edge, ["--print-config"], Keys.Select(key => KeyValuePair.Create(key.Replace(":", "__", StringComparison.Ordinal), (string?)secret)), TestContext.Current.CancellationToken);

        Assert.Equal(2, outcome.ExitCode);
        Assert.Contains("Storage:ConnectionString ", outcome.Everything, StringComparison.Ordinal);
        Assert.DoesNotContain(Canary, outcome.Everything, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task PrintConfig_Json_HasEachSettingForAProgram()
    {
        var outcome = await Executable.RunAsync(
            Executable.Edge, ["--print-config", "--json", "--Edge:PollInterval=00:00:00.200"], [KeyValuePair.Create("Storage__Directory", (string?)"/nowhere")], TestContext.Current.CancellationToken);

        Assert.Equal((0, ""), (outcome.ExitCode, outcome.Error));
        var settings = JsonNode.Parse(outcome.Output)!.AsArray();
        Assert.Equal(
            ("/nowhere", "environment variable"),
            settings.Where(setting => (string)setting!["setting"]! == "Storage:Directory").Select(setting => ((string)setting!["value"]!, (string)setting["from"]!)).Single());
        Assert.Equal("Edge__PollInterval", (string)settings.Single(setting => (string)setting!["from"]! == "argument")!["variable"]!);
    }

    [Fact]
    public async Task PrintConfig_SomeSet_SaysWhatIsInForceAndWhereItIsSet()
    {
        var outcome = await Executable.RunAsync(
            Executable.Edge, ["--print-config", "--Edge:PollInterval=00:00:00.200"], [KeyValuePair.Create("Storage__Directory", (string?)"/nowhere")], TestContext.Current.CancellationToken);

        Assert.Equal((0, ""), (outcome.ExitCode, outcome.Error));
        string Line(string key) => Regex.Replace(outcome.Output.Split('\n').Single(line => line.StartsWith($"{key} ", StringComparison.Ordinal)).Trim(), " +", " ");
        Assert.Equal("Storage:Directory /nowhere environment variable", Line("Storage:Directory"));
        Assert.Equal("Edge:PollInterval 00:00:00.200 argument", Line("Edge:PollInterval"));
        Assert.Equal("Edge:Mode inline default", Line("Edge:Mode"));
        Assert.Equal("Edge:CacheDirectory (not set)", Line("Edge:CacheDirectory"));
    }

    [Theory]
    [MemberData(nameof(Secrets))]
    public async Task Executable_SecretInEverySetting_IsRefusedWithoutIt(string secret)
    {
        var outcome = await Executable.RunAsync(
            Executable.Edge, ["--urls=http://127.0.0.1:0"], Keys.Select(key => KeyValuePair.Create(key.Replace(":", "__", StringComparison.Ordinal), (string?)secret)),
            TestContext.Current.CancellationToken);

        Assert.Equal(2, outcome.ExitCode);
        Assert.DoesNotContain(Canary, outcome.Everything, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Ready_StoreWithASignatureCannotBeReached_SaysWhyWithoutIt()
    {
        using var store = new TestStore();
        await using var edge = await TestEdge.StartAsync(
            store, ("Storage:Provider", "azure"), ("Storage:ConnectionString", $"BlobEndpoint=http://127.0.0.1:1/a;SharedAccessSignature=sv=2024-01-01&sig={Canary}"),
            ("Edge:NetworkTimeout", "00:00:00.100"));

        using var ready = await edge.GetUntilAsync("/health/ready", (response, body) => body.Contains("cannot be read", StringComparison.Ordinal));
        using var scripts = await edge.GetAsync("/v1/acme/production/scripts?consent=marketing");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
        foreach (var response in new[] { ready, scripts })
            Assert.DoesNotContain(Canary, $"{response.Headers}{await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)}", StringComparison.Ordinal);
        Assert.NotEmpty(edge.Log.Entries);
        Assert.All(edge.Log.Entries, entry => Assert.DoesNotContain(Canary, entry.Message, StringComparison.Ordinal));
    }
}
