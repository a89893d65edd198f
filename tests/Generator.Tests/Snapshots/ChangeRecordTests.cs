using System.Text;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Generator.Tests.Snapshots;

public sealed class ChangeRecordTests
{
    private static ChangeRecord Record(string organization, int version = int.MaxValue) => new(organization, "development", version, Guid.AllBitsSet);

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
    public void Read_PartialRecord_IsLeft()
    {
        byte[] log = [.. Record("a").ToBytes(), .. Record("b").ToBytes().AsSpan(0, 100)];
        Assert.Single(ChangeRecord.Read(log, out var unreadable));
        Assert.Equal(0, unreadable);
    }
}
