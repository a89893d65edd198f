using System.Net;
using System.Text.Json.Nodes;
using ConsentSnapshots.Integration.Tests.Browser;
using ConsentSnapshots.Integration.Tests.Postgres;
using ConsentSnapshots.Integration.Tests.Fixtures;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Integration.Tests.Cdn;

/// <summary>What nginx answers with the settings of docs/cdn.md while worker and edge are stopped.</summary>
public abstract class CdnTests(ChromiumFixture chromium) : IAsyncLifetime
{
    private const string List = "/acme/production/scripts.json";
    private const string Tags = "/acme/production/tags.js";
    private const string Loader = "/_/loader.js";

    private const string Vendors = """[{ "type": "meta-pixel", "settings": { "pixelId": "11111111111" } }, { "type": "posthog", "settings": { "apiKey": "phc_x" } }]""";

    private protected SelfHostedSite Site { get; private set; } = null!;

    private protected Nginx Cdn { get; private set; } = null!;

    private protected HttpClient Http { get; private set; } = null!;

    private protected static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        Site = await CreateSiteAsync();
        await Site.PublishAsync(("acme", Vendors));
        Cdn = await StartAsync(Site);
        Http = new HttpClient(new SocketsHttpHandler { AutomaticDecompression = DecompressionMethods.None }) { BaseAddress = Cdn.Address };
    }

    public async ValueTask DisposeAsync()
    {
        Http?.Dispose();
        if (Cdn is not null) await Cdn.DisposeAsync();
        Site?.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected abstract Task<SelfHostedSite> CreateSiteAsync();

    private protected abstract Task<Nginx> StartAsync(SelfHostedSite site);

    [Fact]
    public async Task EachName_OfThePublicContainer_IsServedWithItsCachingRule()
    {
        var snapshot = $"/acme/production/{(string?)JsonNode.Parse(await TextAsync(List))!["metadata"]!["snapshot"]}.json";

        foreach (var (name, type, caching) in ((string, string, string)[])
            [
                (List, "application/json", "public, max-age=30, stale-while-revalidate=60, stale-if-error=3600"),
                (Tags, "text/javascript; charset=utf-8", "public, max-age=30, stale-while-revalidate=60, stale-if-error=3600"),
                (snapshot, "application/json", "public, max-age=31536000, immutable"),
                (Loader, "text/javascript; charset=utf-8", "public, max-age=3600"),
            ])
        {
            // A second time from what it has kept.
            for (var round = 1; round <= 2; round++)
            {
                using var response = await GetAsync(name);

                Assert.Equal(HttpStatusCode.OK, response.StatusCode);
                Assert.Equal(type, response.Content.Headers.ContentType?.ToString());
                Assert.Equal(caching, Header(response, "Cache-Control"));
                Assert.Equal("*", Header(response, "Access-Control-Allow-Origin"));
                Assert.Equal("nosniff", Header(response, "X-Content-Type-Options"));
                Assert.NotEmpty(await response.Content.ReadAsByteArrayAsync(Cancel));
            }
        }
    }

    /// <summary>Whoever comes first, every page that comes after gets an answer that it may read.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData("https://another-site.example")]
    public async Task FirstRequest_OfAnyOrigin_EveryPageMayReadWhatIsKept(string? first)
    {
        using var filling = await GetAsync(List, ("Origin", first));
        using var page = await GetAsync(List, ("Origin", "https://site.example"));

        Assert.Equal("*", Header(page, "Access-Control-Allow-Origin"));
        Assert.DoesNotContain("Origin", Header(page, "Vary"), StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>A browser that nothing stands between: the page is another server's, and its list and its tag come from nginx.</summary>
    [Fact]
    public async Task Page_OfAnotherOrigin_ReadsTheListAndRunsTheTag()
    {
        await TextAsync(List);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        await using var pages = builder.Build();
        pages.Urls.Add("http://127.0.0.1:0");
        pages.MapGet("/", () => Results.Text("<!doctype html><title>A site</title><h1>A site</h1>", "text/html"));
        await pages.StartAsync(Cancel);
        await using var profile = await chromium.NewProfileAsync(Cancel);
        var page = await profile.NewPageAsync().WaitAsync(Cancel);
        await page.GotoAsync(pages.Urls.First()).WaitAsync(Cancel);

        var version = await page.EvaluateAsync<int>("async url => (await (await fetch(url)).json()).metadata.version", new Uri(Cdn.Address, List).ToString()).WaitAsync(Cancel);
        await page.AddScriptTagAsync(new() { Url = new Uri(Cdn.Address, Tags).ToString() }).WaitAsync(Cancel);

        Assert.Equal(1, version);
        await pages.StopAsync(Cancel);
    }

    [Theory]
    [InlineData(List)]
    [InlineData(Tags)]
    public async Task Answer_ForABrowserThatTakesGzip_IsCompressed(string name)
    {
        var plain = await TextAsync(name);

        using var response = await GetAsync(name, ("Accept-Encoding", "gzip"));

        Assert.Equal("gzip", Assert.Single(response.Content.Headers.ContentEncoding));
        Assert.Contains("Accept-Encoding", Header(response, "Vary"), StringComparison.OrdinalIgnoreCase);
        using var reader = new StreamReader(new System.IO.Compression.GZipStream(await response.Content.ReadAsStreamAsync(Cancel), System.IO.Compression.CompressionMode.Decompress));
        Assert.Equal(plain, await reader.ReadToEndAsync(Cancel));
    }

    [Theory]
    [InlineData("/acme/production/nothing.json")]
    [InlineData("/another/production/scripts.json")]
    [InlineData("/acme/production/00000000000000000000000000000000.json")]
    [InlineData("/acme/elsewhere/scripts.json")]
    [InlineData("/acme/production/scripts.json/")]
    [InlineData("/acme%0d%0aX-Added:%201/production/scripts.json")]
    [InlineData("/.lock")]
    [InlineData("/")]
    public async Task Name_ThatIsNotThere_Is404ForSeconds(string name)
    {
        using var response = await GetAsync(name);

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Equal("public, max-age=10", Header(response, "Cache-Control"));
        Assert.Equal("*", Header(response, "Access-Control-Allow-Origin"));
        Assert.False(response.Headers.Contains("X-Added"));
    }

    [Theory]
    [InlineData("/acme/production/..%2f..%2f..%2fprivate%2fcurrent%2facme%2fproduction.json")]
    [InlineData("/acme/production/../../../private/current/acme/production.json")]
    [InlineData("/acme/production/%2e%2e/%2e%2e/%2e%2e/history/acme/production/00000001.json")]
    public async Task Name_OutsideOfThePublicContainer_IsRefused(string name)
    {
        using var response = await GetAsync(name);

        Assert.Contains(response.StatusCode, (HttpStatusCode[])[HttpStatusCode.BadRequest, HttpStatusCode.NotFound]);
    }

    [Fact]
    public async Task Query_IsNoPartOfTheName()
    {
        Assert.Equal(await TextAsync(List), await TextAsync($"{List}?visitor=1"));
        Assert.Equal(await TextAsync(List), await TextAsync($"{List}?consent=marketing&comp=metadata&restype=container"));
    }

    [Theory]
    [InlineData("POST")]
    [InlineData("PUT")]
    [InlineData("DELETE")]
    public async Task Method_ThatChangesSomething_IsRefused(string method)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), List);
        using var response = await Http.SendAsync(request, Cancel);

        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
        Assert.Equal("*", Header(response, "Access-Control-Allow-Origin"));
    }

    /// <summary>A page asks again on the condition that its list is no longer the newest.</summary>
    [Fact]
    public async Task NewVersion_OfTheSameLength_IsGivenToAPageThatHasTheOneBefore()
    {
        SetTimeOfList();
        using var before = await GetAsync(List);

        await Site.PublishAsync(("acme", Vendors.Replace("11111111111", "22222222222", StringComparison.Ordinal)));
        SetTimeOfList();
        Expire();

        using var after = await GetAsync(List, ("If-None-Match", before.Headers.ETag?.ToString()), ("If-Modified-Since", Header(before, "Last-Modified")));

        Assert.Equal(HttpStatusCode.OK, after.StatusCode);
        Assert.Contains("22222222222", await after.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
    }

    /// <summary>Lets the time pass in which nginx may serve what it has kept.</summary>
    private protected virtual void Expire()
    {
    }

    /// <summary>Gives the list's file a fixed time, as two versions of one second have the same.</summary>
    private protected virtual void SetTimeOfList()
    {
    }

    private protected async Task<HttpResponseMessage> GetAsync(string name, params (string Name, string? Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(Cdn.Address.GetLeftPart(UriPartial.Authority) + name, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }));
        foreach (var (header, value) in headers)
            if (value is not null) request.Headers.TryAddWithoutValidation(header, value);
        return await Http.SendAsync(request, Cancel);
    }

    private protected async Task<string> TextAsync(string name)
    {
        using var response = await GetAsync(name);
        response.EnsureSuccessStatusCode();
        return await response.Content.ReadAsStringAsync(Cancel);
    }

    /// <summary>A header's value; where it was sent more than once, the values separated by a comma; empty where it was not sent.</summary>
    private protected static string Header(HttpResponseMessage response, string name) =>
        response.Headers.NonValidated.TryGetValues(name, out var values) || response.Content.Headers.NonValidated.TryGetValues(name, out values) ? string.Join(",", values) : "";
}

/// <summary>nginx over the files of a directory store.</summary>
public sealed class FolderCdnTests(ChromiumFixture chromium) : CdnTests(chromium)
{
    private protected override Task<SelfHostedSite> CreateSiteAsync() => Task.FromResult(SelfHostedSite.OnDirectory());

    private protected override Task<Nginx> StartAsync(SelfHostedSite site) => CdnSettings.OverAsync(site.Root, Cancel);

    private protected override void SetTimeOfList() =>
        File.SetLastWriteTimeUtc(Path.Combine(Site.Root, "public/acme/production/scripts.json"), DateTime.UnixEpoch.AddDays(20_000));

    /// <summary>A file that the worker is still writing, or somebody left beside, is no name of the public container.</summary>
    [Fact]
    public async Task File_ThatIsBeingWritten_IsNotServed()
    {
        await File.WriteAllTextAsync(Path.Combine(Site.Root, "public/acme/production/scripts.json.0123.tmp"), "{", Cancel);

        using var response = await GetAsync("/acme/production/scripts.json.0123.tmp");

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }
}

/// <summary>nginx in front of Azure's public container.</summary>
public sealed class AzureCdnTests(AzuriteFixture azurite, ChromiumFixture chromium) : CdnTests(chromium)
{
    private protected override Task<SelfHostedSite> CreateSiteAsync() => SelfHostedSite.OnAzureAsync(azurite);

    private protected override Task<Nginx> StartAsync(SelfHostedSite site) => CdnSettings.InFrontOfAsync(site.Container, Cancel);

    private protected override void Expire() => Cdn.Expire();

    /// <summary>What docs/cdn.md says of the storage account, and why nginx adds the header.</summary>
    [Fact]
    public async Task Storage_AskedWithoutAnOrigin_SendsNoHeaderForOtherOrigins()
    {
        using var response = await Http.GetAsync(new Uri($"{Site.Container}/acme/production/scripts.json"), Cancel);

        response.EnsureSuccessStatusCode();
        Assert.Equal("", Header(response, "Access-Control-Allow-Origin"));
    }

    /// <summary>A browser counts the age of what nginx has kept from the time when the store sent it.</summary>
    [Fact]
    public async Task Date_OfAnAnswerThatWasKept_IsThatOfTheStore()
    {
        using var first = await GetAsync("/acme/production/scripts.json");
        await Eventually.TrueAsync(async () => await ClockAsync() != Header(first, "Date"), "a second is over at nginx");

        using var later = await GetAsync("/acme/production/scripts.json");

        Assert.Equal(Header(first, "Date"), Header(later, "Date"));
    }

    [Fact]
    public async Task Containers_OtherThanThePublicOne_StayClosed()
    {
        var account = Site.Container.ToString()[..Site.Container.ToString().LastIndexOf('/')];
        foreach (var address in (string[])[$"{Site.Container}?restype=container&comp=list", $"{account}?comp=list"])
        {
            using var response = await Http.GetAsync(new Uri(address), Cancel);
            Assert.False(response.IsSuccessStatusCode, address);
        }
    }

    /// <summary>The time at nginx, which makes the answer to an unknown name itself.</summary>
    private async Task<string> ClockAsync()
    {
        using var unknown = await GetAsync("/");
        return Header(unknown, "Date");
    }
}
