using k8s;
using k8s.Models;

namespace ConsentSnapshots.Deployment.Tests.Chart;

/// <summary>The objects that the chart makes of some values, read as strictly as Kubernetes does: an unknown field or a wrong type is an error.</summary>
internal sealed class RenderedChart
{
    /// <summary>Of the Prometheus operator, whose types the client does not have.</summary>
    private const string Operator = "apiVersion: monitoring.coreos.com/v1";

    private RenderedChart(string text)
    {
        Text = text;
        Documents = [.. $"\n{text}".Split("\n---\n", StringSplitOptions.RemoveEmptyEntries).Where(document => document.Contains("\nkind: ", StringComparison.Ordinal))];
        Objects = [.. Documents.Where(document => !document.Contains(Operator, StringComparison.Ordinal)).SelectMany(document => KubernetesYaml.LoadAllFromString(document, null, strict: true))
            .Cast<IKubernetesObject<V1ObjectMeta>>()];
    }

    /// <summary>The value sets, by name.</summary>
    public static TheoryData<string> ValueSets => [.. Directory.GetFiles(Tools.At("tests", "Deployment.Tests", "Values")).Select(file => Path.GetFileNameWithoutExtension(file)!).Order(StringComparer.Ordinal)];

    public string Text { get; }

    /// <summary>The YAML of each object.</summary>
    public IReadOnlyList<string> Documents { get; }

    public IReadOnlyList<IKubernetesObject<V1ObjectMeta>> Objects { get; }

    /// <summary>migrate, worker and edge, as far as there are.</summary>
    public IEnumerable<Pod> Pods => Objects.Select(Pod.Of).OfType<Pod>();

    public IEnumerable<T> Of<T>() where T : IKubernetesObject<V1ObjectMeta> => Objects.OfType<T>();

    public static string ChartFolder => Tools.At("charts", "consent-snapshots");

    public static string ValuesFile(string set) => Tools.At("tests", "Deployment.Tests", "Values", $"{set}.yaml");

    public static async Task<RenderedChart> OfAsync(string set, params string[] more)
    {
        var outcome = await TemplateAsync(["-f", ValuesFile(set), .. more]);
        Assert.True(outcome.ExitCode == 0, outcome.Error);
        return new RenderedChart(outcome.Output);
    }

    public static Task<Outcome> TemplateAsync(params string[] arguments) =>
        Tools.HelmAsync(["template", "consent", ChartFolder, "--namespace", "shop", .. arguments]);

    /// <summary>The environment that a container is started with, as the kubelet puts it together. Keys of Secrets are given by the caller.</summary>
    public Dictionary<string, string> EnvironmentOf(V1Container container, Func<string, string?, IEnumerable<(string Key, string Value)>> secret)
    {
        var variables = new Dictionary<string, string>();
        foreach (var from in container.EnvFrom ?? [])
        {
            if (from.ConfigMapRef is { } map)
                foreach (var (key, value) in Of<V1ConfigMap>().Single(candidate => candidate.Metadata.Name == map.Name).Data) variables[key] = value;
            if (from.SecretRef is { } keys)
                foreach (var (key, value) in secret(keys.Name, null)) variables[key] = value;
        }
        foreach (var variable in container.Env ?? [])
            variables[variable.Name] = variable.Value ?? secret(variable.ValueFrom.SecretKeyRef.Name, variable.ValueFrom.SecretKeyRef.Key).Single().Value;
        return variables;
    }
}

/// <summary>A pod that the chart runs.</summary>
internal sealed record Pod(IKubernetesObject<V1ObjectMeta> Owner, V1PodTemplateSpec Template)
{
    public string Component => Template.Metadata.Labels["app.kubernetes.io/component"];

    public V1PodSpec Spec => Template.Spec;

    /// <summary>Its only container.</summary>
    public V1Container Container => Assert.Single(Spec.Containers);

    /// <summary>Where its volume of a name is mounted, and how.</summary>
    public V1Volume Volume(string name) => Spec.Volumes.Single(volume => volume.Name == name);

    /// <summary>Whether a selector takes it.</summary>
    public bool IsSelectedBy(IEnumerable<KeyValuePair<string, string>> labels) => labels.All(label => Template.Metadata.Labels.TryGetValue(label.Key, out var value) && value == label.Value);

    /// <summary>The names of the Secrets that it is given, with the key; null for all keys.</summary>
    public IEnumerable<(string Secret, string? Key)> Secrets =>
        (Container.EnvFrom ?? []).Where(from => from.SecretRef is not null).Select(from => (from.SecretRef.Name, (string?)null))
            .Concat((Container.Env ?? []).Where(variable => variable.ValueFrom?.SecretKeyRef is not null)
                .Select(variable => (variable.ValueFrom.SecretKeyRef.Name, (string?)variable.ValueFrom.SecretKeyRef.Key)));

    public static Pod? Of(IKubernetesObject<V1ObjectMeta> owner) => owner switch
    {
        V1Deployment deployment => new Pod(owner, deployment.Spec.Template),
        V1Job job => new Pod(owner, job.Spec.Template),
        _ => null,
    };
}
