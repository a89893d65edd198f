using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Fullstory's capture script: <see href="https://developer.fullstory.com/browser/getting-started/"/>.</summary>
/// <remarks>
/// A page has one organization. On withdrawal the capture is shut down by the vendor's own call, after which Fullstory receives nothing, and a new grant restarts it
/// (<see href="https://developer.fullstory.com/browser/v2/auto-capture/capture-data/"/>). The queue takes the vendor's calls until the library has come; what the vendor's own snippet does with the page's network functions for
/// requests before that is left out.
/// </remarks>
public sealed partial class FullstoryType : DestinationType
{
    private const string CookiePage = "https://help.fullstory.com/hc/en-us/articles/360020829513-Why-Fullstory-uses-First-Party-Cookies";

    /// <inheritdoc/>
    public override string Name => "fullstory";

    /// <inheritdoc/>
    public override string Title => "Fullstory";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Fullstory, Inc.", "https://www.fullstory.com/legal/privacy-policy/", "Records how visitors use a site, so that its owner can watch visits again and analyse them.", "https://www.fullstory.com/legal/ccpa/");

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"orgId":"ABC123"}""",
        """{"org":"o-DEF456-eu1","host":"fs.example","scriptUrl":"https://fs.example/s/fs.js","debug":true,"runInIframe":true,"cookieDomain":"shop.example"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://developer.fullstory.com/browser/getting-started/");

    /// <inheritdoc/>
    /// <remarks>Hosts: <see href="https://help.fullstory.com/hc/en-us/articles/360020622854"/>; those of the EU, or of a relay of one's own, take their place.</remarks>
    public override VendorHosts Hosts { get; } = HostsOf("fullstory.com");

    /// <inheritdoc/>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        new(BrowserStore.Cookie, "fs_uid", CookiePage),
        new(BrowserStore.Cookie, "fs_lua", CookiePage),
        new(BrowserStore.Cookie, "fs_cid", CookiePage),
    ];

    /// <inheritdoc/>
    public override WithdrawalEffect AfterWithdrawal => WithdrawalEffect.Stopped;

    /// <inheritdoc/>
    public override PackageComparison Package => PackageComparison.NotInPackage;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("orgId", SettingKind.Text, "The organization's id; a region at its end, such as -eu1, chooses the hosts.") { Required = true, OtherNames = ["org", "fs_org", "_fs_org"], Pattern = Org(), PatternInWords = "1 to 40 letters, digits and -" },
        new("host", SettingKind.Text, "Where recordings go: Fullstory, or a relay of your own, as a host name.") { OtherNames = ["fs_host", "_fs_host"], Pattern = HostName(), PatternInWords = "a host name such as fullstory.com" },
        new("scriptUrl", SettingKind.HttpsUrl, "The library; derived from orgId.") { OtherNames = ["scriptSrc"] },
        new("debug", SettingKind.Flag, "Whether the library explains itself in the console; test mode does so too.") { OtherNames = ["_fs_debug"], DefaultJson = "false" },
        new("runInIframe", SettingKind.Flag, "Whether a page in a frame of another site is recorded on its own.") { OtherNames = ["recordOnlyThisIFrame", "_fs_run_in_iframe"], DefaultJson = "false" },
        new("cookieDomain", SettingKind.Text, "The domain of the library's cookies.") { OtherNames = ["_fs_cookie_domain"], Pattern = HostName(), PatternInWords = "a domain name" },
        new("apiKey", SettingKind.Text, "The API's key, used on the server only.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Check(DestinationSettings settings, List<SettingProblem> problems)
    {
        if (settings.Text("host") is { } host && PageUrl.From($"https://{host}") is null) problems.Add(SettingProblem.NotAs("host", "a valid host name", host));
    }

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var orgId = settings.RequiredText("orgId");
        var region = Region().Match(orgId) is { Success: true } match && match.Groups[1].Value != "na1" ? $"{match.Groups[1].Value}." : "";
        var vendor = $"{region}fullstory.com";
        var host = settings.Text("host") ?? vendor;
        var script = settings.Url("scriptUrl") ?? PageUrl.Of($"https://edge.{vendor}/s/fs.js");
        if (region.Length > 0) scripts.ContactInstead(HostsOf(vendor));
        if (settings.Has("host")) scripts.ConnectInstead(PageUrl.Of($"https://{host}"));
        scripts.Start(new VendorLibrary(script).With(("crossorigin", "anonymous")), config =>
        {
            config.WriteStartObject("settings");
            config.WriteString("_fs_host", host);
            config.WriteString("_fs_script", script.Text["https://".Length..]);
            config.WriteString("_fs_org", orgId);
            config.WriteString("_fs_namespace", "FS");
            if (scripts.TestMode || settings.Flag("debug", false)) config.WriteBoolean("_fs_debug", true);
            if (settings.Flag("runInIframe") is { } alone) config.WriteBoolean("_fs_run_in_iframe", alone);
            if (settings.Text("cookieDomain") is { } domain) config.WriteString("_fs_cookie_domain", domain);
            config.WriteEndObject();
        });
    }

    private static VendorHosts HostsOf(string host) => new()
    {
        Basis = HostBasis.Guide,
        Documentation = new("https://help.fullstory.com/hc/en-us/articles/360020622854"),
        Script = [$"https://edge.{host}", $"https://rs.{host}"],
        Connect = [$"https://edge.{host}", $"https://rs.{host}"],
        Image = [$"https://rs.{host}"],
    };

    [GeneratedRegex("^[A-Za-z0-9-]{1,40}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Org();

    [GeneratedRegex("-([a-z]{2}[0-9])\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Region();

    [GeneratedRegex("^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,200}[A-Za-z0-9])?\\z", RegexOptions.CultureInvariant)]
    private static partial Regex HostName();
}
