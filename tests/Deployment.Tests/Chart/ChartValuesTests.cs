using System.Text.Json;

namespace ConsentSnapshots.Deployment.Tests.Chart;

/// <summary>What is wrong with the values is refused before anything is rendered, with a message that says what, where and what to do.</summary>
public sealed class ChartValuesTests
{
    /// <summary>Values on top of a set, and what is said of them.</summary>
    public static TheoryData<string, string, string> Refused => new()
    {
        // By the schema: unknown names, wrong types, wrong words.
        { "azure-identity", "edge.replica=3", "additional properties 'replica' not allowed" },
        { "azure-identity", "edge.replicas=many", "got string, want integer" },
        { "azure-identity", "edge.mode=proxy", "value must be one of 'inline', 'redirect'" },
        { "azure-identity", "source.provider=mysql", "value must be one of 'postgres', 'file'" },
        { "azure-identity", "worker.shutdownTimeoutSeconds=0", "at '/worker/shutdownTimeoutSeconds': minimum: got 0, want 1" },
        { "azure-identity", "storage.serviceUri=http://consent.blob.core.windows.net", "at '/storage/serviceUri'" },
        { "azure-identity", "worker.workloadIdentity.clientId=worker", "at '/worker/workloadIdentity/clientId'" },
        { "azure-identity", "worker.image.digest=latest", "at '/worker/image/digest'" },
        { "azure-identity", "worker.databaseUser=a;Password=b", "at '/worker/databaseUser'" },
        { "azure-identity", "edge.environment=live", "at '/edge/environment'" },
        { "azure-identity", "edge.scopes={acme/live}", "at '/edge/scopes/0'" },
        { "azure-identity", "edge.pollInterval=100ms", "at '/edge/pollInterval'" },
        { "azure-identity", "edge.extraEnv.Edge-Mode=x", "invalid propertyName 'Edge-Mode'" },
        { "azure-identity", "storage.container=Consent", "at '/storage/container'" },
        { "azure-identity", "networkPolicy.databasePorts={postgres}", "at '/networkPolicy/databasePorts/0'" },
        { "azure-identity", "fullnameOverride=1a.b", "at '/fullnameOverride'" },
        { "azure-identity", "edge.podLabels.app\\.kubernetes\\.io/component=other", "invalid propertyName 'app.kubernetes.io/component'" },
        // By the chart: what would be readable by everybody, or set twice.
        { "azure-identity", "worker.extraEnv.Encryption__Keys__0=00", "worker.extraEnv.Encryption__Keys__0 is a secret" },
        { "azure-identity", "edge.extraEnv.STORAGE__CONNECTIONSTRING=x", "edge.extraEnv.STORAGE__CONNECTIONSTRING is a secret" },
        { "azure-identity", "worker.extraEnv.Worker__Url=x", "worker.extraEnv.Worker__Url is set by the chart" },
        { "azure-identity", "networkPolicy.enabled=true,telemetry.otlpEndpoint=http://collector:4317", "networkPolicy.extraEgress is empty" },
        // By the chart: values that need each other.
        { "azure-secrets", "migrate.secret=", "migrate.secret is missing: name a Secret that has ConnectionStrings__Postgres for the role that owns the destinations table." },
        { "azure-secrets", "worker.secret=", "worker.secret is missing: name a Secret that has ConnectionStrings__Postgres for the worker's role, or set database.managedIdentity." },
        { "azure-secrets", "edge.secret=", "edge.secret is missing: without storage.serviceUri it is a Secret that has Storage__ConnectionString, whose signature may only read." },
        { "azure-secrets", "database.workerRole=", "database.workerRole is missing: it is the role in the connection string of worker.secret" },
        { "azure-secrets", "storage.serviceUri=https://consent.blob.core.windows.net", "edge.secret and storage.serviceUri are both set." },
        { "azure-identity", "database.host=", "database.host is missing" },
        { "azure-identity", "database.name=", "database.name is missing" },
        { "azure-identity", "migrate.databaseUser=", "migrate.databaseUser is missing" },
        { "azure-identity", "worker.databaseUser=", "worker.databaseUser is missing" },
        { "azure-identity", "worker.enabled=false,edge.enabled=false", "there is nothing to install" },
        { "azure-identity", "edge.mode=redirect,storage.publicBaseUrl=", "storage.publicBaseUrl is missing" },
        { "azure-identity", "edge.mode=redirect,edge.origins={https://shop.example}", "edge.origins does not go with edge.mode=redirect" },
        { "azure-identity", "edge.ingress.enabled=true", "edge.ingress.hosts is empty" },
        { "azure-identity", "edge.autoscaling.enabled=true,edge.autoscaling.maxReplicas=1", "edge.autoscaling.maxReplicas is 1, less than minReplicas (2)." },
        { "self-hosted", "source.config=", "source.config is missing" },
        { "self-hosted", "source.existingConfigMap=mine", "source.config and source.existingConfigMap are both set." },
        { "self-hosted", "worker.replicas=2", "worker.replicas is 2, and a file source has one writer." },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task Template_WrongValue_IsRefusedWithAMessage(string set, string values, string message)
    {
        var outcome = await RenderedChart.TemplateAsync("-f", RenderedChart.ValuesFile(set), "--set", values);

        Assert.NotEqual(0, outcome.ExitCode);
        Assert.Contains(message, outcome.Error, StringComparison.Ordinal);
        Assert.Empty(outcome.Output);
    }

    /// <summary>A number of a values file is a floating-point number to Helm, and the program takes no 1.048576e+06.</summary>
    [Fact]
    public async Task Template_LargeNumber_IsWrittenWhole()
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, "worker: { extraEnv: { Limits__ScopeSettingsBytes: 1048576, Storage__Retries: 0.5 } }\nedge: { extraEnv: { Edge__NegativeCacheEntries: 1000000 } }\n", TestContext.Current.CancellationToken);

            var outcome = await RenderedChart.TemplateAsync("-f", RenderedChart.ValuesFile("azure-identity"), "-f", file);

            Assert.Equal("", outcome.Error);
            Assert.Contains("Limits__ScopeSettingsBytes: \"1048576\"", outcome.Output, StringComparison.Ordinal);
            Assert.Contains("Storage__Retries: \"0.5\"", outcome.Output, StringComparison.Ordinal);
            Assert.Contains("Edge__NegativeCacheEntries: \"1000000\"", outcome.Output, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task Template_NoValues_SaysEverythingThatIsMissingAtOnce()
    {
        var outcome = await RenderedChart.TemplateAsync();

        Assert.Contains("The values have 3 problem(s):", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("- worker.secret is missing", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("- migrate.secret is missing", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("- edge.secret is missing", outcome.Error, StringComparison.Ordinal);
    }

    /// <summary>Another chart may have this one as a part.</summary>
    [Fact]
    public async Task Template_GlobalValues_AreLeftAlone() =>
        Assert.Equal(0, (await RenderedChart.TemplateAsync("-f", RenderedChart.ValuesFile("azure-identity"), "--set", "global.region=eu")).ExitCode);

    /// <summary>Every value has a meaning, and every value that has one exists.</summary>
    [Fact]
    public async Task Schema_EveryValue_IsDocumentedAndExists()
    {
        using var schema = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(RenderedChart.ChartFolder, "values.schema.json"), TestContext.Current.CancellationToken));
        var shown = await Tools.RunAsync("node", ["-e", "process.stdout.write(JSON.stringify(require('yaml').parse(require('fs').readFileSync(0,'utf8'))))"],
            await File.ReadAllTextAsync(Path.Combine(RenderedChart.ChartFolder, "values.yaml"), TestContext.Current.CancellationToken), Tools.At("tests", "Deployment.Tests", "tools"));
        Assert.True(shown.ExitCode == 0, shown.Error);
        using var values = JsonDocument.Parse(shown.Output);

        Compare("", schema.RootElement, values.RootElement);

        static void Compare(string path, JsonElement schema, JsonElement values)
        {
            if (!schema.TryGetProperty("properties", out var properties)) return;
            Assert.False(schema.GetProperty("additionalProperties").GetBoolean(), $"{path} takes any name");
            foreach (var property in properties.EnumerateObject())
            {
                var name = $"{path}.{property.Name}";
                Assert.True(property.Value.TryGetProperty("description", out var description) && description.GetString()!.EndsWith('.'), $"{name} has no description");
                // What Helm gives, and what Kubernetes takes beside the usual.
                if (name == ".global" || name.EndsWith(".resources.claims", StringComparison.Ordinal)) continue;
                Assert.True(values.TryGetProperty(property.Name, out var value), $"{name} is not in values.yaml");
                Compare(name, property.Value, value);
            }
            foreach (var value in values.EnumerateObject()) Assert.True(properties.TryGetProperty(value.Name, out _), $"{path}.{value.Name} is not in the schema");
        }
    }

    /// <summary>What is said after an installation fits a terminal, and begins with what to check.</summary>
    [Theory]
    [InlineData("azure-identity")]
    [InlineData("azure-secrets")]
    [InlineData("self-hosted")]
    [InlineData("everything")]
    [InlineData("edges-only")]
    public async Task Notes_ValueSet_SayWhatToCheckFirst(string set)
    {
        var outcome = await Tools.HelmAsync("install", "consent", RenderedChart.ChartFolder, "--namespace", "shop", "--dry-run=client", "-f", RenderedChart.ValuesFile(set));
        Assert.True(outcome.ExitCode == 0, outcome.Error);
        var notes = outcome.Output[(outcome.Output.IndexOf("NOTES:\n", StringComparison.Ordinal) + "NOTES:\n".Length)..];

        Golden.Check($"{set}.notes.txt", notes);
        Assert.Contains("Check first:\n\n1. ", notes, StringComparison.Ordinal);
        // Commands are as long as their names.
        Assert.All(notes.Split('\n').Where(line => !line.Contains("kubectl ", StringComparison.Ordinal)), line => Assert.True(line.Length <= 80, line));
    }
}
