using System.Diagnostics;
using ConsentSnapshots.EdgeApi.Settings;
using Microsoft.Extensions.Configuration;

namespace ConsentSnapshots.EdgeApi.Tests.Settings;

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
        Assert.Null(options.BoundScope);
        Assert.Null(options.Scopes);
        Assert.Empty(options.Origins);
        Assert.Null(options.CacheDirectory);
    }

    [Theory]
    [InlineData("Edge:Mode", "proxy", "Edge:Mode must be inline or redirect; it is 'proxy'.")]
    [InlineData("Edge:Mode", "redirect", "Storage:PublicBaseUrl must be the public container's address while Edge:Mode is redirect; it is not set.")]
    [InlineData("Edge:PollInterval", "soon", "Edge:PollInterval must be a duration (hh:mm:ss.fff) from 00:00:00.01 to 00:01:00; it is 'soon'.")]
    [InlineData("Edge:PollInterval", "00:00:00", "Edge:PollInterval must be a duration (hh:mm:ss.fff) from 00:00:00.01 to 00:01:00; it is '00:00:00'.")]
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
    [InlineData("Edge:PolInterval", "00:00:01", "Edge:PolInterval is not a setting; there are Edge:CacheDirectory, ")]
    public void Read_OneBadSetting_SaysWhatIsAllowed(string key, string value, string expected) =>
        Assert.StartsWith(expected, Problem((key, value)), StringComparison.Ordinal);

    [Theory]
    [InlineData("acme", "acme/development acme/production acme/staging")]
    [InlineData("globex/production", "globex/production")]
    [InlineData(" acme/staging ,globex/production,acme/staging, ", "acme/staging globex/production")]
    [InlineData("acme,acme/production", "acme/development acme/production acme/staging")]
    public void Read_Scopes_AreTheseOnly(string text, string expected) =>
        Assert.Equal(expected.Split(' '), Read(("Storage:Directory", "/data"), ("Edge:Scopes", text)).Scopes!.Select(scope => scope.ToString()).Order(StringComparer.Ordinal));

    [Theory]
    [InlineData("acme/prod",
        "Edge:Scopes has 'acme/prod'; write acme for its three environments, or one of acme/development, acme/staging, acme/production.")]
    [InlineData("acme/Production",
        "Edge:Scopes has 'acme/Production'; write acme for its three environments, or one of acme/development, acme/staging, acme/production.")]
    [InlineData("acme/*", "Edge:Scopes has 'acme/*'; write acme for its three environments, or one of acme/development, acme/staging, acme/production.")]
    [InlineData("acme/", "Edge:Scopes has 'acme/'; write acme for its three environments, or one of acme/development, acme/staging, acme/production.")]
    [InlineData("acme / production", "Edge:Scopes has 'acme / production'; write acme for its three environments, or one of acme/development, acme/staging, acme/production.")]
    [InlineData("acme/production/x", "Edge:Scopes has 'acme/production/x'; write acme for its three environments, or one of acme/development, acme/staging, acme/production.")]
    [InlineData("acme.", "Edge:Scopes has 'acme.'; write an organization, or organization/environment. "
        + "An organization id has 1 to 128 characters of A-Z a-z 0-9 . _ -, begins with a letter or digit and does not end with a dot.")]
    [InlineData("*", "Edge:Scopes has '*'; write an organization, or organization/environment. "
        + "An organization id has 1 to 128 characters of A-Z a-z 0-9 . _ -, begins with a letter or digit and does not end with a dot.")]
    [InlineData("globex;acme", "Edge:Scopes has 'globex;acme'; write an organization, or organization/environment. "
        + "An organization id has 1 to 128 characters of A-Z a-z 0-9 . _ -, begins with a letter or digit and does not end with a dot.")]
    [InlineData("", "Edge:Scopes is set and names no scope: name at least one, or leave the setting out.")]
    [InlineData(" , ", "Edge:Scopes is set and names no scope: name at least one, or leave the setting out.")]
    public void Read_BadScopes_SaysWhatToWrite(string text, string expected) => Assert.Equal(expected, Problem(("Edge:Scopes", text)));

    [Theory]
    [InlineData("https://a.example", "https://a.example")]
    [InlineData(" https://a.example , https://b.example , ", "https://a.example https://b.example")]
    [InlineData("HTTPS://A.Example", "https://a.example")]
    [InlineData("https://a.example:443", "https://a.example")]
    [InlineData("http://a.example:80", "http://a.example")]
    [InlineData("http://a.example:443", "http://a.example:443")]
    [InlineData("http://localhost:3000", "http://localhost:3000")]
    [InlineData("https://bücher.example", "https://xn--bcher-kva.example")]
    [InlineData("https://BÜCHER.example", "https://xn--bcher-kva.example")]
    [InlineData("https://日本.example", "https://xn--wgv71a.example")]
    [InlineData("https://xn--bcher-kva.example", "https://xn--bcher-kva.example")]
    [InlineData("https://a_b.example", "https://a_b.example")]
    [InlineData("http://127.0.0.1:8080", "http://127.0.0.1:8080")]
    [InlineData("http://[0:0:0:0:0:0:0:1]:8080", "http://[::1]:8080")]
    [InlineData("https://a.example.", "https://a.example.")]
    [InlineData("https://A.example,https://a.example:443,https://b.example", "https://a.example https://b.example")]
    public void Read_Origins_AreAsBrowsersSendThem(string text, string expected) =>
        Assert.Equal(expected.Split(' '), Read(("Storage:Directory", "/data"), ("Edge:Origins", text)).Origins);

    [Theory]
    [InlineData("*", "Edge:Origins has '*'; a wildcard is not understood: name each origin, or leave the setting out, and every page may read.")]
    [InlineData("https://*.example", "Edge:Origins has 'https://*.example'; a wildcard is not understood: name each origin, or leave the setting out, and every page may read.")]
    [InlineData("null", "Edge:Origins has 'null'; sandboxed frames, files and cross-origin redirects of any site send it, so it names nobody: leave it out.")]
    [InlineData("https://a.example/", "Edge:Origins has 'https://a.example/'; write https://a.example.")]
    [InlineData("https://a.example/shop", "Edge:Origins has 'https://a.example/shop'; write https://a.example.")]
    [InlineData("https://a.example?x", "Edge:Origins has 'https://a.example?x'; write https://a.example.")]
    [InlineData("https://A.example:443#x", "Edge:Origins has 'https://A.example:443#x'; write https://a.example.")]
    [InlineData("a.example",
        "Edge:Origins has 'a.example'; write scheme, host and, where it is not the usual one, port (https://shop.example or http://localhost:3000), without a path.")]
    [InlineData("//a.example",
        "Edge:Origins has '//a.example'; write scheme, host and, where it is not the usual one, port (https://shop.example or http://localhost:3000), without a path.")]
    [InlineData("https:a.example",
        "Edge:Origins has 'https:a.example'; write scheme, host and, where it is not the usual one, port (https://shop.example or http://localhost:3000), without a path.")]
    [InlineData("file:///a",
        "Edge:Origins has 'file:///a'; write scheme, host and, where it is not the usual one, port (https://shop.example or http://localhost:3000), without a path.")]
    [InlineData("https://a..example",
        "Edge:Origins has 'https://a..example'; write scheme, host and, where it is not the usual one, port (https://shop.example or http://localhost:3000), without a path.")]
    [InlineData("https://a.example:99999",
        "Edge:Origins has 'https://a.example:99999'; write scheme, host and, where it is not the usual one, port (https://shop.example or http://localhost:3000), without a path.")]
    [InlineData("https://u:p@a.example",
        "Edge:Origins has a text of 21 characters, which is not shown because it may hold a secret; "
        + "write scheme, host and, where it is not the usual one, port (https://shop.example or http://localhost:3000), without a path.")]
    [InlineData("https://straße.example", "Edge:Origins has 'https://straße.example'; write its host in ASCII (xn--…), as the browser's address bar copies it.")]
    [InlineData("https://ａ.example", "Edge:Origins has 'https://ａ.example'; write its host in ASCII (xn--…), as the browser's address bar copies it.")]
    [InlineData("https://bücher.example", "Edge:Origins has 'https://bücher.example'; write its host in ASCII (xn--…), as the browser's address bar copies it.")]
    [InlineData("", "Edge:Origins is set and names no origin: name at least one, or leave the setting out.")]
    public void Read_BadOrigins_SaysWhatToWrite(string text, string expected) => Assert.Equal(expected, Problem(("Edge:Origins", text)));

    [Fact]
    public void Read_OriginsAndRedirectMode_AreRefusedWithTheReason() =>
        Assert.Equal("Edge:Origins cannot be kept while Edge:Mode is redirect: after a redirect to another origin browsers send 'Origin: null', so the public container has to let every "
            + "page read. Leave Edge:Origins out, or set Edge:Mode to inline.",
            Problem(("Edge:Mode", "redirect"), ("Storage:PublicBaseUrl", "https://cdn.example"), ("Edge:Origins", "https://a.example")));

    [Theory]
    [InlineData("acme", "production", "acme/staging,globex")]
    [InlineData("acme", "", "globex")]
    [InlineData("", "staging", "acme/production")]
    public void Read_BindingOutsideOfTheScopes_IsRefused(string organization, string environment, string scopes) =>
        Assert.StartsWith("Edge:Scopes must include what Edge:Organization and Edge:Environment name;",
            Problem(("Edge:Organization", organization), ("Edge:Environment", environment), ("Edge:Scopes", scopes)), StringComparison.Ordinal);

    [Theory]
    [InlineData("Edge:Scopes:0", "acme")]
    [InlineData("Edge:Origins:0", "https://a.example")]
    [InlineData("Edge:Organization:Id", "acme")]
    public void Read_OneTextAsAListOrSection_IsRefused(string key, string value) =>
        // Taken for "not set", it would lift a limit.
        Assert.Equal($"{key[..key.LastIndexOf(':')]} is one text (several values are separated by commas); it is set as a list or a section.", Problem((key, value)));

    [Fact]
    public void Read_SeveralBadItems_NamesThemAll()
    {
        var exception = Assert.Throws<InvalidOptionsException>(() => Read(
            ("Storage:Directory", "/data"), ("Edge:Scopes", "-a,acme/prod,acme"), ("Edge:Origins", "null,https://a.example,x")));
        Assert.Equal(4, exception.Problems.Length);
    }

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

    [Theory]
    [InlineData("acme", "acme/development acme/production acme/staging")]
    [InlineData("acme/staging, globex/production", "acme/staging globex/production")]
    [InlineData("all/production", "all/production")]
    public void Read_Preload_IsTheseScopes(string text, string expected) =>
        Assert.Equal(expected.Split(' '), Read(("Storage:Directory", "/data"), ("Edge:Preload", text)).Preload!.Scopes!.Select(scope => scope.ToString()).Order(StringComparer.Ordinal));

    [Fact]
    public void Read_PreloadAll_IsEveryScope()
    {
        var options = Read(("Storage:Directory", "/data"), ("Edge:Preload", " all "));

        Assert.NotNull(options.Preload);
        Assert.Null(options.Preload.Scopes);
    }

    [Theory]
    [InlineData("", "Edge:Preload is set and names no scope: name at least one, or leave the setting out.")]
    [InlineData("acme/prod", "Edge:Preload has 'acme/prod'; write acme for its three environments, or one of acme/development, acme/staging, acme/production.")]
    [InlineData("all,acme", "Edge:Preload has 'all' beside others: write all alone for every scope, or all/production, all/staging and all/development for an organization that is named all.")]
    public void Read_BadPreload_SaysWhatToWrite(string text, string expected) => Assert.Equal(expected, Problem(("Edge:Preload", text)));

    [Fact]
    public void Read_PreloadOutsideOfTheScopes_IsRefused() =>
        Assert.Equal("Edge:Preload must be among Edge:Scopes; globex/production is not, so nobody could ask for it.", Problem(("Edge:Scopes", "acme"), ("Edge:Preload", "acme,globex/production")));

    [Theory]
    [InlineData("http://127.0.0.1:9465", "http://127.0.0.1:9465")]
    [InlineData("http://*:9465", "http://*:9465")]
    [InlineData("http://[::1]:9465", "http://[::1]:9465")]
    [InlineData("OFF", null)]
    [InlineData(" ", null)]
    [InlineData(null, null)]
    public void Read_MetricsUrl_IsTaken(string? text, string? expected) => Assert.Equal(expected, Read(("Storage:Directory", "/data"), ("Edge:MetricsUrl", text!)).MetricsUrl);

    [Theory]
    [InlineData("9465", "'9465'")]
    [InlineData("https://127.0.0.1:9465", "'https://127.0.0.1:9465/'")]
    [InlineData("http://127.0.0.1:9465/metrics", "'http://127.0.0.1:9465/metrics'")]
    [InlineData("http://user:hunter2@127.0.0.1:9465", "'http://127.0.0.1:9465/'")]
    public void Read_BadMetricsUrl_SaysWhatToWrite(string text, string shown) => Assert.Equal(
        $"Edge:MetricsUrl must be an http URL with a host and a port and nothing else, such as http://127.0.0.1:9465 or http://*:9465, or off; it is {shown}.", Problem(("Edge:MetricsUrl", text)));

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
