using ConsentSnapshots.Storage;

namespace ConsentSnapshots.Worker.Settings;

/// <summary>The service as a process, section <c>Worker</c>: where it answers probes, and how long it takes to stop.</summary>
public sealed class WorkerOptions
{
    /// <summary>The section's name.</summary>
    public const string Section = "Worker";

    private const string Off = "off";

    /// <summary>
    /// The <c>http</c> URL on which <c>/health/live</c>, <c>/health/ready</c> and <c>/metrics</c> are served; <c>off</c> serves them nowhere. The answers name no tenant, but they are for
    /// operators alone, so the default is reachable from this machine only. In a container, set <c>http://*:9464</c>. Default: <c>http://127.0.0.1:9464</c>.
    /// </summary>
    public string Url { get; set; } = "http://127.0.0.1:9464";

    /// <summary>
    /// The time from the signal to stop until the process has ended. Keep it below what ends the process by force (Kubernetes: <c>terminationGracePeriodSeconds</c>, 30 by default).
    /// A part of it is for giving back the scopes in hand, so very short times make other workers wait two seconds for them. Default: 25 seconds.
    /// </summary>
    public TimeSpan ShutdownTimeout { get; set; } = TimeSpan.FromSeconds(25);

    /// <summary><see cref="Url"/>; null where nothing is served.</summary>
    internal Uri? ListenUrl => string.Equals(Url.Trim(), Off, StringComparison.OrdinalIgnoreCase) ? null : Storage.ListenUrl.Parse(Url);

    /// <summary>Reads the section and reports every rule that is broken to the reader.</summary>
    public static WorkerOptions Read(SettingReader settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var unset = new WorkerOptions();
        var options = new WorkerOptions
        {
            Url = settings.Text("Worker:Url", unset.Url, IsUrl, "an http URL with a host and a port and nothing else, such as http://127.0.0.1:9464 or http://*:9464, or off"),
            ShutdownTimeout = settings.Duration("Worker:ShutdownTimeout", unset.ShutdownTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10)),
        };
        settings.RefuseUnknown(Section);
        return options;
    }

    private static bool IsUrl(string text) => string.Equals(text, Off, StringComparison.OrdinalIgnoreCase) || Storage.ListenUrl.IsValid(text);
}
