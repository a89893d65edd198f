using ConsentSnapshots.Worker.Diagnostics;
using Microsoft.Extensions.Time.Testing;

namespace ConsentSnapshots.Worker.Tests.Diagnostics;

public sealed class OutageTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void Fails_EachSecondForAnHour_SaysItOnceAMinute()
    {
        var outage = new Outage(_time);
        var said = 0;
        for (var second = 0; second < 3600; second++)
        {
            if (outage.Fails(new IOException("down"))) said++;
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(60, said);
        Assert.Equal(TimeSpan.FromHours(1), outage.Ends());
        Assert.Null(outage.Ends());
    }

    [Fact]
    public void Fails_ForAnotherCause_SaysItAtOnce()
    {
        var outage = new Outage(_time);

        Assert.True(outage.Fails(new IOException("down")));
        Assert.False(outage.Fails(new IOException("down")));
        Assert.True(outage.Fails(new InvalidOperationException("a fault of ours")));
    }

    [Fact]
    public void Fails_AfterItWasOver_SaysItAgain()
    {
        var outage = new Outage(_time);
        outage.Fails(new IOException("down"));
        outage.Ends();

        Assert.True(outage.Fails(new IOException("down")));
    }
}
