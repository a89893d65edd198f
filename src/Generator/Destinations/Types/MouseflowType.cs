using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Mouseflow: <see href="https://js-api-docs.mouseflow.com/"/>.</summary>
/// <remarks>A page has one website of Mouseflow. On withdrawal the recording is stopped by the vendor's own call, and a new grant starts it again.</remarks>
public sealed partial class MouseflowType : DestinationType
{
    private const string CookiePage = "https://help.mouseflow.com/en/articles/4282966-what-is-your-cookie-policy";

    /// <inheritdoc/>
    public override string Name => "mouseflow";

    /// <inheritdoc/>
    public override string Title => "Mouseflow";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Mouseflow ApS", "https://mouseflow.com/legal/privacy", "Records how visitors use a site, so that its owner can watch visits again and see where they click.", "https://mouseflow.com/legal/privacy");

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"websiteId":"01234567-89ab-cdef-0123-456789abcdef"}""",
        """{"projectId":"fedcba98-7654-3210-fedc-ba9876543210","scriptUrl":"https://mf.example/a.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://js-api-docs.mouseflow.com/");

    /// <inheritdoc/>
    /// <remarks>The snippet's host, and the vendor's others, which recordings go to.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://cdn.mouseflow.com"],
        Connect = ["https://*.mouseflow.com"],
    };

    /// <inheritdoc/>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        new(BrowserStore.Cookie, "mf_user", CookiePage) { Lifetime = "90 days" },
        new(BrowserStore.Cookie, "mf_{websiteId}", CookiePage) { Part = settings => settings.Text("websiteId"), Lifetime = "session" },
    ];

    /// <inheritdoc/>
    public override WithdrawalEffect AfterWithdrawal => WithdrawalEffect.Stopped;

    /// <inheritdoc/>
    public override PackageComparison Package => PackageComparison.NotInPackage;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("websiteId", SettingKind.Text, "The website's id.") { Required = true, OtherNames = ["projectId", "mfid", "id"], Pattern = Id(), PatternInWords = "an id such as 01234567-89ab-cdef-0123-456789abcdef" },
        new("scriptUrl", SettingKind.HttpsUrl, "The loader; derived from websiteId.") { OtherNames = ["scriptSrc"] },
        new("apiKey", SettingKind.Text, "The API's key, used on the server only.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        scripts.Start(new VendorLibrary(settings.Url("scriptUrl") ?? PageUrl.Of($"https://cdn.mouseflow.com/projects/{settings.RequiredText("websiteId")}.js")));
    }

    [GeneratedRegex("^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Id();
}
