using System.Collections.Immutable;
using System.Text.Json;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>A Google Tag Manager container: <see href="https://developers.google.com/tag-platform/tag-manager/web"/>.</summary>
/// <remarks>
/// <para>
/// A container can hold anything, so an organization that names no consent gets the strictest category. <c>{necessary}</c> is the explicit choice to load it for
/// everybody and leave the decision to the container's consent settings (Google's advanced mode), which is what the npm package always does.
/// </para>
/// <para>
/// The event after an update is pushed to the data layer as Google documents it. The npm package calls <c>gtag("event", …)</c>, which a Google tag
/// on the same page would also send to Analytics as an event of the visitor.
/// </para>
/// <para>
/// Environments: <see href="https://support.google.com/tagmanager/answer/6311518"/>. A loader of one's own, from a tagging server or a path of the site:
/// <see href="https://developers.google.com/tag-platform/tag-manager/server-side/dependency-serving"/>. Both read 2026-11-26.
/// </para>
/// </remarks>
public sealed partial class GoogleTagManagerType : DestinationType
{
    private const string ValuesField = GoogleConsentMode.DefaultLayer;

    private static readonly PageUrl s_loader = PageUrl.Of("https://www.googletagmanager.com/gtm.js");

    /// <inheritdoc/>
    public override string Name => "google-tag-manager";

    /// <inheritdoc/>
    public override ImmutableArray<string> Aliases => ["gtm"];

    /// <inheritdoc/>
    public override string Title => "Google Tag Manager";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Google LLC", "https://policies.google.com/privacy",
        "Loads the tags that the site's container holds, by Google and by others.",
        "https://policies.google.com/privacy")
    {
        Elsewhere = "for users in the EEA and Switzerland Google Ireland Limited",
    };

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Marketing;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"id":"GTM-LEAST"}""",
        """
        {"containerId":"GTM-FULL","auth":"aB3_x-9","preview":"env-7","dataLayerName":"siteLayer","dataLayer":{"pageType":"home"},"scriptUrl":"https://sgtm.example/gtm.js","updateEventName":"consent-changed",
         "consentMapping":{"marketing":["ad_storage","analytics_storage"],"necessary":["security_storage"]}}
        """);

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://developers.google.com/tag-platform/tag-manager/web");

    /// <inheritdoc/>
    public override SharedBootstrap Bootstrap => GoogleConsentMode.Instance;

    /// <inheritdoc/>
    /// <remarks>Hosts: <see href="https://developers.google.com/tag-platform/security/guides/csp"/>, the container itself; what its tags need comes on top, and nobody but the container's owner knows it.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Basis = HostBasis.Guide,
        Documentation = new("https://developers.google.com/tag-platform/security/guides/csp"),
        Withheld = "what the container's tags need, which only its owner knows",
        Script = ["https://www.googletagmanager.com"],
        Connect = ["https://www.googletagmanager.com", "https://www.google.com"],
        Image = ["https://www.googletagmanager.com"],
    };

    /// <inheritdoc/>
    /// <remarks>What Google's own tags in a container leave; what others leave only its owner knows.</remarks>
    public override ImmutableArray<StoredName> StoredNames => GoogleConsentMode.StoredNames;

    /// <inheritdoc/>
    public override WithdrawalEffect AfterWithdrawal => WithdrawalEffect.Told;

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "the event after an update is pushed to the data layer as Google documents it; the package's gtag call would also "
        + "reach Analytics as an event; a signal that the mapping leaves out is denied, and an ad or analytics signal under necessary is refused");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("id", SettingKind.Text, "The container's id.")
        {
            Required = true, OtherNames = ["containerId", "gtmId"], Pattern = ContainerId(), PatternInWords = "a container id such as GTM-XXXXXXX",
            OtherType = new(GoogleAnalyticsType.TagId(), "the id of a Google tag", "google-analytics"),
        },
        new("updateEventName", SettingKind.Text, "The data layer event after each change of the consent state, for triggers in the container.")
        {
            MaxLength = 100, DefaultJson = "\"consent-update\"",
        },
        GoogleConsentMode.MappingSetting,
        new("auth", SettingKind.Text, "The authorization of a container's environment, gtm_auth in the environment's snippet.")
        {
            OtherNames = ["gtmAuth", "gtm_auth"], Pattern = EnvironmentAuth(), PatternInWords = "the gtm_auth of the environment's snippet (letters, digits, _ and -)",
        },
        new("preview", SettingKind.Text, "The container's environment, gtm_preview in the environment's snippet.")
        {
            OtherNames = ["gtmPreview", "gtm_preview"], Pattern = EnvironmentName(), PatternInWords = "the gtm_preview of the environment's snippet, such as env-3",
        },
        GoogleConsentMode.LayerSetting(),
        new(ValuesField, SettingKind.JsonValue, "The data layer's name, or an object of values that are in it before the container starts."),
        new("scriptUrl", SettingKind.UrlOrPath, "The loader, gtm.js, from a tagging server or a path of the site; the container's parameters are added.") { OtherNames = ["gtmScriptUrl", "customScriptSrc", "scriptSrc"] },
    ];

    /// <inheritdoc/>
    protected internal override void Check(DestinationSettings settings, List<SettingProblem> problems)
    {
        GoogleConsentMode.CheckMapping(settings, problems);
        if (settings.Has("auth") != settings.Has("preview"))
        {
            var (there, missing) = settings.Has("auth") ? ("auth", "preview") : ("preview", "auth");
            problems.Add(new SettingProblem(there, $"'{there}' and '{missing}' name an environment of the container together, and '{missing}' is missing: with one of them alone, Google loads the live container."));
        }
        if (settings.Value(ValuesField) is not { ValueKind: not JsonValueKind.Object } value) return;
        var name = value.ValueKind == JsonValueKind.String ? value.GetString()!.Trim() : "";
        if (!GoogleConsentMode.LayerName().IsMatch(name)) problems.Add(SettingProblem.NotAs(ValuesField, "the name of a variable, or an object of values", value));
        else if (settings.Text(GoogleConsentMode.LayerField) is { } other && other != name)
            problems.Add(new SettingProblem(ValuesField, $"'{ValuesField}' and '{GoogleConsentMode.LayerField}' name two data layers. Keep one of them."));
    }

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var layer = LayerOf(settings);
        scripts.Start(new VendorLibrary(Loader(settings, layer)), config =>
        {
            config.WriteString("updateEventName", settings.Text("updateEventName") ?? "consent-update");
            if (layer is not null) config.WriteString("layer", layer);
            if (settings.Value(ValuesField) is { ValueKind: JsonValueKind.Object } values) config.WriteSetting("values", values);
        });
        scripts.Contact(CspDirective.Connect, settings.Url("scriptUrl"));
        scripts.Contact(CspDirective.Image, settings.Url("scriptUrl"));
    }

    /// <summary>The parameters of the vendor's snippet, in its order.</summary>
    private static PageUrl Loader(DestinationSettings settings, string? layer)
    {
        var url = (settings.Url("scriptUrl") ?? s_loader).With(("id", settings.RequiredText("id")));
        if (layer is not null) url = url.With(("l", layer));
        return settings.Text("auth") is { } auth ? url.With(("gtm_auth", auth), ("gtm_preview", settings.Text("preview")!), ("gtm_cookies_win", "x")) : url;
    }

    /// <summary>The data layer of a Google tag, where it is not the usual one; null where it is.</summary>
    internal static string? LayerOf(DestinationSettings settings) => GoogleConsentMode.OwnLayer(settings.Text(GoogleConsentMode.LayerField) ?? NameIn(settings));

    /// <summary>The name that a container's setting of the same name as the usual layer may be; a Google tag has no such setting of its own.</summary>
    private static string? NameIn(DestinationSettings settings) =>
        settings.Knows(ValuesField) && settings.Value(ValuesField) is { ValueKind: JsonValueKind.String } name && name.GetString()!.Trim() is { Length: > 0 } text ? text : null;

    [GeneratedRegex("^[A-Za-z0-9_-]{1,64}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex EnvironmentAuth();

    [GeneratedRegex("^env-[0-9]{1,10}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex EnvironmentName();

    [GeneratedRegex("^GTM-[A-Za-z0-9]{1,20}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex ContainerId();
}
