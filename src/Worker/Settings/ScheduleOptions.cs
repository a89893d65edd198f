using ConsentSnapshots.Storage;
using Quartz;

namespace ConsentSnapshots.Worker.Settings;

/// <summary>When the service looks by itself, section <c>Schedule</c>. Times are Quartz cron expressions in UTC.</summary>
public sealed class ScheduleOptions
{
    /// <summary>The section's name.</summary>
    public const string Section = "Schedule";

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

    /// <summary>Every rule that is broken: key, rule, actual value.</summary>
    public IEnumerable<string> Problems()
    {
        foreach (var (key, cron) in new[] { (nameof(Drain), Drain), (nameof(Reconcile), Reconcile) })
            if (!IsCron(cron)) yield return $"Schedule:{key} must be a Quartz cron expression (seconds first) that fires again; it is {Redaction.Show(cron)}.";
        if (Parallelism is < 1 or > 256) yield return $"Schedule:Parallelism must be 1 to 256; it is {Parallelism}.";
        if (MaxRetryDelay < TimeSpan.FromSeconds(1) || MaxRetryDelay > TimeSpan.FromDays(1))
            yield return $"Schedule:MaxRetryDelay must be 00:00:01 to 1.00:00:00; it is {MaxRetryDelay}.";
    }

    private static bool IsCron(string? text)
    {
        if (string.IsNullOrWhiteSpace(text)) return false;
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
