using ConsentSnapshots.Integration.Tests.Browser;
using ConsentSnapshots.Integration.Tests.Browser.Recipes;
using ConsentSnapshots.Integration.Tests.Fixtures;

namespace ConsentSnapshots.Integration.Tests.Cdn;

/// <summary>A visitor's whole way through a React page whose list comes from a CDN alone, while worker and edge are stopped. At each step the same loads as with an edge: the table in docs/c15t-react.md.</summary>
public sealed class CdnWalkTests(AzuriteFixture azurite, ChromiumFixture chromium)
{
    private const string Organization = "acme";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Walk_OfAReactPage_ThroughNginxInFrontOfAzure_LoadsWhatIsGrantedAndNothingElse()
    {
        using var site = await SelfHostedSite.OnAzureAsync(azurite);
        await site.PublishAsync((Organization, WalkedScope.First.Entries));
        await using var cdn = await CdnSettings.InFrontOfAsync(site.Container, Cancel);

        await WalkAsync(site, cdn, cdn.Expire);
    }

    [Fact]
    public async Task Walk_OfAReactPage_ThroughNginxOverADirectoryStore_LoadsWhatIsGrantedAndNothingElse()
    {
        using var site = SelfHostedSite.OnDirectory();
        await site.PublishAsync((Organization, WalkedScope.First.Entries));
        await using var cdn = await CdnSettings.OverAsync(site.Root, Cancel);

        await WalkAsync(site, cdn, () => { });
    }

    private async Task WalkAsync(SelfHostedSite site, Nginx cdn, Action expire)
    {
        // Somebody who is no page asks first, and sends no Origin.
        using var http = new HttpClient();
        await http.GetByteArrayAsync(new Uri(cdn.Address, $"/{Organization}/production/scripts.json"), Cancel);

        var published = WalkedScope.First;
        var table = await PageWalk.WalkAsync(chromium, () => new CdnPage(cdn, async scope =>
        {
            if (scope == published) return;
            await site.PublishAsync((Organization, scope.Entries));
            published = scope;
            expire();
        }));

        await DocumentTable.CheckAsync("docs/c15t-react.md", new CdnPage(cdn, _ => Task.CompletedTask).Name, table, Cancel);
    }

    /// <summary>The page, whose requests for the list go to nginx.</summary>
    private sealed class CdnPage(Nginx cdn, Func<WalkedScope, Task> publish) : ReactPage("@c15t/react 2.2.1")
    {
        public override string ListUrl => $"{cdn.Address.GetLeftPart(UriPartial.Authority)}/{Organization}/production/scripts.json";

        public override Task ServeAsync(OfflineSite site, Visitor visitor, CancellationToken cancellationToken)
        {
            site.Pass(cdn.Address);
            return base.ServeAsync(site, visitor, cancellationToken);
        }

        public override async Task PublishAsync(OfflineSite site, WalkedScope? scope, CancellationToken cancellationToken)
        {
            if (scope is null)
            {
                site.Refuse(ListUrl);
                return;
            }
            site.Forget(ListUrl);
            await publish(scope);
        }
    }
}
