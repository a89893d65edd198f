using System.Text.RegularExpressions;

namespace ConsentSnapshots.Generator.Destinations;

/// <summary>A setting that says where a vendor's script sends data: an https URL, or a path of the site itself.</summary>
internal static partial class EndpointSetting
{
    /// <summary>Declares one.</summary>
    public static SettingField Field(string name, string what) =>
        new(name, SettingKind.UrlOrPath, $"Where {what} go: an https URL or a path of the site.") { Pattern = Pattern(), PatternInWords = "an https URL, or a path that begins with /" };

    /// <summary>The URL; null where the setting is not set, or a path of the site.</summary>
    public static Uri? EndpointUrl(this DestinationSettings settings, string name) => settings.Url(name);

    // A path begins with one slash: with two, or with a backslash, a browser takes what follows for a host.
    [GeneratedRegex("^(?:https://[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?(?=[/?#]|\\z)|/(?![/\\\\]))[^\\s\\\\\"'<>`]{0,2000}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
