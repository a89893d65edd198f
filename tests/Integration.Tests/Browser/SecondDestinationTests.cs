using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>
/// Two destinations of a vendor that has room for one on a page: the first is set up, its library is the only one loaded, and nothing of the second is told or changed.
/// (Vendors with room for two are in <see cref="OptInTests"/>.)
/// </summary>
public sealed class SecondDestinationTests(ChromiumFixture chromium)
{
    // Type, the first's settings, the second's, what says whose page it is, what that is, and what the second's URL or its element would contain.
    private static readonly (string Type, string First, string Second, string Look, string Expected, string Absent)[] Cases =
    [
        ("segment", """{"writeKey":"first"}""", """{"writeKey":"second"}""", "[analytics._writeKey, ...[...analytics].map(call => call[0])].join()", "first,page", "/v1/second/"),
        ("hightouch", """{"writeKey":"first"}""", """{"writeKey":"second","scriptUrl":"https://ht-second.example/a.js"}""", "[htevents._writeKey, ...[...htevents].map(call => call[0])].join()", "first,page", "ht-second"),
        ("hotjar", """{"siteId":1}""", """{"siteId":2222}""", "_hjSettings.hjid", "1", "hotjar-2222"),
        ("microsoft-clarity", """{"id":"first"}""", """{"id":"second"}""", "[...clarity.q].filter(call => call[0] === 'consentv2').map(call => call[1].analytics_Storage).join()", "granted,denied,granted", "tag/second"),
        ("heap", """{"envId":"1"}""", """{"envId":"2222"}""", "heap.envId", "1", "config/2222"),
        ("intercom", """{"appId":"first"}""", """{"appId":"second"}""", "intercomSettings.app_id", "first", "widget/second"),
        ("crisp", """{"websiteId":"first"}""", """{"websiteId":"second","safeMode":true,"scriptSrc":"https://cr-second.example/l.js"}""", "[CRISP_WEBSITE_ID, $crisp.length].join()", "first,0", "cr-second"),
        ("rudderstack", """{"writeKey":"first","dataPlaneUrl":"https://rs.example"}""", """{"writeKey":"rs-second","dataPlaneUrl":"https://rs2.example"}""",
            "[...rudderanalytics].map(call => call.slice(0, 2).join(':')).join()", "load:first,page", "rs-second"),
        ("logrocket", """{"appId":"a/first"}""", """{"appId":"a/second","scriptUrl":"https://lr-second.example/a.js"}""", "LogRocket.calls.join()", "a/first", "lr-second"),
        ("plausible-analytics", """{"scriptId":"first"}""", """{"scriptId":"second","hashBasedRouting":true}""", "JSON.stringify(plausible.o)", "{}", "pa-second"),
        ("vercel-analytics", """{"dsn":"first"}""", """{"dsn":"ve-second"}""", "inserted.find(script => script.dataset.dsn).dataset.dsn", "first", "ve-second"),
        ("databuddy", """{"clientId":"first","configWhenGranted":{"x":1}}""", """{"clientId":"db-second","configWhenGranted":{"x":2}}""", "databuddyConfig.x", "1", "db-second"),
    ];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task OnePerPage_SecondNeedsTheSameConsent_FirstHoldsAndSecondLoadsNothing()
    {
        var rows = new List<OpenedDestination>();
        foreach (var (type, first, second, _, _, _) in Cases)
        {
            rows.Add(ConsentWalk.Row(type, first, rows.Count + 1, "measurement", "functionality"));
            rows.Add(ConsentWalk.Row(type, second, rows.Count + 1, "measurement", "functionality"));
        }
        var libraries = new Dictionary<string, string> { ["https://cdn.logrocket.io/LogRocket.min.js"] = "window.LogRocket = { calls: [], init(id) { this.calls.push(id) } }" };
        await using var walk = await ConsentWalk.OpenAsync(chromium, rows, libraries, Cancel);
        walk.Site.ServeEveryOtherScript("");
        await walk.Site.Page.EvaluateAsync(
            """
            () => {
              window.inserted = [];
              new MutationObserver(changes => inserted.push(...changes.flatMap(change => [...change.addedNodes]).filter(element => element.src)))
                .observe(document, { childList: true, subtree: true });
            }
            """).WaitAsync(Cancel);
        await walk.GoAsync(
            [(ConsentSet.Everything, WalkStyle.AtOnce), (default, WalkStyle.ConsentThenSnapshot), (ConsentSet.Everything, WalkStyle.ConsentThenSnapshot)], "0", Cancel);
        await walk.Site.Page.WaitForFunctionAsync("() => window.LogRocket && LogRocket.calls.length").WaitAsync(Cancel);
        var elements = JsonNode.Parse(await walk.Site.Page.EvaluateAsync<string>("() => JSON.stringify(inserted.map(element => element.outerHTML))").WaitAsync(Cancel))!
            .AsArray().Select(element => (string)element!).ToList();
        Assert.Equal(Cases.Length, elements.Count);
        foreach (var (type, _, _, look, expected, absent) in Cases)
        {
            Assert.Equal((type, expected), (type, await walk.Site.Page.EvaluateAsync<string>($"() => String({look})").WaitAsync(Cancel)));
            Assert.DoesNotContain(elements, element => element.Contains(absent, StringComparison.Ordinal));
            Assert.DoesNotContain(walk.Site.Requests, url => url.Contains(absent, StringComparison.Ordinal));
        }
        Assert.Empty(walk.Site.Errors);
    }
}
