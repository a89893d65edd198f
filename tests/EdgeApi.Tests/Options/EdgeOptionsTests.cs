using System.Diagnostics;
using ConsentSnapshots.EdgeApi.Options;
using ConsentSnapshots.EdgeApi.Tests.Support;
using Microsoft.Extensions.Configuration;

namespace ConsentSnapshots.EdgeApi.Tests.Options;

public sealed class EdgeOptionsTests
{
    private static EdgeOptions Read(params (string Key, string Value)[] settings) =>
        EdgeOptions.Read(new ConfigurationBuilder().AddInMemoryCollection(
            settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value))).Build());

    private static string Problem(params (string Key, string Value)[] settings) =>
        Assert.Single(Assert.Throws<InvalidOptionsException>(() => Read([("Storage:Provider", "directory"), ("Storage:Directory", "/data"), .. settings])).Problems);

    [Fact]
    public void Read_OnlyWhatIsRequired_HasTheDocumentedDefaults()
    {
        var options = Read(("Storage:Provider", "directory"), ("Storage:Directory", "/data"));
        Assert.Equal(EdgeMode.Inline, options.Mode);
        Assert.Equal(TimeSpan.FromMilliseconds(100), options.PollInterval);
        Assert.False(options.SharedQueryCache);
        Assert.Equal("consent-snapshots-history", options.Storage.HistoryContainer);
        Assert.Equal("consent-snapshots", options.Storage.Container);
        Assert.Equal("consent-snapshots-private", options.Storage.PrivateContainer);
        Assert.Null(options.Organization);
        Assert.Null(options.CacheDirectory);
    }

    [Theory]
    [InlineData("Edge:Mode", "proxy", "Edge:Mode must be inline or redirect; it is 'proxy'.")]
    [InlineData("Edge:Mode", "redirect", "Storage:PublicBaseUrl must be the public container's address while Edge:Mode is redirect; it is not set.")]
    [InlineData("Edge:PollInterval", "soon", "Edge:PollInterval must be a duration (hh:mm:ss.fff) from 00:00:00.0100000 to 00:01:00; it is 'soon'.")]
    [InlineData("Edge:PollInterval", "00:00:00", "Edge:PollInterval must be a duration (hh:mm:ss.fff) from 00:00:00.0100000 to 00:01:00; it is '00:00:00'.")]
    [InlineData("Edge:MemoryBytes", "-1", "Edge:MemoryBytes must be a whole number from 1048576 to 1099511627776; it is '-1'.")]
    [InlineData("Edge:Environment", "qa", "Edge:Environment must be development, staging or production; it is 'qa'.")]
    [InlineData("Edge:CacheDirectory", "/data/cache", "Edge:CacheDirectory must not lie within Storage:Directory ('/data'); it is '/data/cache'.")]
    [InlineData("Storage:PublicBaseUrl", "cdn.example", "Storage:PublicBaseUrl must be an absolute http or https address without query, fragment or user information; it is 'cdn.example'.")]
    [InlineData("Storage:PublicBaseUrl", "https://u:secret@cdn.example/?sig=secret",
        "Storage:PublicBaseUrl must be an absolute http or https address without query, fragment or user information; it is 'https://cdn.example/'.")]
    public void Read_OneBadSetting_SaysKeyLimitAndValue(string key, string value, string expected) => Assert.Equal(expected, Problem((key, value)));

    [Theory]
    [InlineData("Edge:Organization", "-acme", "Edge:Organization is not an organization id.")]
    [InlineData("Edge:SharedQueryCache", "perhaps", "Edge:SharedQueryCache must be true or false; it is 'perhaps'.")]
    [InlineData("Edge:PolInterval", "00:00:01", "Edge:PolInterval is not a setting of the edge; there are Edge:CacheDirectory, ")]
    public void Read_OneBadSetting_SaysWhatIsAllowed(string key, string value, string expected) =>
        Assert.StartsWith(expected, Problem((key, value)), StringComparison.Ordinal);

    [Fact]
    public void Read_Nothing_AsksForTheDirectory() =>
        Assert.Equal(["Storage:Directory must be the path of the store while Storage:Provider is directory; it is not set."], Assert.Throws<InvalidOptionsException>(() => Read()).Problems);

    [Fact]
    public void Read_AzureWithNeither_AsksForOne() =>
        Assert.Equal(["Storage:ConnectionString or Storage:ServiceUri, exactly one of them, must be set while Storage:Provider is azure; neither is."],
            Assert.Throws<InvalidOptionsException>(() => Read(("Storage:Provider", "azure"))).Problems);

    [Fact]
    public void Read_ManyBadSettings_NamesThemAllAndNoSecret()
    {
        var exception = Assert.Throws<InvalidOptionsException>(() => Read(
            ("Storage:Provider", "azure"), ("Storage:ConnectionString", "AccountKey=hunter2hunter2"), ("Storage:Container", "UPPER"),
            ("Storage:PrivateContainer", "a--b"), ("Edge:Mode", "x"), ("Edge:LoadTimeout", "x"), ("Edge:ConcurrentLoads", "0")));
        Assert.Equal(6, exception.Problems.Length);
        foreach (var key in new[] { "Storage:ConnectionString", "Storage:Container", "Storage:PrivateContainer", "Edge:Mode", "Edge:LoadTimeout", "Edge:ConcurrentLoads" })
            Assert.Contains(exception.Problems, problem => problem.StartsWith(key, StringComparison.Ordinal));
        Assert.DoesNotContain("hunter2", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Build_CacheDirectoryCannotBeWritten_RefusesToStart()
    {
        var file = Path.GetTempFileName();
        try
        {
            var exception = Assert.Throws<InvalidOptionsException>(() => TestEdge.Build(
                null, ("Storage:Directory", "/data"), ("Edge:CacheDirectory", Path.Combine(file, "cache"))));
            Assert.StartsWith("Edge:CacheDirectory must be a directory this process can write;", Assert.Single(exception.Problems), StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task Program_BadSettings_ExitsWith2AndListsThem()
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "consent-edge"), ["--Edge:Mode=x", "--Storage:Provider=y", "--urls=http://127.0.0.1:0"])
        {
            RedirectStandardError = true,
        };
        foreach (var key in start.Environment.Keys.Where(key => key.Contains("__", StringComparison.Ordinal)).ToList()) start.Environment.Remove(key);
        using var process = Process.Start(start)!;
        var errors = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(2, process.ExitCode);
        Assert.Contains("Edge:Mode must be inline or redirect; it is 'x'.", errors, StringComparison.Ordinal);
        Assert.Contains("Storage:Provider must be azure or directory; it is 'y'.", errors, StringComparison.Ordinal);
    }
}
