using System.Text;
using System.Text.Json;

namespace ConsentSnapshots.EdgeApi.Tests.Fuzz;

/// <summary>What a request target asks for.</summary>
/// <param name="Organization">Whose scripts; null where that cannot be read.</param>
/// <param name="Everything">Whether the target is the gated list or the tags, which have every script for everybody.</param>
/// <param name="Granted">The categories that were granted beside <c>necessary</c>. Empty where the consent cannot be understood.</param>
/// <param name="Understood">Whether the consent can be understood.</param>
internal sealed record Reading(string? Organization, bool Everything, IReadOnlySet<string> Granted, bool Understood)
{
    public static Reading Nothing { get; } = new(null, false, new HashSet<string>(), false);
}

/// <summary>
/// Reads a request target once more, from what the contract says and with none of the edge's code, so that a fault of the edge's reading is not repeated here. Where it is in doubt, nothing was granted.
/// </summary>
internal static class SecondReading
{
    public static readonly string[] Optional = ["functionality", "experience", "measurement", "marketing"];

    /// <summary>Reads a target as it stands in the request line, one character for each byte.</summary>
    public static Reading Of(string target)
    {
        if (target.StartsWith("http://", StringComparison.OrdinalIgnoreCase)) target = target.IndexOf('/', 7) is var slash and > 0 ? target[slash..] : "/";
        var mark = target.IndexOf('?', StringComparison.Ordinal);
        var (path, query) = mark < 0 ? (target, "") : (target[..mark], target[(mark + 1)..]);
        var segments = Segments(Decode(path, plusIsBlank: false));
        var parameters = Parameters(query);
        switch (segments)
        {
            case [var v1, var organization, _, var name] when Same(v1, "v1"):
                if (Same(name, "scripts.json") || Same(name, "config") || Same(name, "tags.js")) return new Reading(organization, true, Set(Optional), true);
                return Same(name, "scripts") ? Consent(organization, parameters) : Reading.Nothing;
            case [var v1, var organization, _, var scripts, var file] when Same(v1, "v1") && Same(scripts, "scripts") && file.EndsWith(".json", StringComparison.OrdinalIgnoreCase):
                var named = file[..^5].Split('-');
                // Each at most once and in the order of the categories, or `necessary` alone.
                return Optional.Where(named.Contains).SequenceEqual(named) ? new Reading(organization, false, Set(named), true)
                    : named is ["necessary"] ? new Reading(organization, false, Set([]), true)
                    : Reading.Nothing;
            case [var analytics, var scripts] when Same(analytics, "analytics") && Same(scripts, "scripts"):
                var organizations = parameters.Where(parameter => parameter.Name == "organizationId").ToList();
                return organizations is [var (_, only)] ? Consent(only, parameters) : Reading.Nothing;
            default:
                return Reading.Nothing;
        }
    }

    /// <summary>The segments of a path, those taken away that dots take away.</summary>
    private static string[] Segments(string path)
    {
        var segments = new List<string>();
        foreach (var segment in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (segment == "..") segments = segments[..Math.Max(0, segments.Count - 1)];
            else if (segment != ".") segments.Add(segment);
        }
        return [.. segments];
    }

    private static Reading Consent(string organization, List<(string Name, string Value)> parameters)
    {
        var wholes = parameters.Where(parameter => parameter.Name == "consent").Select(parameter => parameter.Value).ToList();
        var parts = parameters.Where(parameter => parameter.Name == "necessary" || Optional.Contains(parameter.Name)).ToList();
        var granted = (wholes, parts) switch
        {
            ([var whole], []) => OfWhole(whole.Trim()),
            ([], [_, ..]) when parts.Select(part => part.Name).Distinct().Count() == parts.Count && parts.TrueForAll(part => part.Value is "true" or "false") =>
                parts.Where(part => part.Value == "true").Select(part => part.Name),
            _ => null,
        };
        return granted is null ? new Reading(organization, false, Set([]), false) : new Reading(organization, false, Set(granted.Where(Optional.Contains)), true);
    }

    /// <summary>A JSON object of booleans, or a list of names.</summary>
    private static List<string>? OfWhole(string text)
    {
        if (!text.StartsWith('{'))
        {
            var names = text.Split(',').Select(name => name.Trim()).ToList();
            return names.Distinct().Count() == names.Count && names.TrueForAll(name => name.Length > 0 && name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_')) ? names : null;
        }
        try
        {
            using var document = JsonDocument.Parse(text);
            var members = document.RootElement.EnumerateObject().Select(member => (member.Name, member.Value.ValueKind)).ToList();
            return members.Select(member => member.Name).Distinct().Count() == members.Count && members.TrueForAll(member => member.ValueKind is JsonValueKind.True or JsonValueKind.False)
                ? [.. members.Where(member => member.ValueKind == JsonValueKind.True).Select(member => member.Name)]
                : null;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static List<(string Name, string Value)> Parameters(string query)
    {
        var parameters = new List<(string, string)>();
        foreach (var pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var sign = pair.IndexOf('=', StringComparison.Ordinal);
            parameters.Add(sign < 0 ? (Decode(pair, true), "") : (Decode(pair[..sign], true), Decode(pair[(sign + 1)..], true)));
        }
        return parameters;
    }

    /// <summary>Percent-decoding into UTF-8. What is no escape stays as it is.</summary>
    private static string Decode(string text, bool plusIsBlank)
    {
        var bytes = new List<byte>(text.Length);
        for (var index = 0; index < text.Length; index++)
        {
            if (text[index] == '%' && index + 2 < text.Length && char.IsAsciiHexDigit(text[index + 1]) && char.IsAsciiHexDigit(text[index + 2]))
            {
                bytes.Add(Convert.FromHexString(text.AsSpan(index + 1, 2))[0]);
                index += 2;
            }
            else
            {
                bytes.Add(plusIsBlank && text[index] == '+' ? (byte)' ' : (byte)text[index]);
            }
        }
        return Encoding.UTF8.GetString([.. bytes]);
    }

    private static bool Same(string one, string other) => one.Equals(other, StringComparison.OrdinalIgnoreCase);

    private static HashSet<string> Set(IEnumerable<string> names) => [.. names];
}
