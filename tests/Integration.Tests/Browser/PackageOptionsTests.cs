using System.Text.Json;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Integration.Tests.Fixtures;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>The npm package's own type declarations, against the catalogue: every option a vendor's function takes is a setting of the same name here.</summary>
public sealed partial class PackageOptionsTests
{
    /// <summary>Options that are something else here, each with the reason.</summary>
    private static readonly Dictionary<string, string> Elsewhere = new(StringComparer.Ordinal)
    {
        ["crisp.tokenId"] = "it opens one visitor's conversations, and every visitor gets the same snapshot: it stays behind",
        ["databuddy.configWhenGranted"] = "not required here: left out, it is the vendor's own default, an empty configuration",
        ["databuddy.configWhenDenied"] = "the same, and it is disabled whatever this says",
        ["google-tag.category"] = "accepted and not used: the destination's required consent says it",
        ["google-tag.script"] = "accepted and not used: the package deprecates these overrides",
        ["rybbit-analytics.apiKey"] = "a key for a developer's own machine: the package writes it into the page for everyone to read, here it stays behind",
    };

    public static TheoryData<string> Declarations =>
        [.. Directory.GetFiles(Folder, "*.d.ts", SearchOption.AllDirectories)
            .Where(path => !path.Contains("_shared", StringComparison.Ordinal)).Select(path => Path.GetRelativePath(Folder, path)).Order(StringComparer.Ordinal)];

    private static string Folder => Path.Combine(RepositoryRoot.Path, "tests", "browser", "node_modules", "@c15t", "scripts", "dist-types", "vendors");

    [Theory]
    [MemberData(nameof(Declarations))]
    public void Fields_OfTheType_AreThePackagesOptions(string declaration)
    {
        var vendor = Path.GetFileName(declaration)[..^".d.ts".Length];
        Assert.True(DestinationCatalogue.BuiltIn.TryGet(vendor, out var type), $"There is no type for the package's {vendor}.");
        var declared = MembersOf(declaration);
        Assert.NotEmpty(declared);

        var fields = type.Fields.ToDictionary(field => field.Name, StringComparer.Ordinal);
        foreach (var member in declared)
        {
            var name = member.Groups["name"].Value;
            Assert.True(fields.TryGetValue(name, out var field), $"{type.Name} lacks the package's option {name}.");
            if (Elsewhere.ContainsKey($"{vendor}.{name}")) continue;
            Assert.True(field.Visibility == SettingVisibility.Public, $"{type.Name} keeps the package's option {name} back.");
            if (Default().Match(member.Groups["doc"].Value) is { Success: true } given && field.DefaultJson is { } ours)
                Assert.Equal(given.Groups["value"].Value.Trim('\''), JsonElement.Parse(ours).ToString(), ignoreCase: true);
            if (member.Groups["optional"].Success) Assert.False(field.Required, $"{type.Name} requires {name}, the package does not.");
            else Assert.True(field.Required, $"The package requires {name}, {type.Name} does not.");
        }
    }

    /// <summary>The names of the options of the package's function for a type's vendor, which the package may call otherwise.</summary>
    internal static HashSet<string> OptionsOf(DestinationType type) =>
    [
        .. Declarations.Select(row => row.Data)
            .Where(path => DestinationCatalogue.BuiltIn.TryGet(Path.GetFileName(path)[..^".d.ts".Length], out var known) && known == type)
            .SelectMany(MembersOf).Select(member => member.Groups["name"].Value),
    ];

    private static List<Match> MembersOf(string declaration)
    {
        var text = File.ReadAllText(Path.Combine(Folder, declaration));
        var options = VendorFunction().Match(text).Groups["options"].Value;
        var members = Regex.Match(text, $$"""export interface {{Regex.Escape(options)}} \{\n(?<members>.*?)\n\}""", RegexOptions.Singleline);
        Assert.True(members.Success, $"No interface {options} in {declaration}.");
        return Member().Matches(members.Groups["members"].Value).ToList();
    }

    [GeneratedRegex(@"export declare function \w+\((?:\{[^}]*\}|\w+)\??: (?<options>\w+).*?\): Script;", RegexOptions.Singleline)]
    private static partial Regex VendorFunction();

    [GeneratedRegex(@"@default +(?<value>.+?)\s*$", RegexOptions.Multiline)]
    private static partial Regex Default();

    [GeneratedRegex(@"(?:^    /\*\*(?<doc>(?:(?!\*/).)*)\*/\n)?^    (?:readonly )?(?<name>\w+)(?<optional>\?)?:", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Member();
}
