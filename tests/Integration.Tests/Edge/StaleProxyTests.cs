using System.Globalization;
using System.Net;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Worker.Tests.Publishing;

namespace ConsentSnapshots.Integration.Tests.Edge;

/// <summary>
/// An edge behind a real nginx that is told nothing but to keep answers and to ask whether they are still good. How long, for which codings, and that an old answer is better than an error,
/// it takes from the edge's own headers.
/// </summary>
public sealed class StaleProxyTests : IAsyncLifetime
{
    private const string List = "/v1/acme/production/scripts.json";

    private static readonly string[] s_codings = ["br", "gzip", "identity"];

    private PublishedEdge _edge = null!;
    private Nginx _nginx = null!;
    private HttpClient _http = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _edge = await PublishedEdge.StartAsync(Cancel, PublicationWorld.MetaPixel("11111111111", "marketing"));
        _nginx = await Nginx.StartAsync(
            (folder, port) => string.Create(CultureInfo.InvariantCulture,
                $$"""
                proxy_cache_path {{folder}}/cache keys_zone=edge:1m;
                # Nobody waits here for half a minute: on the way to the cache 30 seconds become one. Everything else is as the edge says it.
                map $upstream_http_cache_control $sooner { default $upstream_http_cache_control; "~^(?<before>.*)max-age=30(?<after>.*)$" "${before}max-age=1${after}"; }
                server {
                    listen unix:{{folder}}/edge.sock;
                    location / {
                        proxy_pass {{_edge.Address.GetLeftPart(UriPartial.Authority)}};
                        proxy_http_version 1.1;
                        proxy_set_header Connection "";
                        proxy_hide_header Cache-Control;
                        add_header Cache-Control $sooner always;
                        # An edge that is gone does not answer with an error of its own: the connection ends.
                        error_page 502 = @gone;
                    }
                    location @gone { return 444; }
                }
                server {
                    listen 127.0.0.1:{{port}};
                    location / {
                        proxy_pass http://unix:{{folder}}/edge.sock;
                        proxy_http_version 1.1;
                        proxy_set_header Connection "";
                        proxy_cache edge;
                        proxy_cache_key $request_uri;
                        proxy_cache_revalidate on;
                        add_header X-Cache $upstream_cache_status always;
                    }
                }
                """),
            Cancel);
        _http = new HttpClient(new SocketsHttpHandler { AutomaticDecompression = DecompressionMethods.None }) { BaseAddress = _nginx.Address };
    }

    public async ValueTask DisposeAsync()
    {
        _http?.Dispose();
        if (_nginx is not null) await _nginx.DisposeAsync();
        if (_edge is not null) await _edge.DisposeAsync();
    }

    [Fact]
    public async Task Codings_AreKeptApart()
    {
        var first = new List<Kept>();
        foreach (var coding in s_codings) first.Add(await AskAsync(HttpMethod.Get, coding));

        foreach (var (coding, kept) in s_codings.Zip(first))
        {
            var again = await AskAsync(HttpMethod.Get, coding);
            Assert.Equal(coding, again.Coding);
            Assert.Equal((kept.ETag, kept.Body), (again.ETag, again.Body));
        }
        Assert.Equal(3, first.Select(kept => kept.ETag).Distinct().Count());
    }

    [Fact]
    public async Task Expired_AndUnchanged_IsRevalidated()
    {
        var first = await AskAsync(HttpMethod.Get, "br");

        var revalidated = await AskUntilAsync("REVALIDATED");

        Assert.Equal((HttpStatusCode.OK, first.ETag, first.Body), (revalidated.Status, revalidated.ETag, revalidated.Body));
    }

    /// <summary>Without <c>proxy_cache_use_stale</c>: that an old answer may stand in is what <c>stale-if-error</c> says.</summary>
    [Fact]
    public async Task EdgeIsGone_OldAnswerStandsIn()
    {
        var first = await AskAsync(HttpMethod.Get, "br");
        await _edge.StopAsync(Cancel);

        var stale = await AskUntilAsync("STALE");

        Assert.Equal((HttpStatusCode.OK, first.ETag, first.Body), (stale.Status, stale.ETag, stale.Body));
    }

    /// <summary>What may not be kept, nginx does not have: a query's answer, and an error.</summary>
    [Theory]
    [InlineData("/v1/acme/production/scripts?consent=marketing")]
    [InlineData("/v1/acme/production/scripts?consent=%7B")]
    public async Task EdgeIsGone_WhatWasPrivate_IsAnError(string path)
    {
        await AskAsync(HttpMethod.Get, "br", path);
        await _edge.StopAsync(Cancel);

        Assert.Equal(HttpStatusCode.BadGateway, (await AskAsync(HttpMethod.Get, "br", path)).Status);
    }

    [Fact]
    public async Task Head_OfWhatIsKept_HasTheHeadersOfGet()
    {
        var get = await AskAsync(HttpMethod.Get, "br");
        var head = await AskAsync(HttpMethod.Head, "br");

        Assert.Equal((get.Status, get.ETag, get.Coding, get.Length), (head.Status, head.ETag, head.Coding, head.Length));
        Assert.Empty(head.Body);
    }

    [Fact]
    public async Task Browser_ThatHasTheAnswer_Gets304FromTheCache()
    {
        var first = await AskAsync(HttpMethod.Get, "br");

        var second = await AskAsync(HttpMethod.Get, "br", List, first.ETag);

        Assert.Equal((HttpStatusCode.NotModified, first.ETag), (second.Status, second.ETag));
    }

    private sealed record Kept(HttpStatusCode Status, string Cache, string? ETag, string Coding, long? Length, string Body);

    /// <summary>Asks until the answer has come in a way; every answer on the way there is a whole one.</summary>
    private async Task<Kept> AskUntilAsync(string cache)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        patience.CancelAfter(TimeSpan.FromMinutes(2));
        while (true)
        {
            var kept = await AskAsync(HttpMethod.Get, "br");
            Assert.Equal(HttpStatusCode.OK, kept.Status);
            if (kept.Cache == cache) return kept;
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, patience.Token);
        }
    }

    private async Task<Kept> AskAsync(HttpMethod method, string coding, string path = List, string? etag = null)
    {
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative));
        request.Headers.TryAddWithoutValidation("Accept-Encoding", coding);
        if (etag is not null) request.Headers.TryAddWithoutValidation("If-None-Match", etag);
        using var response = await _http.SendAsync(request, Cancel);
        var body = await response.Content.ReadAsByteArrayAsync(Cancel);
        return new Kept(
            response.StatusCode, response.Headers.TryGetValues("X-Cache", out var cache) ? cache.Single() : "", response.Headers.ETag?.ToString(),
            response.Content.Headers.ContentEncoding.SingleOrDefault() ?? "identity", response.Content.Headers.ContentLength, Convert.ToHexString(body));
    }
}
