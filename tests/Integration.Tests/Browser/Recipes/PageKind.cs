using Microsoft.Playwright;

namespace ConsentSnapshots.Integration.Tests.Browser.Recipes;

/// <summary>What a page does when the visitor withdraws consent.</summary>
internal enum OnWithdrawal
{
    /// <summary>The page is loaded again after every withdrawal, as version 2.2.1 of the client does by default.</summary>
    Reload,

    /// <summary>The page stays: <c>reloadOnConsentRevoked: false</c>.</summary>
    Stay,

    /// <summary>The page is loaded again where a vendor of the withdrawn category can be neither told nor stopped, as with version 1.8.6.</summary>
    ReloadWhereNeeded,
}

/// <summary>Where a visitor is, and what the visitor's browser says.</summary>
/// <param name="IsAsked">Whether the law there asks for consent before anything loads; elsewhere everything loads until the visitor says no.</param>
/// <param name="HasPrivacySignal">Whether the browser sends Global Privacy Control.</param>
/// <param name="HasBackend">Whether the client has its own backend, at the address in the document, which says where the visitor is; else the client says so itself.</param>
internal sealed record Visitor(bool IsAsked = true, bool HasPrivacySignal = false, bool HasBackend = false);

/// <summary>A kind of page that <c>docs/c15t.md</c> describes: what its site serves, how a visitor answers on it, and what becomes of it on a withdrawal.</summary>
internal abstract class PageKind : IAsyncDisposable
{
    private const string Hosted = "mode: 'hosted', backendURL: 'https://your-instance.c15t.dev'";
    private const string OlderHosted = "mode: 'c15t', backendURL: 'https://your-instance.c15t.dev'";

    /// <summary>The name of its table in the document.</summary>
    public abstract string Name { get; }

    public virtual OnWithdrawal OnWithdrawal => OnWithdrawal.Reload;

    /// <summary>Whether the page has a list when it is loaded while the edge is down.</summary>
    public virtual bool HasListWithoutEdge => false;

    /// <summary>Whether the page deletes what vendors stored.</summary>
    public virtual bool Erases => true;

    /// <summary>The version of the consent client, if it is not the newest.</summary>
    public virtual string? ClientVersion => null;

    /// <summary>The versions whose scripts the page's policy permits.</summary>
    public WalkedScope[] Versions { get; init; } = [WalkedScope.First, WalkedScope.Second];

    /// <summary>Registers the site's page and its files.</summary>
    public abstract Task ServeAsync(OfflineSite site, Visitor visitor, CancellationToken cancellationToken);

    /// <summary>Lets the edge serve this version from now on, or be down.</summary>
    public virtual Task PublishAsync(OfflineSite site, WalkedScope? scope, CancellationToken cancellationToken)
    {
        if (scope is null) site.Refuse(RecipePage.ListUrl);
        else site.Serve(RecipePage.ListUrl, scope.List.ToJsonString(), "application/json");
        return Task.CompletedTask;
    }

    public virtual ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>The categories that the consent dialog offers.</summary>
    public virtual Task<string[]> OfferedAsync(IPage page) =>
        page.EvaluateAsync<string[]>("() => c15tStore.getState().getDisplayedConsents().map(consent => consent.name)");

    public virtual Task RejectAsync(IPage page) => page.EvaluateAsync("() => { c15tStore.getState().saveConsents('necessary') }");

    public virtual Task AcceptAsync(IPage page) => page.EvaluateAsync("() => { c15tStore.getState().saveConsents('all') }");

    /// <summary>The visitor chooses exactly these categories.</summary>
    public virtual Task ChooseAsync(IPage page, IReadOnlyCollection<string> granted) => page.EvaluateAsync(
        """
        granted => {
          const store = c15tStore.getState();
          for (const category of ['functionality', 'experience', 'measurement', 'marketing']) store.setSelectedConsent(category, granted.includes(category));
          store.saveConsents('custom');
        }
        """, granted);

    /// <summary>Options of a client without a backend that takes the visitor to be where the visitor is.</summary>
    protected string Place(Visitor visitor) => (ClientVersion, visitor.IsAsked) switch
    {
        (null, true) => "mode: 'offline', offlinePolicy: { policyPacks: [policyPackPresets.europeOptIn()] }, overrides: { country: 'DE' }",
        (null, false) => "mode: 'offline', offlinePolicy: { policyPacks: [policyPackPresets.californiaOptOut()] }, overrides: { country: 'US', region: 'CA' }",
        (_, true) => "overrides: { country: 'DE' }",
        (_, false) => "overrides: { country: 'US' }",
    };

    /// <summary>A file of <c>docs/c15t.md</c> as the site's build makes it, for a client without a backend that takes the visitor to be where the visitor is.</summary>
    /// <param name="change">What a test changes in the files beforehand.</param>
    protected async Task<string> BundleAsync(string file, Visitor visitor, CancellationToken cancellationToken, Func<RecipeFiles, Task>? change = null)
    {
        using var files = await RecipeFiles.ReadAsync("docs/c15t.md", cancellationToken);
        if (change is not null) await change(files);
        if (visitor.HasBackend) return await files.BundleAsync(file, cancellationToken, ClientVersion);
        var place = Place(visitor);
        if (ClientVersion is null)
        {
            await files.ReplaceAsync(file, Hosted, place + (OnWithdrawal == OnWithdrawal.Stay ? ", reloadOnConsentRevoked: false" : ""), cancellationToken);
            await files.ReplaceAsync(file, "import { getOrCreateConsentRuntime }", "import { getOrCreateConsentRuntime, policyPackPresets }", cancellationToken);
        }
        else
        {
            await files.ReplaceAsync(file, OlderHosted, "mode: 'offline'", cancellationToken);
            await files.ReplaceAsync(file, "experimental_globalPrivacyControl: true", "experimental_globalPrivacyControl: true, " + place, cancellationToken);
        }
        return await files.BundleAsync(file, cancellationToken, ClientVersion);
    }
}
