using ConsentSnapshots.Storage;
using Quartz;

namespace ConsentSnapshots.Worker.Settings;

/// <summary>When the service looks by itself, section <c>Schedule</c>. Times are Quartz cron expressions in UTC.</summary>
public sealed class ScheduleOptions
{
    /// <summary>The section's name.</summary>
    public const string Section = "Schedule";

    private const string CronRule = "a Quartz cron expression (seconds first) that fires again";

    /// <summary>
    /// When pending scopes are looked for although nobody signalled: the bound on a change whose notification was lost. More often costs
    /// one query. Default: every 10 seconds.
    /// </summary>
    public string Drain { get; set; } = "0/10 * * * * ?";

    /// <summary>
    /// When every scope of the source is compared with the store: the bound on damage to the store and on a change whose trigger failed.
    /// Costs a read of all destinations and a listing. Default: at 17 minutes past each hour.
    /// </summary>
    public string Reconcile { get; set; } = "0 17 * * * ?";

    /// <summary>How many scopes are built at once. More hides the store's latency; it is rarely the processor that limits. Default: 8.</summary>
    public int Parallelism { get; set; } = 8;

    /// <summary>The longest wait before a failed scope is tried again. Default: 5 minutes.</summary>
    public TimeSpan MaxRetryDelay { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>Reads the section and reports every rule that is broken to the reader.</summary>
    public static ScheduleOptions Read(SettingReader settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var unset = new ScheduleOptions();
        var options = new ScheduleOptions
        {
            Drain = settings.Text("Schedule:Drain", unset.Drain, IsCron, CronRule),
            Reconcile = settings.Text("Schedule:Reconcile", unset.Reconcile, IsCron, CronRule),
            Parallelism = (int)settings.Number("Schedule:Parallelism", unset.Parallelism, 1, 256),
            MaxRetryDelay = settings.Duration("Schedule:MaxRetryDelay", unset.MaxRetryDelay, TimeSpan.FromSeconds(1), TimeSpan.FromDays(1)),
        };
        settings.RefuseUnknown(Section);
        return options;
    }

    private static bool IsCron(string text)
    {
        try
        {
            return new CronExpression(text, TimeZoneInfo.Utc).GetNextValidTimeAfter(TimeProvider.System.GetUtcNow()) is not null;
        }
        catch (FormatException)
        {
            return false;
        }
    }
}
