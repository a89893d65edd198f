using ConsentSnapshots.Generator.Consent;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>A page that already runs a vendor's library of its own, which takes our calls at once instead of queueing them.</summary>
public sealed class LibraryOfThePageTests(ChromiumFixture chromium)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("meta-pixel", """{"pixelId":"12"}""", "fbq", "callMethod", "consent revoke")]
    [InlineData("reddit-pixel", """{"pixelId":"t2_x"}""", "rdt", "sendEvent", "disableFirstPartyCookies")]
    public async Task WithdrawalBeforeOurLibraryHasArrived_IsTold(string type, string settings, string name, string method, string wanted)
    {
        var row = ConsentWalk.Row(type, settings);
        await using var walk = await ConsentWalk.OpenAsync(chromium, [row], new Dictionary<string, string>(), Cancel);

        var told = await walk.Site.Page.EvaluateAsync<string[]>(
            """
            async ([scripts, name, method]) => {
              const told = [], settle = async () => { for (let i = 0; i < 5; i++) await null };
              window[name] = window['_' + name] = (...args) => { told.push(args.join(' ')); };
              window[name][method] = window[name];
              walk.setScripts(JSON.parse(scripts), walk.consents(['marketing']));
              await settle();
              walk.setScripts([], walk.consents([]));
              await settle();
              return told;
            }
            """,
            new object[] { ConsentWalk.Snapshots([row])[ConsentSet.Everything.Index]!.ToJsonString(), name, method }).WaitAsync(Cancel);

        Assert.Equal(wanted, told[^1]);
    }
}
