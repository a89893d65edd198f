using System.Globalization;
using ConsentSnapshots.EdgeApi.Http;

namespace ConsentSnapshots.EdgeApi.Tests.Http;

public sealed class QueryCacheTests
{
    [Fact]
    public void Read_FloodOfQueries_StaysBoundedAndRight()
    {
        var cache = new QueryCache(100);
        for (var number = 0; number < 10_000; number++)
        {
            var query = cache.Read(string.Create(CultureInfo.InvariantCulture, $"?consent=marketing&_={number}"));
            Assert.Equal(8, query.Consent.Consent.Index);
            Assert.True(cache.Count <= 200);
        }
        Assert.Equal(4, cache.Read("?consent=measurement").Consent.Consent.Index);
    }

    [Fact]
    public void Read_LongQuery_IsNotKept()
    {
        var cache = new QueryCache();
        cache.Read($"?consent=marketing&x={new string('x', 300)}");
        Assert.Equal(0, cache.Count);
    }

    /// <summary>Those that are at hand are not counted: that would cost every request something.</summary>
    [Fact]
    public void Read_Again_IsNotParsedAgain()
    {
        var cache = new QueryCache();

        cache.Read("?consent=marketing");
        cache.Read("?consent=marketing");
        cache.Read("?consent=measurement");

        Assert.Equal((2, 2), (cache.Parsed, cache.Count));
    }
}
