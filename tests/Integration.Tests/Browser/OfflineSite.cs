using System.Collections.Concurrent;
using Microsoft.Playwright;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>
/// A site developer's page in a fresh browser profile. Every request is answered from here: what <see cref="Serve"/> has
/// registered, or refused; none reaches a network.
/// </summary>
public sealed class OfflineSite : IAsyncDisposable
{
    public const string Origin = "https://site.example/";

    private readonly IBrowserContext _profile;
    private readonly ConcurrentDictionary<string, RouteFulfillOptions> _answers = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> _requests = new();
    private readonly ConcurrentQueue<string> _errors = new();

    private readonly ConcurrentDictionary<string, Func<Uri, string>> _services = new(StringComparer.Ordinal);
    private RouteFulfillOptions? _everyOtherScript;

    private OfflineSite(IBrowserContext profile, IPage page)
    {
        _profile = profile;
        Page = page;
        page.PageError += (_, error) => _errors.Enqueue(error);
    }

    /// <summary>The open page; <see cref="IPage.EvaluateAsync{T}"/> runs code in it.</summary>
    public IPage Page { get; }

    /// <summary>The URLs asked for so far, in order, answered or refused, the page's own included.</summary>
    public IReadOnlyCollection<string> Requests => _requests;

    /// <summary>The exceptions no script of the page caught, in order.</summary>
    public IReadOnlyCollection<string> Errors => _errors;

    /// <summary>Answers a URL, whatever its query, from now on.</summary>
    public void Serve(string url, string body, string contentType = "text/javascript") =>
        _answers[WithoutQuery(url)] = Answer(body, contentType);

    /// <summary>Answers a URL with the JSON that <paramref name="answer"/> gives for each request, query included.</summary>
    public void ServeJson(string url, Func<Uri, string> answer) => _services[WithoutQuery(url)] = answer;

    /// <summary>Answers a request for a script that nothing else is registered for, from now on.</summary>
    public void ServeEveryOtherScript(string body) => _everyOtherScript = Answer(body, "text/javascript");

    /// <summary>Puts the c15t client on the page (<see cref="C15tBundle"/>).</summary>
    public async Task AddC15tAsync(CancellationToken cancellationToken) =>
        await Page.AddScriptTagAsync(new PageAddScriptTagOptions { Path = C15tBundle.Path }).WaitAsync(cancellationToken);

    public async ValueTask DisposeAsync() => await _profile.DisposeAsync();

    internal static async Task<OfflineSite> OpenAsync(IBrowser browser, string html, CancellationToken cancellationToken)
    {
        // A service worker's requests would pass the routes by.
        var profile = await browser.NewContextAsync(new BrowserNewContextOptions { ServiceWorkers = ServiceWorkerPolicy.Block })
            .WaitAsync(cancellationToken);
        profile.SetDefaultTimeout(120_000); // a busy machine must not reach it
        var site = new OfflineSite(profile, await profile.NewPageAsync().WaitAsync(cancellationToken));
        site.Serve(Origin, html, "text/html");
        await profile.RouteAsync("**/*", site.AnswerAsync).WaitAsync(cancellationToken);
        await site.Page.GotoAsync(Origin).WaitAsync(cancellationToken);
        return site;
    }

    private static string WithoutQuery(string url) => url.Split('?', '#')[0];

    private async Task AnswerAsync(IRoute route)
    {
        _requests.Enqueue(route.Request.Url);
        var url = WithoutQuery(route.Request.Url);
        if (_services.TryGetValue(url, out var service))
        {
            await route.FulfillAsync(Answer(service(new Uri(route.Request.Url)), "application/json"));
            return;
        }
        var answer = _answers.GetValueOrDefault(url) ?? (route.Request.ResourceType == "script" ? _everyOtherScript : null);
        await (answer is null ? route.AbortAsync() : route.FulfillAsync(answer));
    }

    private static RouteFulfillOptions Answer(string body, string contentType) => new()
    {
        Body = body,
        ContentType = contentType,
        Headers = new Dictionary<string, string> { ["Access-Control-Allow-Origin"] = "*", ["Content-Type"] = contentType },
    };
}
