using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Generator.Tests.Destinations;

/// <summary>Settings in which everything that must stay behind is marked: every private field, fields no type knows, and refused values.</summary>
internal static class CanarySettings
{
    public const string Canary = "CANARY";

    /// <summary>The least settings of a type, its private fields and undeclared ones filled with canaries: it loads.</summary>
    public static JsonObject Valid(DestinationType type)
    {
        var settings = JsonNode.Parse(Samples.Settings[type.Name].Least)!.AsObject();
        foreach (var field in type.AllFields.Where(field => field.Visibility == SettingVisibility.Private))
            foreach (var name in field.Keys)
                settings[name] = Value(field.Kind, $"{Canary}-{type.Name}-{name}");
        settings["somethingNew"] = $"{Canary}-undeclared";
        settings["somethingElse"] = 1;
        settings["nested"] = new JsonObject { ["secret"] = new JsonArray($"{Canary}-nested") };
        return settings;
    }

    /// <summary>As <see cref="Valid"/>, and each field, the private ones too, breaks its rule with a canary: it is refused, with a message for each.</summary>
    public static JsonObject Refused(DestinationType type)
    {
        var settings = Valid(type);
        foreach (var field in type.AllFields)
            settings[field.Name] = field.Kind switch
            {
                SettingKind.Flag or SettingKind.Number or SettingKind.HttpsUrl or SettingKind.UrlOrPath => $"{Canary} is no such value",
                SettingKind.JsonObject => $"{Canary} is no object",
                SettingKind.TextList => new JsonObject { ["a"] = $"{Canary} is no list" },
                _ when field.Pattern is not null || !field.OneOf.IsEmpty => $"{Canary} breaks the rule!",
                _ => new JsonObject { [$"{Canary}-key"] = $"{Canary} is an object" },
            };
        return settings;
    }

    private static JsonNode Value(SettingKind kind, string canary) => kind switch
    {
        SettingKind.JsonObject => new JsonObject { [canary] = canary },
        SettingKind.TextList => new JsonArray(canary),
        SettingKind.Flag => true,
        SettingKind.Number => 1,
        SettingKind.HttpsUrl => $"https://{canary.ToLowerInvariant()}.example/{canary}",
        _ => canary,
    };
}
