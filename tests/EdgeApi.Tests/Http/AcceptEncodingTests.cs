using ConsentSnapshots.EdgeApi.Http;
using Microsoft.Extensions.Primitives;

namespace ConsentSnapshots.EdgeApi.Tests.Http;

public sealed class AcceptEncodingTests
{
    [Theory]
    [InlineData(null, "Identity")]
    [InlineData("", "Identity")]
    [InlineData("identity", "Identity")]
    [InlineData("gzip", "Gzip")]
    [InlineData("GZIP", "Gzip")]
    [InlineData("x-gzip", "Gzip")]
    [InlineData("br", "Brotli")]
    [InlineData("gzip, deflate, br, zstd", "Brotli")]
    [InlineData("br;q=0.5, gzip;q=0.8", "Gzip")]
    [InlineData("br;q=0.800, gzip;q=0.8", "Brotli")]
    [InlineData("br ; q=0.1 , gzip ;Q=0.2", "Gzip")]
    [InlineData("gzip;q=0.1", "Gzip")]
    [InlineData("gzip;q=0.5, identity", "Identity")]
    [InlineData("identity;q=0.5, gzip;q=0.5", "Gzip")]
    [InlineData("gzip;q=0", "Identity")]
    [InlineData("deflate", "Identity")]
    [InlineData("*", "Brotli")]
    [InlineData("br;q=0, *", "Gzip")]
    [InlineData("*;q=0, gzip", "Gzip")]
    [InlineData("*;q=0, identity", "Identity")]
    [InlineData("gzip;q=2", "Identity")]
    [InlineData("gzip;q=-1, br;q=x", "Identity")]
    [InlineData("gzip;level=9", "Identity")]
    [InlineData(",, ,", "Identity")]
    [InlineData("identity;q=0, br", "Brotli")]
    public void TryChoose_Acceptable_TakesTheHeaviest(string? header, string expected)
    {
        Assert.True(AcceptEncoding.TryChoose(header is null ? StringValues.Empty : new StringValues(header), out var coding));
        Assert.Equal(expected, coding.ToString());
    }

    [Theory]
    [InlineData("identity;q=0")]
    [InlineData("*;q=0")]
    [InlineData("identity;q=0.000, br;q=0, zstd")]
    [InlineData("*;q=0, zstd")]
    public void TryChoose_AllRefused_IsFalse(string header) => Assert.False(AcceptEncoding.TryChoose(new StringValues(header), out _));

    [Fact]
    public void TryChoose_SeveralHeaders_ReadsThemAsOne()
    {
        Assert.True(AcceptEncoding.TryChoose(new StringValues(["gzip;q=0.2", "br;q=0.1"]), out var coding));
        Assert.Equal("Gzip", coding.ToString());
    }
}
