using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using ConsentSnapshots.Integration.Tests.Browser.Recipes;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Settings;
using Microsoft.Extensions.Configuration;

namespace ConsentSnapshots.Integration.Tests.Setup;

/// <summary>docs/configuration.md has every setting that the reader reads, with the limits that it applies and the meaning that the code's own documentation gives.</summary>
public sealed partial class ConfigurationDocumentTests
{
    /// <summary>Where the meaning of a section's settings is documented: each is a property, or a parameter of a record, of its own name.</summary>
    private static readonly (string Section, string File, string Type)[] s_sections =
    [
        ("Source", "consent-snapshots.xml", "ConsentSnapshots.Worker.Settings.SourceOptions"),
        ("ConnectionStrings", "consent-snapshots.xml", "ConsentSnapshots.Worker.Settings.PostgresOptions"),
        ("Database", "consent-snapshots.xml", "ConsentSnapshots.Worker.Settings.PostgresOptions"),
        ("Storage", "ConsentSnapshots.Storage.xml", "ConsentSnapshots.Storage.StorageOptions"),
        ("Limits", "ConsentSnapshots.Generator.xml", "ConsentSnapshots.Generator.Formats.ScopeLimits"),
        ("Encryption", "consent-snapshots.xml", "ConsentSnapshots.Worker.Settings.EncryptionOptions"),
        ("Schedule", "consent-snapshots.xml", "ConsentSnapshots.Worker.Settings.ScheduleOptions"),
        ("Worker", "consent-snapshots.xml", "ConsentSnapshots.Worker.Settings.WorkerOptions"),
        ("Edges", "consent-snapshots.xml", "ConsentSnapshots.Worker.Settings.EdgesOptions"),
        ("Edge", "consent-edge.xml", "ConsentSnapshots.EdgeApi.Settings.EdgeOptions"),
    ];

    public static TheoryData<string> Sections => [.. s_sections.Select(section => section.Section)];

    [Theory]
    [MemberData(nameof(Sections))]
    public async Task Document_Section_HasEverySetting(string section)
    {
        var (_, file, type) = s_sections.Single(candidate => candidate.Section == section);
        var members = XDocument.Load(Path.Combine(AppContext.BaseDirectory, file)).Descendants("member").ToDictionary(member => member.Attribute("name")!.Value);
        var table = new StringBuilder("| setting | what it must be | default | meaning |\n| --- | --- | --- | --- |\n");

        foreach (var setting in Settings().Where(setting => setting.Key == section || setting.Key.StartsWith($"{section}:", StringComparison.Ordinal)))
        {
            // A section that is a list has no names in it.
            var name = setting.Key == section ? "Addresses" : setting.Key[(section.Length + 1)..];
            if (section == "ConnectionStrings") name = name == "Postgres" ? "ConnectionString" : "ListenConnectionString";
            var meaning = Meaning(members, type, name);
            Assert.False(string.IsNullOrWhiteSpace(meaning), $"{setting.Key} is not documented at {type}.{name}.");
            table.Append($"| `{setting.Variable}` | {Cell(setting.Form)} | {(setting.Default is { } usual ? $"`{usual}`" : "–")} | {Cell(meaning)} |\n");
        }

        await DocumentTable.CheckAsync("docs/configuration.md", section, table.ToString(), TestContext.Current.CancellationToken);
    }

    /// <summary>Every setting of both programs, as their own readers name them.</summary>
    private static IReadOnlyList<KnownSetting> Settings()
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection([KeyValuePair.Create("Source:Provider", (string?)"postgres")]).Build();
        var edge = new SettingReader(configuration);
        _ = EdgeApi.Settings.EdgeSettings.TryRead(edge);
        return [.. WorkerConfiguration.Describe(configuration), .. edge.Settings.Where(setting => setting.Key.StartsWith("Edge:", StringComparison.Ordinal))];
    }

    private static string Meaning(Dictionary<string, XElement> members, string type, string name)
    {
        var element = members.TryGetValue($"P:{type}.{name}", out var property) && property.Element("summary") is { } summary ? summary
            : members[$"T:{type}"].Elements("param").FirstOrDefault(parameter => parameter.Attribute("name")?.Value == name);
        if (element is null) return "";
        var text = Spaces().Replace(string.Concat(element.Nodes().Select(node => Text(node, type))), " ").Trim();
        // The name and the default have columns of their own.
        text = Default().Replace(OwnName().Replace(text, ""), "");
        return text.Length == 0 ? "" : char.ToUpperInvariant(text[0]) + text[1..];
    }

    private static string Text(XNode node, string type) => node switch
    {
        XText text => text.Value,
        XElement { Name.LocalName: "c" } code => $"`{code.Value}`",
        XElement { Name.LocalName: "see" } see => see.Attribute("cref") is { } reference ? $"`{Reference(reference.Value, type)}`" : see.Attribute("href")?.Value ?? "",
        XElement other => string.Concat(other.Nodes().Select(inner => Text(inner, type))),
        _ => "",
    };

    /// <summary>Another setting is named as its variable.</summary>
    private static string Reference(string member, string type)
    {
        var name = member[(member.LastIndexOf('.') + 1)..];
        if (member != $"P:{type}.{name}") return name;
        return name == "ConnectionString" && type.EndsWith("PostgresOptions", StringComparison.Ordinal) ? "ConnectionStrings__Postgres" : $"{s_sections.Last(section => section.Type == type).Section}__{name}";
    }

    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal);

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();

    [GeneratedRegex(@"\A(?:`?[A-Z][A-Za-z]+:[A-Z][A-Za-z]+`?)(?: \((?:azure|directory)\))?(?:[:,.] |: )")]
    private static partial Regex OwnName();

    [GeneratedRegex(@"\s*Default:? [^ ][^.]*(?:\.[0-9][^.]*)*(?:`[^`]*`)?\.\z")]
    private static partial Regex Default();
}
