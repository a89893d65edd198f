using System.Collections.Concurrent;
using System.Text.Json;

namespace ConsentSnapshots.Deployment.Tests.Azure;

/// <summary>The Bicep files of <c>deploy/azure</c>, compiled and checked without a connection to Azure against the types that the compiler brings.</summary>
public sealed class AzureTemplateTests
{
    private const string Contributor = "ba92f5b4-2d11-453d-a403-e96b0029c9fe";
    private const string Reader = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1";

    private static readonly ConcurrentDictionary<string, Lazy<Task<Outcome>>> s_built = new();
    private static readonly string s_folder = Tools.At("deploy", "azure");

    public static TheoryData<string> Files => [.. Directory.GetFiles(s_folder, "*.bicep", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(s_folder, file)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Files))]
    public async Task Lint_File_HasNothingToSay(string file)
    {
        var outcome = await Tools.BicepAsync("lint", Path.Combine(s_folder, file));

        Assert.Equal((0, ""), (outcome.ExitCode, outcome.Everything));
    }

    [Theory]
    [MemberData(nameof(Files))]
    public async Task Format_File_IsTheCompilersOwn(string file)
    {
        var path = Path.Combine(s_folder, file);

        var outcome = await Tools.BicepAsync("format", path, "--stdout");

        Assert.True(outcome.ExitCode == 0, outcome.Error);
        Assert.Equal(outcome.Output.TrimEnd(), (await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken)).TrimEnd());
    }

    /// <summary>What is checked above is not only that the files can be parsed.</summary>
    [Theory]
    [InlineData("supportsHttpsTrafficOnly: true", "supportsHttpsTrafficOnly: 'yes'", "BCP036")]
    [InlineData("allowSharedKeyAccess: false", "allowSharedKeys: false", "BCP037")]
    [InlineData("param tags object", "param tags object\nparam forgotten string", "no-unused-params")]
    public async Task Lint_Mistake_IsFound(string text, string mistake, string rule)
    {
        var folder = Directory.CreateTempSubdirectory("consent-snapshots-");
        try
        {
            var storage = await File.ReadAllTextAsync(Path.Combine(s_folder, "modules", "storage.bicep"), TestContext.Current.CancellationToken);
            Assert.Contains(text, storage, StringComparison.Ordinal);
            File.Copy(Path.Combine(s_folder, "bicepconfig.json"), Path.Combine(folder.FullName, "bicepconfig.json"));
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, "storage.bicep"), storage.Replace(text, mistake, StringComparison.Ordinal), TestContext.Current.CancellationToken);

            var outcome = await Tools.BicepAsync("lint", Path.Combine(folder.FullName, "storage.bicep"));

            Assert.Contains(rule, outcome.Everything, StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Storage_Account_TakesIdentitiesOnly()
    {
        using var template = await BuildAsync("modules/storage.bicep");
        var account = Properties(template, "Microsoft.Storage/storageAccounts");

        Assert.False(account.GetProperty("allowSharedKeyAccess").GetBoolean());
        Assert.True(account.GetProperty("supportsHttpsTrafficOnly").GetBoolean());
        Assert.Equal("TLS1_2", account.GetProperty("minimumTlsVersion").GetString());
        Assert.Equal("[parameters('anonymousPublicContainer')]", account.GetProperty("allowBlobPublicAccess").GetString());
        // Only one container can be opened, and only on purpose.
        Assert.Equal(
            ["[if(parameters('anonymousPublicContainer'), 'Blob', 'None')]", "None", "None"],
            Resources(template, "Microsoft.Storage/storageAccounts/blobServices/containers").Select(container => container.GetProperty("properties").GetProperty("publicAccess").GetString()).OrderDescending());
    }

    [Fact]
    public async Task Storage_History_CannotBeChangedForTheTimeGiven()
    {
        using var template = await BuildAsync("modules/storage.bicep");
        var policy = Resources(template, "Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies").Single();

        Assert.Equal("[format('{0}/{1}/{2}/{3}', parameters('name'), 'default', parameters('historyContainer'), 'default')]", policy.GetProperty("name").GetString());
        Assert.Equal("[parameters('historyRetentionDays')]", policy.GetProperty("properties").GetProperty("immutabilityPeriodSinceCreationInDays").GetString());
        // Versions of a blob would keep what an organization's purge deletes.
        Assert.False(Properties(template, "Microsoft.Storage/storageAccounts/blobServices").GetProperty("isVersioningEnabled").GetBoolean());
    }

    /// <summary>Who may do what: each right by its purpose, on one container.</summary>
    [Fact]
    public async Task Storage_Roles_AreTheseAndNoOthers()
    {
        using var template = await BuildAsync("modules/storage.bicep");
        var variables = template.RootElement.GetProperty("variables");

        var rights = Resources(template, "Microsoft.Authorization/roleAssignments").Select(assignment =>
        {
            var properties = assignment.GetProperty("properties");
            var role = variables.GetProperty(Between(properties.GetProperty("roleDefinitionId").GetString()!, "variables('", "')")).GetString()!;
            var container = Between(assignment.GetProperty("scope").GetString()!, "parameters('name'), 'default', parameters('", "')");
            return $"{Between(properties.GetProperty("principalId").GetString()!, "parameters('", "')")} {(role.Contains(Contributor, StringComparison.Ordinal) ? "writes" : role.Contains(Reader, StringComparison.Ordinal) ? "reads" : role)} {container}";
        });

        Assert.Equal(
            [
                "edgePrincipalId reads privateContainer", "edgePrincipalId reads publicContainer", "frontDoorPrincipalId reads publicContainer",
                "workerPrincipalId writes historyContainer", "workerPrincipalId writes privateContainer", "workerPrincipalId writes publicContainer",
            ],
            rights.Order(StringComparer.Ordinal));
    }

    /// <summary>The names in the code and in the template are the same, so an installation with defaults needs none of them.</summary>
    [Fact]
    public async Task Main_Containers_AreNamedAsTheProgramsName()
    {
        using var template = await BuildAsync("main.bicep");
        var options = new Storage.StorageOptions();

        Assert.Equal(options.Container, Default("publicContainer"));
        Assert.Equal(options.PrivateContainer, Default("privateContainer"));
        Assert.Equal(options.HistoryContainer, Default("historyContainer"));

        string? Default(string parameter) => template.RootElement.GetProperty("parameters").GetProperty(parameter).GetProperty("defaultValue").GetString();
    }

    /// <summary>A token of the cluster counts for the service account that the chart makes, and for no other.</summary>
    [Fact]
    public async Task Identity_Federation_NamesTheChartsAccounts()
    {
        using var template = await BuildAsync("modules/identity.bicep");
        var federation = Properties(template, "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials");
        var main = await File.ReadAllTextAsync(Path.Combine(s_folder, "main.bicep"), TestContext.Current.CancellationToken);

        Assert.Equal("[format('system:serviceaccount:{0}', parameters('serviceAccount'))]", federation.GetProperty("subject").GetString());
        Assert.Contains("serviceAccount: '${kubernetesNamespace}:${helmRelease}-${component}'", main, StringComparison.Ordinal);
        var chart = await Chart.RenderedChart.OfAsync("azure-identity");
        Assert.Equal(["consent-edge", "consent-migrate", "consent-worker"], chart.Pods.Select(pod => pod.Spec.ServiceAccountName).Order(StringComparer.Ordinal));
    }

    /// <summary>Front Door leaves the origin's times in force; queries are in the edge's key, and private answers are not kept.</summary>
    [Fact]
    public async Task FrontDoor_Routes_KeepWhatTheOriginsSay()
    {
        using var template = await BuildAsync("modules/front-door.bicep");
        var routes = Resources(template, "Microsoft.Cdn/profiles/afdEndpoints/routes").ToDictionary(
            route => route.GetProperty("properties").GetProperty("patternsToMatch")[0].GetString()!, route => route.GetProperty("properties"));

        Assert.Equal(["/*", "/v1/*"], routes.Keys.Order(StringComparer.Ordinal));
        // Front Door sends a query to the origin in either case, and the storage account answers ?comp=metadata: nobody else must be given that.
        Assert.Equal("UseQueryString", Caching("/*").GetProperty("queryStringCachingBehavior").GetString());
        var operations = Resources(template, "Microsoft.Cdn/profiles/ruleSets/rules").Single(rule => rule.GetProperty("name").GetString()!.Contains("operations", StringComparison.Ordinal)).GetProperty("properties");
        Assert.Equal("Stop", operations.GetProperty("matchProcessingBehavior").GetString());
        Assert.Equal("UrlRedirect", operations.GetProperty("actions")[0].GetProperty("name").GetString());
        Assert.Superset(
            new HashSet<string>(["comp=", "restype="]),
            operations.GetProperty("conditions")[0].GetProperty("parameters").GetProperty("matchValues").EnumerateArray().Select(value => value.GetString()!).ToHashSet());
        Assert.Equal("UseQueryString", Caching("/v1/*").GetProperty("queryStringCachingBehavior").GetString());
        Assert.False(Caching("/v1/*").GetProperty("compressionSettings").GetProperty("isCompressionEnabled").GetBoolean());
        Assert.All(routes.Values, route => Assert.Equal("HttpsOnly", route.GetProperty("forwardingProtocol").GetString()));
        // No rule overrides a time.
        Assert.DoesNotContain("RouteConfigurationOverride", template.RootElement.GetRawText(), StringComparison.Ordinal);
        Assert.DoesNotContain("CacheExpiration", template.RootElement.GetRawText(), StringComparison.Ordinal);

        JsonElement Caching(string pattern) => routes[pattern].GetProperty("cacheConfiguration");
    }

    [Fact]
    public async Task Postgres_Server_KnowsNoPasswordsAndHasNoPublicAddress()
    {
        using var template = await BuildAsync("modules/postgres.bicep");
        var server = Properties(template, "Microsoft.DBforPostgreSQL/flexibleServers");

        Assert.Equal("Disabled", server.GetProperty("authConfig").GetProperty("passwordAuth").GetString());
        Assert.Equal("Enabled", server.GetProperty("authConfig").GetProperty("activeDirectoryAuth").GetString());
        Assert.Equal("Disabled", server.GetProperty("network").GetProperty("publicNetworkAccess").GetString());
    }

    private static async Task<JsonDocument> BuildAsync(string file)
    {
        var outcome = await s_built.GetOrAdd(file, _ => new Lazy<Task<Outcome>>(() => Tools.BicepAsync("build", Path.Combine(s_folder, file), "--stdout"))).Value;
        Assert.True(outcome.ExitCode == 0 && outcome.Error.Length == 0, outcome.Error);
        return JsonDocument.Parse(outcome.Output);
    }

    /// <summary>A template has its resources as a list, or as an object by symbolic name.</summary>
    private static IEnumerable<JsonElement> Resources(JsonDocument template, string type)
    {
        var resources = template.RootElement.GetProperty("resources");
        return (resources.ValueKind == JsonValueKind.Array ? resources.EnumerateArray() : resources.EnumerateObject().Select(property => property.Value))
            .Where(resource => resource.GetProperty("type").GetString() == type);
    }

    private static JsonElement Properties(JsonDocument template, string type) => Resources(template, type).Single().GetProperty("properties");

    private static string Between(string text, string before, string after)
    {
        var start = text.IndexOf(before, StringComparison.Ordinal);
        Assert.True(start >= 0, $"There is no {before} in {text}");
        start += before.Length;
        return text[start..text.IndexOf(after, start, StringComparison.Ordinal)];
    }
}
