using System.Text;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;

namespace ConsentSnapshots.Generator.Tests.Formats;

public sealed class ChangeRecordTests
{
    private static ChangeRecord Record(string organization, int version = int.MaxValue) => new(organization, "development", version, DateTimeOffset.MaxValue, DateTimeOffset.MaxValue);

    [Fact]
    public void ToBytes_LongestScope_FitsARecord()
    {
        var bytes = Record(new string('o', OrganizationId.MaxLength)).ToBytes();
        Assert.Equal(ChangeRecord.Length, bytes.Length);
        Assert.Equal((byte)'\n', bytes[^1]);
        Assert.Equal(new string('o', OrganizationId.MaxLength) + "/development", ChangeRecord.Read(bytes, out _).Single().Scope.ToString());
    }

    [Fact]
    public void Read_BadRecordBetweenGoodOnes_IsCounted()
    {
        var bad = Encoding.UTF8.GetBytes(new string('x', ChangeRecord.Length));
        byte[] log = [.. Record("a").ToBytes(), .. bad, .. Record("b").ToBytes()];
        Assert.Equal(["a", "b"], ChangeRecord.Read(log, out var unreadable).Select(change => change.Scope.Organization.Value));
        Assert.Equal(1, unreadable);
    }

    [Fact]
    public void Read_Times_AreThoseOfTheWire()
    {
        var (changed, published) = (new DateTimeOffset(2026, 3, 1, 10, 0, 0, 123, TimeSpan.Zero), new DateTimeOffset(2026, 3, 1, 10, 0, 1, TimeSpan.Zero));

        var read = ChangeRecord.Read([.. (Record("a", 7) with { ChangedAt = changed, PublishedAt = published }).ToBytes(), .. (Record("b") with { ChangedAt = null }).ToBytes()], out _);

        Assert.Equal((7, changed, published), (read[0].Version, read[0].ChangedAt, read[0].PublishedAt));
        Assert.Null(read[1].ChangedAt);
    }

    [Fact]
    public void Read_PartialRecord_IsLeft()
    {
        byte[] log = [.. Record("a").ToBytes(), .. Record("b").ToBytes().AsSpan(0, 100)];
        Assert.Single(ChangeRecord.Read(log, out var unreadable));
        Assert.Equal(0, unreadable);
    }
}
