using System.Globalization;
using System.Text.Json;
using k8s.Models;

namespace ConsentSnapshots.Deployment.Tests.Chart;

/// <summary>What the chart makes of each set of values in <c>Values</c>.</summary>
public sealed class ChartObjectTests
{
    public static TheoryData<string> ValueSets => RenderedChart.ValueSets;

    [Theory]
    [MemberData(nameof(ValueSets))]
    public async Task Lint_ValueSet_HasNothingToSay(string set)
    {
        var outcome = await Tools.HelmAsync("lint", "--strict", RenderedChart.ChartFolder, "-f", RenderedChart.ValuesFile(set));

        Assert.True(outcome.ExitCode == 0, outcome.Everything);
        Assert.Contains("1 chart(s) linted, 0 chart(s) failed", outcome.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("WARNING", outcome.Everything, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(ValueSets))]
    public async Task Template_ValueSet_IsAsBefore(string set) => Golden.Check($"{set}.yaml", (await RenderedChart.OfAsync(set)).Text);

    /// <summary>Kubernetes' own schemas, with what is required and which words there are.</summary>
    [Theory]
    [MemberData(nameof(ValueSets))]
    public async Task Template_EveryObject_FollowsItsSchema(string set)
    {
        var chart = await RenderedChart.OfAsync(set);

        var outcome = await Tools.RunAsync("node", ["validate.js"], chart.Text, Tools.At("tests", "Deployment.Tests", "tools"));

        Assert.True(outcome.ExitCode == 0, outcome.Everything);
        Assert.Equal($"{chart.Documents.Count} objects follow their schemas\n", outcome.Output);
    }

    [Theory]
    [MemberData(nameof(ValueSets))]
    public async Task Pods_Always_HaveNoMoreRightsThanTheyNeed(string set)
    {
        foreach (var pod in (await RenderedChart.OfAsync(set)).Pods)
        {
            var (security, container) = (pod.Spec.SecurityContext, pod.Container.SecurityContext);
            Assert.True(security.RunAsNonRoot);
            Assert.Equal((1654, 1654, 1654), (security.RunAsUser!.Value, security.RunAsGroup!.Value, security.FsGroup!.Value));
            Assert.Equal("RuntimeDefault", security.SeccompProfile.Type);
            Assert.True(container.ReadOnlyRootFilesystem);
            Assert.False(container.AllowPrivilegeEscalation);
            Assert.Equal(["ALL"], container.Capabilities.Drop);
            Assert.Null(container.Capabilities.Add);
            Assert.False(pod.Spec.AutomountServiceAccountToken);
            Assert.False(pod.Spec.EnableServiceLinks);
            Assert.NotEmpty(pod.Container.Resources.Requests);
            Assert.Contains("memory", pod.Container.Resources.Limits.Keys);
        }
    }

    [Theory]
    [MemberData(nameof(ValueSets))]
    public async Task Accounts_EachComponent_HasOneOfItsOwn(string set)
    {
        var chart = await RenderedChart.OfAsync(set);
        var accounts = chart.Pods.Select(pod => pod.Spec.ServiceAccountName).ToList();

        Assert.Equal(accounts.Distinct(), accounts);
        Assert.DoesNotContain("default", accounts);
        foreach (var account in chart.Of<V1ServiceAccount>())
        {
            var pod = Assert.Single(chart.Pods, pod => pod.Spec.ServiceAccountName == account.Metadata.Name);
            Assert.False(account.AutomountServiceAccountToken);
            // The webhook looks for the label at the pod and for the id at the account.
            Assert.Equal(
                account.Metadata.Annotations?.ContainsKey("azure.workload.identity/client-id") == true,
                pod.Template.Metadata.Labels.TryGetValue("azure.workload.identity/use", out var use) && use == "true");
        }
    }

    /// <summary>The Job runs before the release's own objects exist.</summary>
    [Theory]
    [InlineData("azure-identity")]
    [InlineData("azure-secrets")]
    [InlineData("everything")]
    public async Task Migrate_BeforeTheRelease_NeedsNothingOfIt(string set)
    {
        var chart = await RenderedChart.OfAsync(set);
        var migrate = chart.Pods.Single(pod => pod.Component == "migrate");

        Assert.Null(migrate.Container.EnvFrom);
        Assert.All(migrate.Spec.Volumes, volume => Assert.NotNull(volume.EmptyDir));
        var account = chart.Of<V1ServiceAccount>().Single(account => account.Metadata.Name == migrate.Spec.ServiceAccountName);
        Assert.Equal("pre-install,pre-upgrade", account.Metadata.Annotations["helm.sh/hook"]);
        Assert.True(Weight(account.Metadata) < Weight(migrate.Owner.Metadata));
        Assert.DoesNotContain("helm.sh/hook", chart.Pods.Where(pod => pod != migrate).SelectMany(pod => pod.Owner.Metadata.Annotations?.Keys ?? []));

        static int Weight(V1ObjectMeta metadata) => int.Parse(metadata.Annotations["helm.sh/hook-weight"], CultureInfo.InvariantCulture);
    }

    [Fact]
    public async Task Secrets_OneForEachComponent_AreSeenByNoOther()
    {
        var secrets = (await RenderedChart.OfAsync("azure-secrets")).Pods.ToDictionary(pod => pod.Component, pod => pod.Secrets.ToArray());

        Assert.Equal([("consent-migrate", "ConnectionStrings__Postgres")], secrets["migrate"]);
        Assert.Equal([("consent-worker", null)], secrets["worker"]);
        Assert.Equal([("consent-edge", "Storage__ConnectionString")], secrets["edge"]);
    }

    [Fact]
    public async Task Identities_Only_NeedNoSecretButTheKeys()
    {
        var chart = await RenderedChart.OfAsync("azure-identity");

        Assert.Equal([("consent-keys", (string?)null)], chart.Pods.SelectMany(pod => pod.Secrets));
        Assert.DoesNotContain("Password", chart.Text, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [MemberData(nameof(ValueSets))]
    public async Task Worker_GracePeriod_IsLongerThanItsOwn(string set)
    {
        var chart = await RenderedChart.OfAsync(set);
        foreach (var pod in chart.Pods.Where(pod => pod.Component == "worker"))
        {
            var timeout = TimeSpan.Parse(chart.EnvironmentOf(pod.Container, (_, _) => [])["Worker__ShutdownTimeout"], CultureInfo.InvariantCulture);

            Assert.True(pod.Spec.TerminationGracePeriodSeconds >= timeout.TotalSeconds + 5, $"{pod.Spec.TerminationGracePeriodSeconds} s for a worker that takes {timeout}");
        }
    }

    [Theory]
    [MemberData(nameof(ValueSets))]
    public async Task Edge_VolumeAndMemory_HaveRoomBesideWhatItsSettingsAllow(string set)
    {
        var chart = await RenderedChart.OfAsync(set);
        foreach (var pod in chart.Pods.Where(pod => pod.Component == "edge"))
        {
            var settings = chart.EnvironmentOf(pod.Container, (_, _) => [("x", "x")]);
            var (disk, memory) = (decimal.Parse(settings["Edge__CacheDirectoryBytes"], CultureInfo.InvariantCulture), decimal.Parse(settings["Edge__MemoryBytes"], CultureInfo.InvariantCulture));

            Assert.Equal("/cache", settings["Edge__CacheDirectory"]);
            Assert.Equal("/cache", pod.Container.VolumeMounts.Single(mount => mount.Name == "cache").MountPath);
            Assert.True(pod.Volume("cache").EmptyDir.SizeLimit.ToDecimal() >= disk * 1.25m, "a pod whose volume outgrows its limit is evicted");
            Assert.True(pod.Container.Resources.Limits["memory"].ToDecimal() >= memory + (150 << 20), "the program comes on top of its budget");
            // It stops answering only when load balancers know, and has time for that.
            Assert.True(pod.Spec.TerminationGracePeriodSeconds >= pod.Container.Lifecycle.PreStop.Sleep.Seconds + 30);
        }
    }

    /// <summary>Names that nothing has are the usual mistake: a port, a selector, a claim, a ConfigMap.</summary>
    [Theory]
    [MemberData(nameof(ValueSets))]
    public async Task References_Always_LeadSomewhere(string set)
    {
        var chart = await RenderedChart.OfAsync(set);
        var (pods, services) = (chart.Pods.ToList(), chart.Of<V1Service>().ToList());

        foreach (var pod in pods)
        {
            var ports = (pod.Container.Ports ?? []).Select(port => port.Name).ToHashSet();
            foreach (var probe in new[] { pod.Container.LivenessProbe, pod.Container.ReadinessProbe }.OfType<V1Probe>()) Assert.Contains(probe.HttpGet.Port.Value, ports);
            Assert.Equal(pod.Spec.Volumes.Select(volume => volume.Name).Order(), pod.Container.VolumeMounts.Select(mount => mount.Name).Order());
            foreach (var volume in pod.Spec.Volumes)
            {
                if (volume.ConfigMap is { } map) Assert.Contains(chart.Of<V1ConfigMap>(), candidate => candidate.Metadata.Name == map.Name);
                if (volume.PersistentVolumeClaim is { } claim) Assert.Contains(chart.Of<V1PersistentVolumeClaim>(), candidate => candidate.Metadata.Name == claim.ClaimName);
            }
            if (pod.Owner is V1Deployment deployment)
            {
                Assert.True(pod.IsSelectedBy(deployment.Spec.Selector.MatchLabels));
                Assert.Equal(pod, Assert.Single(pods, other => other.IsSelectedBy(deployment.Spec.Selector.MatchLabels)));
                foreach (var spread in pod.Spec.TopologySpreadConstraints) Assert.True(pod.IsSelectedBy(spread.LabelSelector.MatchLabels));
            }
        }
        foreach (var service in services)
        {
            var pod = Assert.Single(pods, pod => pod.IsSelectedBy(service.Spec.Selector));
            foreach (var port in service.Spec.Ports) Assert.Contains(pod.Container.Ports, candidate => candidate.Name == port.TargetPort.Value);
        }
        foreach (var path in chart.Of<V1Ingress>().SelectMany(ingress => ingress.Spec.Rules).SelectMany(rule => rule.Http.Paths))
        {
            var service = services.Single(service => service.Metadata.Name == path.Backend.Service.Name);
            Assert.Contains(service.Spec.Ports, port => port.Name == path.Backend.Service.Port.Name);
        }
        foreach (var budget in chart.Of<V1PodDisruptionBudget>())
        {
            var pod = Assert.Single(pods, pod => pod.IsSelectedBy(budget.Spec.Selector.MatchLabels));
            Assert.True(ReplicasOf(chart, pod) > 1, "a budget of one replica keeps nothing up, or a node from being drained");
        }
        foreach (var scaler in chart.Of<V2HorizontalPodAutoscaler>())
        {
            var deployment = chart.Of<V1Deployment>().Single(deployment => deployment.Metadata.Name == scaler.Spec.ScaleTargetRef.Name);
            Assert.Null(deployment.Spec.Replicas); // an upgrade must not set back what the scaler decided
            Assert.Contains("cpu", deployment.Spec.Template.Spec.Containers[0].Resources.Requests.Keys);
        }
        foreach (var policy in chart.Of<V1NetworkPolicy>())
        {
            var pod = Assert.Single(pods, pod => pod.IsSelectedBy(policy.Spec.PodSelector.MatchLabels));
            foreach (var port in (policy.Spec.Ingress ?? []).SelectMany(rule => rule.Ports)) Assert.Contains(pod.Container.Ports, candidate => candidate.Name == port.Port.Value);
        }
    }

    /// <summary>Two components that have several replicas survive the loss of a node.</summary>
    [Fact]
    public async Task Replicas_ByDefault_AreTwoWithABudgetAndSpread()
    {
        var chart = await RenderedChart.OfAsync("azure-identity");

        Assert.Equal([2, 2], chart.Of<V1Deployment>().Select(deployment => deployment.Spec.Replicas ?? 0));
        Assert.Equal(2, chart.Of<V1PodDisruptionBudget>().Count());
        foreach (var deployment in chart.Of<V1Deployment>())
            Assert.Equal(["topology.kubernetes.io/zone", "kubernetes.io/hostname"], deployment.Spec.Template.Spec.TopologySpreadConstraints.Select(spread => spread.TopologyKey));
    }

    /// <summary>Two writers of a directory would publish past each other, also for the moment of an update.</summary>
    [Fact]
    public async Task SelfHosted_Worker_IsOneAlsoDuringAnUpdate()
    {
        var chart = await RenderedChart.OfAsync("self-hosted");
        var worker = chart.Of<V1Deployment>().Single(deployment => deployment.Metadata.Name.EndsWith("-worker", StringComparison.Ordinal));

        Assert.Equal((1, "Recreate"), (worker.Spec.Replicas, worker.Spec.Strategy.Type));
        Assert.Empty(chart.Of<V1PodDisruptionBudget>());
        Assert.Equal("keep", Assert.Single(chart.Of<V1PersistentVolumeClaim>()).Metadata.Annotations["helm.sh/resource-policy"]);
        var edge = chart.Pods.Single(pod => pod.Component == "edge");
        Assert.True(edge.Container.VolumeMounts.Single(mount => mount.Name == "data").ReadOnlyProperty);
        using var destinations = JsonDocument.Parse(chart.Of<V1ConfigMap>().Single(map => map.Data.ContainsKey("destinations.json")).Data["destinations.json"]);
        Assert.Equal("acme", destinations.RootElement.GetProperty("organizations")[0].GetProperty("id").GetString());
    }

    /// <summary>What is not needed is cut; health and metrics are for those who measure.</summary>
    [Fact]
    public async Task NetworkPolicies_Everything_LetThroughWhatEachComponentNeeds()
    {
        var policies = (await RenderedChart.OfAsync("everything")).Of<V1NetworkPolicy>().ToDictionary(policy => policy.Spec.PodSelector.MatchLabels["app.kubernetes.io/component"]);

        Assert.All(policies.Values, policy => Assert.Equal(["Ingress", "Egress"], policy.Spec.PolicyTypes));
        Assert.Equal(["metrics from monitoring"], Into("worker"));
        Assert.Equal(["http from ingress-nginx and worker"], Into("edge"));
        Assert.Empty(Into("migrate"));
        Assert.Equal("53 53, 5432 6432, 443, http, 4317", OutOf("worker"));
        Assert.Equal("53 53, 443, 4317", OutOf("edge"));
        Assert.Equal("53 53, 5432 6432, 4317", OutOf("migrate"));

        string[] Into(string component) => [.. (policies[component].Spec.Ingress ?? []).Select(rule =>
            $"{rule.Ports.Single().Port.Value} from {string.Join(" and ", rule.FromProperty.Select(peer => peer.NamespaceSelector?.MatchLabels["kubernetes.io/metadata.name"] ?? peer.PodSelector.MatchLabels["app.kubernetes.io/component"]))}")];
        string OutOf(string component) => string.Join(", ", policies[component].Spec.Egress.Select(rule => string.Join(' ', rule.Ports.Select(port => port.Port.Value))));
    }

    private static int ReplicasOf(RenderedChart chart, Pod pod) =>
        chart.Of<V2HorizontalPodAutoscaler>().SingleOrDefault(scaler => scaler.Spec.ScaleTargetRef.Name == pod.Owner.Metadata.Name)?.Spec.MinReplicas
            ?? ((V1Deployment)pod.Owner).Spec.Replicas!.Value;
}
