using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Promptwatch: <see href="https://promptwatch.com"/>.</summary>
/// <remarks>The vendor has no consent call: after withdrawal the library that runs stays until the page is left, and it is not loaded a second time when consent is granted again.</remarks>
public sealed partial class PromptwatchType : DestinationType
{
    /// <inheritdoc/>
    public override string Name => "promptwatch";

    /// <inheritdoc/>
    public override string Title => "Promptwatch";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Promptwatch B.V.", "https://promptwatch.com/privacy-policy",
        "Shows which AI assistants read the site and send visitors to it.",
        "https://github.com/c15t/c15t/tree/14d14f0bee6e9d70f05b8a4a8b41fe6064c07454/packages/integrations");

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"projectId":"a-1"}""",
        """{"projectId":"b-2","scriptUrl":"https://pw.example/a.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://promptwatch.com");

    /// <inheritdoc/>
    /// <remarks>The client sends to the host it comes from.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://ingest.promptwatch.com"],
        Connect = ["https://ingest.promptwatch.com"],
    };

    /// <inheritdoc/>
    public override string NotDeclaredBecause => "no page of the vendor that was found says what it leaves";

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Equivalent;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("projectId", SettingKind.Text, "The project's id.") { Required = true, OtherNames = ["data-project-id"], Pattern = Id(), PatternInWords = "1 to 64 letters, digits, _ and -" },
        new("scriptUrl", SettingKind.HttpsUrl, "The loader.") { OtherNames = ["scriptSrc", "src"], DefaultJson = "\"https://ingest.promptwatch.com/js/client.min.js\"" },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        if (scripts.Settings.Url("scriptUrl") is { } own) scripts.ContactInstead(own);
        scripts.LoadVendor(scripts.Settings.Url("scriptUrl") ?? PageUrl.Of("https://ingest.promptwatch.com/js/client.min.js"),
            [("data-project-id", scripts.Settings.RequiredText("projectId"))], defer: false);
    }

    [GeneratedRegex("^[A-Za-z0-9_-]{1,64}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Id();
}
