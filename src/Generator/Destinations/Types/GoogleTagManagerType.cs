using System.Collections.Immutable;
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
/// </remarks>
public sealed partial class GoogleTagManagerType : DestinationType
{
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
        """{"containerId":"GTM-FULL","updateEventName":"consent-changed","consentMapping":{"marketing":["ad_storage","analytics_storage"],"necessary":["security_storage"]}}""");

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
            Required = true, OtherNames = ["containerId"], Pattern = ContainerId(), PatternInWords = "a container id such as GTM-XXXXXXX",
            OtherType = new(GoogleAnalyticsType.TagId(), "the id of a Google tag", "google-analytics"),
        },
        new("updateEventName", SettingKind.Text, "The data layer event after each change of the consent state, for triggers in the container.")
        {
            MaxLength = 100, DefaultJson = "\"consent-update\"",
        },
        GoogleConsentMode.MappingSetting,
    ];

    /// <inheritdoc/>
    protected internal override void Check(DestinationSettings settings, List<SettingProblem> problems) =>
        GoogleConsentMode.CheckMapping(settings, problems);

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var id = scripts.Settings.RequiredText("id");
        scripts.Start(
            new VendorLibrary(PageUrl.Of($"https://www.googletagmanager.com/gtm.js?id={id}")),
            config => config.WriteString("updateEventName", scripts.Settings.Text("updateEventName") ?? "consent-update"));
    }

    [GeneratedRegex("^GTM-[A-Za-z0-9]{1,20}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex ContainerId();
}
