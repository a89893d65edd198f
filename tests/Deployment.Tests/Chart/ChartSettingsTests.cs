using ConsentSnapshots.Tests.Support;
using k8s.Models;

namespace ConsentSnapshots.Deployment.Tests.Chart;

/// <summary>The programs themselves read the environment that the chart gives them: every name is a setting, and every value is one that they take.</summary>
public sealed class ChartSettingsTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("consent-snapshots-");

    public static TheoryData<string> ValueSets => RenderedChart.ValueSets;

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [MemberData(nameof(ValueSets))]
    public async Task Environment_WorkerAndEdge_IsTakenByTheProgram(string set)
    {
        var chart = await RenderedChart.OfAsync(set);
        foreach (var pod in chart.Pods.Where(pod => pod.Component != "migrate"))
        {
            var variables = EnvironmentOf(chart, pod);

            var outcome = await Executable.RunAsync(
                pod.Component == "edge" ? Executable.Edge : Executable.Worker, ["--print-config"], variables.Select(variable => KeyValuePair.Create(variable.Key, (string?)variable.Value)),
                TestContext.Current.CancellationToken);

            Assert.True(outcome.ExitCode == 0, outcome.Everything);
            // Only what is in the table is read; each of these lines says that an environment variable set it.
            var read = outcome.Output.Split('\n').Where(line => line.TrimEnd().EndsWith("environment variable", StringComparison.Ordinal)).Select(line => line.Split(' ')[0]).ToHashSet();
            foreach (var name in variables.Keys.Where(name => name is not "OTEL_EXPORTER_OTLP_ENDPOINT"))
                Assert.Contains(name switch { "ASPNETCORE_URLS" => "urls", "Encryption__Keys__0" => "Encryption:Keys", "Edges__0" or "Edges__1" => "Edges", _ => name.Replace("__", ":", StringComparison.Ordinal) }, read);
        }
    }

    /// <summary>It gets as far as the database, which is not there: nothing is wrong with its settings, and it needs no others.</summary>
    [Theory]
    [InlineData("azure-secrets")]
    [InlineData("everything")]
    public async Task Environment_Migrate_LeadsToTheDatabase(string set)
    {
        var chart = await RenderedChart.OfAsync(set);
        var migrate = chart.Pods.Single(pod => pod.Component == "migrate");

        var outcome = await Executable.RunAsync(
            Executable.Worker, migrate.Container.Args, EnvironmentOf(chart, migrate).Select(variable => KeyValuePair.Create(variable.Key, (string?)variable.Value)),
            TestContext.Current.CancellationToken);

        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains("Could not connect on 127.0.0.1:1/app", outcome.Error, StringComparison.Ordinal);
    }

    /// <summary>migrate grants the worker's role its rights, so it must be told of the role that the worker signs in with.</summary>
    [Fact]
    public async Task Environment_Identities_SignInAsTheRolesThatMigrateGrants()
    {
        var chart = await RenderedChart.OfAsync("azure-identity");
        var (migrate, worker) = (Of("migrate"), Of("worker"));

        Assert.Equal("consent-worker", migrate["Database__WorkerRole"]);
        Assert.Equal("Host=consent.postgres.database.azure.com;Port=5432;Database=app;Username=consent-worker;SSL Mode=VerifyFull", worker["ConnectionStrings__Postgres"]);
        Assert.Equal("Host=consent.postgres.database.azure.com;Port=5432;Database=app;Username=consent-migrate;SSL Mode=VerifyFull", migrate["ConnectionStrings__Postgres"]);
        Assert.Equal(("true", "true"), (migrate["Database__ManagedIdentity"], worker["Database__ManagedIdentity"]));

        Dictionary<string, string> Of(string component) => EnvironmentOf(chart, chart.Pods.Single(pod => pod.Component == component));
    }

    /// <summary>As in the cluster, with folders of this machine for the mounted ones and values for the Secrets that an operator makes.</summary>
    private Dictionary<string, string> EnvironmentOf(RenderedChart chart, Pod pod)
    {
        var variables = chart.EnvironmentOf(pod.Container, SecretOf);
        foreach (var mount in pod.Container.VolumeMounts)
        {
            Directory.CreateDirectory(_folder.FullName + mount.MountPath);
            if (pod.Volume(mount.Name).ConfigMap is { } map)
                foreach (var (file, text) in chart.Of<V1ConfigMap>().Single(candidate => candidate.Metadata.Name == map.Name).Data) File.WriteAllText(Path.Combine(_folder.FullName + mount.MountPath, file), text);
            foreach (var (key, value) in variables.Where(variable => variable.Value.StartsWith(mount.MountPath, StringComparison.Ordinal)).ToList()) variables[key] = _folder.FullName + value;
        }
        return variables;
    }

    private static IEnumerable<(string Key, string Value)> SecretOf(string name, string? key)
    {
        const string Database = "Host=127.0.0.1;Port=1;Database=app;Username=consent;Password=only-for-tests";
        const string Store = "DefaultEndpointsProtocol=https;AccountName=consent;AccountKey=b25seS1mb3ItdGVzdHM=;EndpointSuffix=core.windows.net";
        (string Key, string Value)[] values = name switch
        {
            "consent-migrate" => [("ConnectionStrings__Postgres", Database)],
            "consent-keys" => [("Encryption__Keys__0", new string('a', 64))],
            "consent-worker" => [("ConnectionStrings__Postgres", Database), ("Encryption__Keys__0", new string('a', 64)), ("Storage__ConnectionString", Store)],
            "consent-worker-database" => [("ConnectionStrings__Postgres", Database), ("Encryption__Keys__0", new string('a', 64))],
            "consent-edge" => [("Storage__ConnectionString", Store)],
            _ => throw new ArgumentException($"No value set has a Secret {name}.", nameof(name)),
        };
        return key is null ? values : values.Where(value => value.Key == key);
    }
}
