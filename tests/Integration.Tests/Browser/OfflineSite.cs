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

    private const string Settling = Origin + "settling";

    /// <summary>See <c>tests/browser/under-way.js</c>.</summary>
    private const string UnderWay = "scripts under way";

    private readonly IBrowserContext _profile;
    private readonly ConcurrentDictionary<string, RouteFulfillOptions?> _answers = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> _requests = new();
    private readonly ConcurrentQueue<string> _requestsOfDocument = new();
    private readonly ConcurrentQueue<string> _errors = new();

    private readonly ConcurrentDictionary<string, Func<Uri, string>> _services = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _held = new(StringComparer.Ordinal);
    private RouteFulfillOptions? _everyOtherScript;
    private HttpClient? _server;
    private string? _passed;
    private int _answering;

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
    public void Serve(string url, string body, string contentType = "text/javascript", int status = 200) =>
        _answers[WithoutQuery(url)] = Answer(body, contentType, status);

    /// <summary>Refuses a URL from now on, as a blocker of requests does.</summary>
    public void Refuse(string url)
    {
        _services.TryRemove(WithoutQuery(url), out _);
        _answers[WithoutQuery(url)] = null;
    }

    /// <summary>Answers requests for the site's pages and files with what a server on this machine answers, its headers included; what is registered for a URL from now on comes first.</summary>
    public void ServeFrom(HttpClient server)
    {
        _server = server;
        _answers.TryRemove(Origin, out _);
    }

    /// <summary>Takes back what was registered for a URL.</summary>
    public void Forget(string url) => _answers.TryRemove(WithoutQuery(url), out _);

    /// <summary>Passes requests for a server on this machine on to it, with the browser's own headers, and its answers back, unless something is registered for the URL.</summary>
    public void Pass(Uri server) => _passed = server.GetLeftPart(UriPartial.Authority);

    /// <summary>Answers a URL with the JSON that <paramref name="answer"/> gives for each request, query included.</summary>
    public void ServeJson(string url, Func<Uri, string> answer) => _services[WithoutQuery(url)] = answer;

    /// <summary>Answers a request for a script that nothing else is registered for, from now on.</summary>
    public void ServeEveryOtherScript(string body) => _everyOtherScript = Answer(body, "text/javascript");

    /// <summary>Leaves requests for a URL unanswered until <see cref="Release"/>: the page waits for what it asked for.</summary>
    public void Hold(string url) => _held.TryAdd(url, new(TaskCreationOptions.RunContinuationsAsynchronously));

    /// <summary>Answers what was held back, and holds nothing back from now on.</summary>
    public void Release()
    {
        foreach (var url in _held.Keys)
            if (_held.TryRemove(url, out var gate)) gate.SetResult();
    }

    /// <summary>
    /// Waits until the page has had every answer that is not held back, and has gone through what follows from it: what the page asked for before this call is in
    /// <see cref="Requests"/>, and a script that came has run.
    /// </summary>
    public async Task SettleAsync(CancellationToken cancellationToken)
    {
        // A script that runs may ask for another. The page's own request is behind all that it made before.
        for (var before = -1; before != _requests.Count;)
        {
            before = _requests.Count;
            await TurnAsync(cancellationToken);
            while (Volatile.Read(ref _answering) > 0) await Page.EvaluateAsync("() => new Promise(resolve => setTimeout(resolve))").WaitAsync(cancellationToken);
            // This answer comes the way that those before it came, and after them.
            await TurnAsync(cancellationToken);
            await ScriptsRanAsync(cancellationToken);
        }
    }

    /// <summary>A busy browser runs a script, or asks for it, long after the page's own requests were answered.</summary>
    private async Task ScriptsRanAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var underWay = await Page.EvaluateAsync<string[]>(
                $"requested => window[Symbol.for('{UnderWay}')] ? window[Symbol.for('{UnderWay}')](requested) : []", _requestsOfDocument.ToArray()).WaitAsync(cancellationToken);
            if (underWay.All(url => _held.ContainsKey(WithoutQuery(url)))) return;
            await TurnAsync(cancellationToken);
        }
    }

    private async Task TurnAsync(CancellationToken cancellationToken) =>
        await Page.EvaluateAsync($"() => fetch('{Settling}').then(() => new Promise(resolve => setTimeout(resolve)))").WaitAsync(cancellationToken);

    /// <summary>Puts the c15t client on the page (<see cref="C15tBundle"/>).</summary>
    public async Task AddC15tAsync(CancellationToken cancellationToken) =>
        await Page.AddScriptTagAsync(new PageAddScriptTagOptions { Path = C15tBundle.Path }).WaitAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        Release();
        await _profile.DisposeAsync();
    }

    /// <summary>Opens another page of the site, as in another tab: it shares cookies and storage, and the answers registered here.</summary>
    public async Task<IPage> NewTabAsync(CancellationToken cancellationToken, string url = Origin)
    {
        var page = await _profile.NewPageAsync().WaitAsync(cancellationToken);
        page.PageError += (_, error) => _errors.Enqueue(error);
        await page.GotoAsync(url, new PageGotoOptions { WaitUntil = WaitUntilState.DOMContentLoaded }).WaitAsync(cancellationToken);
        return page;
    }

    internal static Task<OfflineSite> OpenAsync(IBrowser browser, string html, CancellationToken cancellationToken) =>
        OpenAsync(browser, html, prepare: null, cancellationToken);

    internal static async Task<OfflineSite> OpenAsync(IBrowser browser, string html, Func<OfflineSite, Task>? prepare, CancellationToken cancellationToken)
    {
        // A service worker's requests would pass the routes by.
        var profile = await browser.NewContextAsync(new BrowserNewContextOptions { ServiceWorkers = ServiceWorkerPolicy.Block })
            .WaitAsync(cancellationToken);
        profile.SetDefaultTimeout(120_000); // a busy machine must not reach it
        var site = new OfflineSite(profile, await profile.NewPageAsync().WaitAsync(cancellationToken));
        site.Serve(Origin, html, "text/html");
        await profile.RouteAsync("**/*", site.AnswerAsync).WaitAsync(cancellationToken);
        await profile.AddInitScriptAsync(await File.ReadAllTextAsync(C15tBundle.Source("under-way.js"), cancellationToken)).WaitAsync(cancellationToken);
        if (prepare is not null) await prepare(site).WaitAsync(cancellationToken);
        // Not the page's load event, which waits for what is held back.
        await site.Page.GotoAsync(Origin, prepare is null ? null : new PageGotoOptions { WaitUntil = WaitUntilState.DOMContentLoaded }).WaitAsync(cancellationToken);
        return site;
    }

    private static string WithoutQuery(string url) => url.Split('?', '#')[0];

    private async Task AnswerAsync(IRoute route)
    {
        var url = WithoutQuery(route.Request.Url);
        if (url == Settling)
        {
            await FulfillAsync(route, s_nothing);
            return;
        }
        _requests.Enqueue(route.Request.Url);
        if (route.Request.IsNavigationRequest && route.Request.Frame == Page.MainFrame) _requestsOfDocument.Clear();
        _requestsOfDocument.Enqueue(route.Request.Url);
        if (_held.TryGetValue(url, out var gate)) await gate.Task;
        Interlocked.Increment(ref _answering);
        try
        {
            await AnswerAsync(route, url);
        }
        catch (PlaywrightException)
        {
            // The page no longer waits for the answer: it was left, or what it asked for is no longer wanted.
        }
        finally
        {
            Interlocked.Decrement(ref _answering);
        }
    }

    private async Task AnswerAsync(IRoute route, string url)
    {
        if (_services.TryGetValue(url, out var service))
        {
            await FulfillAsync(route, Answer(service(new Uri(route.Request.Url)), "application/json"));
            return;
        }
        if (!_answers.TryGetValue(url, out var answer))
        {
            if (_passed is not null && url.StartsWith(_passed, StringComparison.Ordinal))
            {
                await route.FulfillAsync(new RouteFulfillOptions { Response = await route.FetchAsync() });
                return;
            }
            if (_server is not null && url.StartsWith(Origin, StringComparison.Ordinal)) answer = await AnswerOfServerAsync(_server, route.Request);
            else if (route.Request.ResourceType == "script") answer = _everyOtherScript;
        }
        await (answer is null ? route.AbortAsync() : FulfillAsync(route, answer));
    }

    /// <summary>Answers the site's pages, and those of its subdomains.</summary>
    private static Task FulfillAsync(IRoute route, RouteFulfillOptions answer)
    {
        if (route.Request.Headers.GetValueOrDefault("origin") is { } origin && origin.EndsWith(".site.example", StringComparison.Ordinal) && answer.Headers is { } headers)
            answer = new RouteFulfillOptions(answer) { Headers = new Dictionary<string, string>(headers) { ["Access-Control-Allow-Origin"] = origin } };
        return route.FulfillAsync(answer);
    }

    private static async Task<RouteFulfillOptions?> AnswerOfServerAsync(HttpClient server, IRequest request)
    {
        using var asked = new HttpRequestMessage(new HttpMethod(request.Method), request.Url[Origin.Length..]);
        if (request.PostDataBuffer is { } body) asked.Content = new ByteArrayContent(body) { Headers = { { "Content-Type", request.Headers.GetValueOrDefault("content-type", "text/plain") } } };
        using var response = await server.SendAsync(asked);
        return new RouteFulfillOptions
        {
            Status = (int)response.StatusCode,
            BodyBytes = await response.Content.ReadAsByteArrayAsync(),
            Headers = response.Headers.Concat(response.Content.Headers).ToDictionary(header => header.Key, header => string.Join(", ", header.Value)),
        };
    }

    private static readonly RouteFulfillOptions s_nothing = Answer("", "text/plain");

    private static RouteFulfillOptions Answer(string body, string contentType, int status = 200) => new()
    {
        Status = status,
        Body = body,
        ContentType = contentType,
        // Some vendors' libraries send credentials, and stop where the answer does not permit that.
        Headers = new Dictionary<string, string>
        {
            ["Access-Control-Allow-Origin"] = Origin.TrimEnd('/'),
            ["Access-Control-Allow-Credentials"] = "true",
            ["Content-Type"] = contentType,
        },
    };
}
