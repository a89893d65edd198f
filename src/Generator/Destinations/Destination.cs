using System.Collections.Immutable;
using System.Text.Json;

namespace ConsentSnapshots.Generator.Destinations;

/// <summary>One configured row of the source, as it stands there: settings may still be an encrypted envelope.</summary>
public sealed record Destination
{
    /// <summary>The row's id; the file source derives one from the entry's place.</summary>
    public required Guid Id { get; init; }

    /// <summary>The destination type's name or alias, for example <c>meta-pixel</c>.</summary>
    public required string Type { get; init; }

    /// <summary>What the organization calls it.</summary>
    public string Name { get; init; } = "";

    /// <summary>The environment's wire name as the row has it; null means all three.</summary>
    public string? Environment { get; init; }

    /// <summary>The settings object, or the envelope it is encrypted in.</summary>
    public JsonElement Settings { get; init; }

    /// <summary>Whether <see cref="Settings"/> is meant to be an envelope.</summary>
    public bool SettingsEncrypted { get; init; }

    /// <summary>The row's <c>required_consent</c>; empty means the default category that the type gives for these settings.</summary>
    public ImmutableArray<string> RequiredConsent { get; init; } = [];

    /// <summary>Whether the organization switched it on.</summary>
    public bool Enabled { get; init; } = true;

    /// <summary>Turns on the vendor's debug mode where it has one.</summary>
    public bool TestMode { get; init; }

    /// <summary>Whether the row is deleted softly.</summary>
    public bool Deleted { get; init; }

    /// <summary>When the row was created: the first key of the order within a scope.</summary>
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>What kept the source from giving the row whole; the destination is left out for it. Null for a row that was read whole.</summary>
    public DestinationProblem? Problem { get; init; }
}
