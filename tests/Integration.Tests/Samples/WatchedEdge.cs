using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Integration.Tests.Samples;

/// <summary>Stands between an edge and who asks it: notes each request, and can answer in the edge's place.</summary>
internal sealed class WatchedEdge : IAsyncDisposable
{
    private readonly ConcurrentQueue<Exchange> _exchanges = new();
    private readonly HttpClient _edge;
    private readonly WebApplication _front;
    private volatile RequestDelegate? _instead;
    private volatile bool _isCutOff;

    private WatchedEdge(Uri edge)
    {
        _edge = new HttpClient { BaseAddress = edge };
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _front = builder.Build();
        _front.Run(AnswerAsync);
    }

    /// <summary>A request for the list and how it was answered.</summary>
    internal sealed record Exchange(string? IfNoneMatch, int Status, string? ETag);

    public Uri Address => new(_front.Urls.First());

    /// <summary>Every request so far, oldest first.</summary>
    public IReadOnlyList<Exchange> Exchanges => [.. _exchanges];

    public static async Task<WatchedEdge> StartAsync(Uri edge, CancellationToken cancellationToken)
    {
        var watched = new WatchedEdge(edge);
        await watched._front.StartAsync(cancellationToken);
        return watched;
    }

    /// <summary>Answers every further request; null lets the edge answer again.</summary>
    public void AnswerInstead(RequestDelegate? instead) => _instead = instead;

    /// <summary>Sends the first half of the edge's body, with all of its headers.</summary>
    public void CutOff(bool isCutOff) => _isCutOff = isCutOff;

    /// <summary>Refuses connections from now on.</summary>
    public Task StopAsync() => _front.StopAsync(TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _front.DisposeAsync();
        _edge.Dispose();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        var ifNoneMatch = context.Request.Headers.IfNoneMatch.ToString();
        if (_instead is { } instead) await instead(context);
        else await ForwardAsync(context, ifNoneMatch);
        _exchanges.Enqueue(new Exchange(ifNoneMatch.Length == 0 ? null : ifNoneMatch, context.Response.StatusCode, context.Response.Headers.ETag));
    }

    private async Task ForwardAsync(HttpContext context, string ifNoneMatch)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, context.Request.Path + context.Request.QueryString);
        if (ifNoneMatch.Length > 0) request.Headers.TryAddWithoutValidation("If-None-Match", ifNoneMatch);
        request.Headers.TryAddWithoutValidation("Accept-Encoding", context.Request.Headers.AcceptEncoding.ToString());
        using var response = await _edge.SendAsync(request, context.RequestAborted);
        context.Response.StatusCode = (int)response.StatusCode;
        if (response.Headers.ETag is EntityTagHeaderValue etag) context.Response.Headers.ETag = etag.ToString();
        if (response.StatusCode == HttpStatusCode.NotModified) return;
        context.Response.Headers.ContentType = response.Content.Headers.ContentType?.ToString();
        if (response.Content.Headers.ContentEncoding.Count > 0) context.Response.Headers.ContentEncoding = string.Join(',', response.Content.Headers.ContentEncoding);
        var body = await response.Content.ReadAsByteArrayAsync(context.RequestAborted);
        await context.Response.Body.WriteAsync(_isCutOff ? body.AsMemory(0, body.Length / 2) : body, context.RequestAborted);
    }
}
