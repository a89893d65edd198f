using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Scripts;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Generator.Tests.Destinations;

public sealed class DestinationCatalogueTests
{
    public static TheoryData<string> TypeNames => Samples.TypeNames;

    [Fact]
    public void BuiltIn_EveryTypeOfTheAssembly_IsListed()
    {
        var declared = typeof(DestinationType).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(DestinationType)) && !type.IsAbstract);
        var listed = DestinationCatalogue.BuiltIn.Types.Select(type => type.GetType());
        Assert.Equal(declared.Select(type => type.Name).Order(StringComparer.Ordinal), listed.Select(type => type.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void BuiltIn_EveryTypeFile_HoldsAListedType()
    {
        var files = Directory.EnumerateFiles(RepositoryFiles.At("src", "Generator", "Destinations", "Types"), "*Type.cs").Select(Path.GetFileNameWithoutExtension);
        var listed = DestinationCatalogue.BuiltIn.Types.Select(type => type.GetType().Name);
        Assert.Equal(files.Order(StringComparer.Ordinal), listed.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void BuiltIn_EveryType_HasSamples() =>
        Assert.Equal(DestinationCatalogue.BuiltIn.Types.Select(type => type.Name), Samples.Settings.Keys);

    [Theory]
    [MemberData(nameof(TypeNames))]
    public void Type_NamesAndAliases_FindIt(string name)
    {
        var type = Type(name);
        foreach (var alias in type.Aliases.Prepend(type.Name))
        {
            Assert.Matches(@"\A[a-z][a-z0-9-]{1,49}\z", alias);
            Assert.True(DestinationCatalogue.BuiltIn.TryGet(alias, out var found));
            Assert.Same(type, found);
        }
        Assert.NotEmpty(type.Title);
        Assert.Equal(Uri.UriSchemeHttps, type.Homepage.Scheme);
    }

    [Theory]
    [MemberData(nameof(TypeNames))]
    public void Type_Fields_AreDeclaredSoundly(string name)
    {
        var type = Type(name);
        var names = type.AllFields.SelectMany(field => field.Keys).ToList();
        Assert.Equal(names.Distinct(StringComparer.Ordinal), names);
        foreach (var field in type.Fields)
        {
            Assert.EndsWith(".", field.Description, StringComparison.Ordinal);
            Assert.Equal(field.Pattern is null, field.PatternInWords is null);
            if (field.Pattern is { } pattern) Assert.Matches(@"^\^.*\\z$", pattern.ToString());
            Assert.False(field.Required && field.Visibility == SettingVisibility.Private);
            if (field.DefaultJson is { } json) System.Text.Json.JsonElement.Parse(json);
            if (Regex.IsMatch(field.Name, "secret|token|password|personal", RegexOptions.IgnoreCase) && field is { Required: false })
                Assert.Equal(SettingVisibility.Private, field.Visibility);
            if (field.OtherType is { } other)
            {
                Assert.True(DestinationCatalogue.BuiltIn.TryGet(other.Type, out var found));
                Assert.NotSame(type, found);
            }
        }
        foreach (var rule in type.CategoryRules)
        {
            Assert.Equal(SettingKind.Text, Assert.Single(type.Fields, field => field.Name == rule.Setting).Kind);
            // In the order of what a visitor gives away with it, a setting asks for more than the type does.
            Assert.True(rule.Category > type.DefaultCategory);
        }
    }

    [Fact]
    public void BuiltIn_EveryScriptFileBesideTheTypes_BelongsToAListedTypeOrWhatTypesShare()
    {
        var files = Directory.EnumerateFiles(RepositoryFiles.At("src", "Generator", "Destinations", "Types"), "*.js").Select(Path.GetFileNameWithoutExtension);
        var types = DestinationCatalogue.BuiltIn.Types;
        var used = types.Where(type => type.PageScript is not null).Select(type => type.Name).Concat(types.Select(type => type.Bootstrap?.Id).OfType<string>().Distinct());
        Assert.Equal(used.Order(StringComparer.Ordinal), files.Order(StringComparer.Ordinal));
    }

    /// <summary>A type whose script is missing cannot be composed, and one whose script is never used has a file too many.</summary>
    [Theory]
    [MemberData(nameof(TypeNames))]
    public void Type_PageScript_IsThereWhereTheTypeStartsOne(string name)
    {
        var emitted = false;
        foreach (var required in (string[][])[[], ["necessary"], ["marketing", "functionality"]])
            foreach (var sample in (OpenedDestination[])[Samples.Least(name, 1, required), Samples.Full(name, 1, required)])
                emitted |= Samples.Generate(sample).Scripts(Generator.Consent.ConsentSet.Everything).Any(script => Type(name).PageScript is { } page && (string?)script!["textContent"] == page.Text);
        Assert.Equal(Type(name).PageScript is not null, emitted);
        var source = File.ReadAllText(RepositoryFiles.At("src", "Generator", "Destinations", "Types", $"{Type(name).GetType().Name}.cs"));
        Assert.Equal(source.Contains("scripts.Start(", StringComparison.Ordinal) || source.Contains("GoogleTag.Start(", StringComparison.Ordinal), emitted);
    }

    [Theory]
    [MemberData(nameof(TypeNames))]
    public void Type_InlineScripts_AreItsOwnAndWhatItReliesOn(string name)
    {
        var scripts = Type(name).InlineScripts;
        if (Type(name).PageScript is not { } page)
        {
            Assert.Empty(scripts);
            return;
        }
        Assert.Equal([PageScripts.Runtime, PageScripts.Grant], scripts[..2]);
        Assert.Same(page, scripts[^1]);
        Assert.All(scripts, script => Assert.Equal(InlineScript.HashFor(script.Text), script.CspHash));
    }

    [Theory]
    [MemberData(nameof(TypeNames))]
    public void Type_InlineScripts_DeclareEveryTextItEmits(string name)
    {
        var declared = Type(name).InlineScripts.Select(script => script.Text).ToHashSet(StringComparer.Ordinal);
        foreach (var required in (string[][])[[], ["necessary"], ["marketing", "functionality"]])
        {
            var generated = Samples.Generate(Samples.Least(name, 1, required), Samples.Full(name, 2, required));
            Assert.Empty(generated.Problems);
            foreach (var script in generated.Scripts(Generator.Consent.ConsentSet.Everything))
                if (script!["textContent"] is { } text && name != "script") Assert.Contains((string)text!, declared);
        }
    }

    [Fact]
    public void Constructor_NameTwice_Throws() =>
        Assert.Throws<ArgumentException>(() => new DestinationCatalogue([.. DestinationCatalogue.BuiltIn.Types, DestinationCatalogue.BuiltIn.Types[0]]));

    private static DestinationType Type(string name) =>
        DestinationCatalogue.BuiltIn.TryGet(name, out var type) ? type : throw new ArgumentException(name, nameof(name));
}
