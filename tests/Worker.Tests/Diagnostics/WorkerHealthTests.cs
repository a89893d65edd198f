using ConsentSnapshots.Worker.Diagnostics;

namespace ConsentSnapshots.Worker.Tests.Diagnostics;

public sealed class WorkerHealthTests
{
    [Fact]
    public void Check_NothingWrong_IsLiveAndReady()
    {
        var health = new WorkerHealth([new Part()]);

        Assert.Equal(("live", true, 0), Shape(health.Live()));
        Assert.Equal(("ready", true, 0), Shape(health.Ready()));
    }

    [Fact]
    public void Check_Warning_IsReadyAndSaysIt()
    {
        var health = new WorkerHealth([new Part(new HealthFinding(HealthSeverity.Warning, "The triggers are weaker."))]);

        Assert.Equal(("live", true, 0), Shape(health.Live()));
        Assert.Equal(("degraded", true, 1), Shape(health.Ready()));
        Assert.Equal("The triggers are weaker.", health.Ready().Reasons[0]);
    }

    /// <summary>A restart brings no database back, so liveness says nothing of it.</summary>
    [Fact]
    public void Check_NotReady_IsLive()
    {
        var health = new WorkerHealth([new Part(new HealthFinding(HealthSeverity.Warning, "b")), new Part(new HealthFinding(HealthSeverity.NotReady, "a"))]);

        Assert.Equal(("live", true, 0), Shape(health.Live()));
        Assert.Equal(("not-ready", false, 2), Shape(health.Ready()));
        Assert.Equal(["a", "b"], health.Ready().Reasons);
    }

    [Fact]
    public void Check_NotLive_IsNeitherLiveNorReady()
    {
        var health = new WorkerHealth([new Part(new HealthFinding(HealthSeverity.NotLive, "The loop has ended."))]);

        Assert.Equal(("not-live", false, 1), Shape(health.Live()));
        Assert.Equal(("not-ready", false, 1), Shape(health.Ready()));
    }

    [Fact]
    public void Check_ReasonWithACredential_MasksIt()
    {
        var health = new WorkerHealth([new Part(new HealthFinding(HealthSeverity.NotReady, "Host=db;Password=hunter2;Username=x\u001b[2J"))]);

        var reason = Assert.Single(health.Ready().Reasons);
        Assert.DoesNotContain("hunter2", reason, StringComparison.Ordinal);
        Assert.DoesNotContain(reason, char.IsControl);
    }

    private static (string, bool, int) Shape(HealthReport report) => (report.Status, report.IsGood, report.Reasons.Length);

    private sealed class Part(params HealthFinding[] findings) : IHealthPart
    {
        public IEnumerable<HealthFinding> Check() => findings;
    }
}
