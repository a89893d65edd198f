using System.Globalization;
using System.Text.Json;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Generator.Benchmarks;

/// <summary>A scope of six destinations as many sites have them; <c>npm-package.mjs</c> resolves the same six.</summary>
internal static class SixDestinations
{
    public static readonly Scope Scope = new(OrganizationId.Parse("acme"), DeploymentEnvironment.Production);

    /// <summary>Settings of scope <paramref name="number"/>: every id is its own, so that nothing can be remembered from another scope.</summary>
    public static (string Type, string Settings)[] Settings(int number)
    {
        var digits = number.ToString("D8", CultureInfo.InvariantCulture);
        return
        [
            ("google-tag-manager", $$"""{"id":"GTM-{{digits}}"}"""),
            ("google-analytics", $$"""{"id":"G-{{digits}}"}"""),
            ("meta-pixel", $$"""{"pixelId":"1{{digits}}"}"""),
            ("posthog", $$"""{"id":"phc_{{digits}}","apiHost":"https://eu.i.posthog.com"}"""),
            ("mixpanel", $$"""{"token":"0123456789abcdef01234567{{digits}}"}"""),
            ("tiktok-pixel", $$"""{"pixelId":"C{{digits}}"}"""),
        ];
    }

    /// <summary>The rows of scope <paramref name="number"/>, their settings read from JSON.</summary>
    public static OpenedDestination[] Rows(int number) =>
    [
        .. Settings(number).Select((destination, index) => new OpenedDestination(
            new Destination
            {
                Id = new Guid(number, (short)index, 0x4000, [0x80, 0, 0, 0, 0, 0, 0, 0]),
                Type = destination.Type,
                CreatedAt = DateTimeOffset.UnixEpoch.AddDays(20_000).AddMinutes(index),
            },
            JsonElement.Parse(destination.Settings))),
    ];
}
