using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>A container of Matomo Tag Manager: <see href="https://developer.matomo.org/guides/tagmanager/embedding"/>, read 2026-11-26.</summary>
/// <remarks>
/// A container can hold anything, so an organization that names no consent gets the strictest category. The vendor has no consent call for a container: after withdrawal what runs stays until the page is
/// left. A page may have several containers, each with its start event, as when their codes stand one after the other.
/// </remarks>
public sealed partial class MatomoTagManagerType : DestinationType
{
    /// <inheritdoc/>
    public override string Name => "matomo-tag-manager";

    /// <inheritdoc/>
    public override string Title => "Matomo Tag Manager";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "InnoCraft Limited", "https://matomo.org/matomo-cloud-privacy-policy/",
        "Loads the tags that a site's own Matomo container holds, from the site's own server or from Matomo's cloud.",
        "https://matomo.org/matomo-cloud-privacy-policy/");

    /// <inheritdoc/>
    public override string NotDeclaredBecause => "what the tags of a container leave only its owner knows";

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Marketing;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"containerId":"ZBKVC5xi","cloudId":"my-site"}""",
        """{"containerId":"container_6OMh6taM_dev_0123456789abcdef01234567.js","matomoUrl":"https://ma.example/matomo/","scriptUrl":"/js/container.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://developer.matomo.org/guides/tagmanager/embedding");

    /// <inheritdoc/>
    /// <remarks>Hosts of Matomo Cloud; a snapshot grants those of its own container only, and what its tags need its owner knows.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Withheld = "what the container's tags need, which only its owner knows",
        Script = ["https://cdn.matomo.cloud"],
        Connect = ["https://*.matomo.cloud"],
        Image = ["https://*.matomo.cloud"],
    };

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.NotInPackage;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("containerId", SettingKind.Text, "The container's id, the part of its file's name after container_; for an environment, all of the file's name.")
        {
            OtherNames = ["idContainer", "id"], Pattern = ContainerId(), PatternInWords = "a container's id such as ZBKVC5xi, or the name of its file",
        },
        new("matomoUrl", SettingKind.UrlOrPath, "Where Matomo is; this or cloudId is required beside containerId, unless scriptUrl is set.") { IsBaseUrl = true, OtherNames = ["url", "host"] },
        new("cloudId", SettingKind.Text, "The name of a Matomo Cloud: my-site or my-site.matomo.cloud.") { Pattern = MatomoAnalyticsType.CloudId(), PatternInWords = "a name such as my-site.matomo.cloud" },
        new("scriptUrl", SettingKind.UrlOrPath, "The container; derived from containerId and matomoUrl or cloudId.") { OtherNames = ["containerUrl", "scriptSrc"] },
        new("tokenAuth", SettingKind.Text, "The HTTP API's token, used on the server only.") { OtherNames = ["token_auth"], Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Check(DestinationSettings settings, List<SettingProblem> problems)
    {
        if (settings.Has("scriptUrl")) return;
        if (!settings.Has("containerId")) problems.Add(new SettingProblem("containerId", "'containerId' is required and missing, unless 'scriptUrl' is set: the container's id."));
        if (!settings.Has("matomoUrl") && !settings.Has("cloudId"))
            problems.Add(new SettingProblem("matomoUrl", "'matomoUrl' is required and missing, unless 'cloudId' or 'scriptUrl' is set: where Matomo is."));
    }

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var (container, matomo) = Urls(settings);
        scripts.ContactInstead(matomo);
        scripts.Contact(CspDirective.Image, matomo);
        scripts.Start(new VendorLibrary(container));
    }

    /// <summary>The container, and where Matomo is, which the container's Matomo tags send to.</summary>
    private static (PageUrl Container, PageUrl Matomo) Urls(DestinationSettings settings)
    {
        var file = settings.Text("containerId") is { } id ? $"container_{ContainerId().Match(id).Groups["id"].Value}.js" : null;
        if (settings.BaseUrl("matomoUrl") is { } own) return (settings.Url("scriptUrl") ?? PageUrl.Of($"{own}/js/{file}"), PageUrl.Of(own));
        if (settings.Text("cloudId") is not { } cloud) return (settings.RequiredUrl("scriptUrl"), settings.RequiredUrl("scriptUrl"));
        var host = $"{MatomoAnalyticsType.CloudId().Match(cloud).Groups[1].Value}.matomo.cloud";
        return (settings.Url("scriptUrl") ?? PageUrl.Of($"https://cdn.matomo.cloud/{host}/{file}"), PageUrl.Of($"https://{host}/"));
    }

    // An environment other than live has its name and a hash in the file's name: https://github.com/matomo-org/tag-manager, Context/WebContext.php.
    [GeneratedRegex("^(?:container_)?(?<id>[A-Za-z0-9]{1,20}(?:_[A-Za-z0-9]{1,40}_[0-9a-f]{1,64})?)(?:\\.js)?\\z", RegexOptions.CultureInvariant)]
    private static partial Regex ContainerId();
}
