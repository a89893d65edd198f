using ConsentSnapshots.Generator.Formats;

namespace ConsentSnapshots.Generator.Tests.Formats;

public sealed class SnapshotHashTests
{
    /// <summary>The empty input's XXH3 128-bit value, from the algorithm's reference implementation.</summary>
    [Fact]
    public void Of_Empty_IsTheReferenceValue() => Assert.Equal("99aa06d3014798d86001c324468d497f", SnapshotHash.Of([]).ToString());

    [Fact]
    public void TryParse_OwnText_IsTheSame()
    {
        var hash = SnapshotHash.Of("x"u8);
        Assert.True(SnapshotHash.TryParse(hash.ToString(), out var parsed));
        Assert.Equal(hash, parsed);
        Assert.Equal(0, hash.CompareTo(parsed));
    }

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    [InlineData("99aa06d3014798d86001c324468d497")]
    [InlineData("99AA06D3014798D86001C324468D497F")]
    [InlineData("99aa06d3014798d86001c324468d497g")]
    public void TryParse_Otherwise_IsFalse(string? text) => Assert.False(SnapshotHash.TryParse(text, out _));
}
