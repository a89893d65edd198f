using System.Collections.Immutable;
using ConsentSnapshots.Generator.Consent;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>The platform's own event log: events are written on the server, so a browser loads nothing.</summary>
public sealed class ConsoleType : DestinationType
{
    /// <inheritdoc/>
    public override string Name => "console";

    /// <inheritdoc/>
    public override string Title => "Console";

    /// <inheritdoc/>
    public override string? Vendor => null;

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Necessary;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        "{}",
        """{"logLevel":"debug"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://c15t.com/docs");

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.NotInPackage;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("logLevel", SettingKind.Text, "How much the server writes.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
    }
}
