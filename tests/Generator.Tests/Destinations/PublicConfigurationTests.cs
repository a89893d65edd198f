using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Generator.Tests.Destinations;

/// <summary>
/// Settings as people write them, from public repositories and the vendors' documentation with the ids replaced (<c>tests/fixtures/settings/public-configurations.json</c>): each is taken as it is meant, or
/// refused under the name that was written.
/// </summary>
public sealed class PublicConfigurationTests
{
    private static readonly ImmutableArray<Configuration> Configurations = [.. JsonSerializer.Deserialize<Configuration[]>(
        File.ReadAllText(RepositoryFiles.At("tests", "fixtures", "settings", "public-configurations.json")), JsonSerializerOptions.Web)!];

    /// <summary>A configuration and what is right for it.</summary>
    /// <param name="Name">What is particular about it.</param>
    /// <param name="Type">The type.</param>
    /// <param name="Settings">The settings.</param>
    /// <param name="Accepted">Whether the destination is there.</param>
    /// <param name="Contains">Texts of its snapshot.</param>
    /// <param name="Lacks">Texts that its snapshot must not have.</param>
    /// <param name="Field">The setting under whose name it is refused.</param>
    /// <param name="Unread">A setting that is said to be read by nothing.</param>
    /// <param name="RequiredConsent">The required consent, where the configuration names one.</param>
    private sealed record Configuration(string Name, string Type, JsonElement Settings, bool Accepted, string[]? Contains, string[]? Lacks, string? Field, string? Unread, string[]? RequiredConsent);

    public static TheoryData<string, string> Names => [.. Configurations.Select(known => (known.Type, known.Name))];

    [Theory]
    [MemberData(nameof(Names))]
    public void Generate_PublicConfiguration_IsTakenAsItIsMeant(string type, string name)
    {
        var known = Configurations.Single(known => known.Type == type && known.Name == name);
        var generated = Samples.Generate(Samples.Row(type, known.Settings.GetRawText(), 1, known.RequiredConsent ?? []));
        // Quotes and ampersands are escaped in a snapshot; what counts is what a page reads.
        var text = Encoding.UTF8.GetString(generated[ConsentSet.Everything].Bytes.Span)
            .Replace("\\\\u0026", "&", StringComparison.Ordinal).Replace("\\u0026", "&", StringComparison.Ordinal).Replace("\\u0027", "'", StringComparison.Ordinal).Replace("\\\"", "\"", StringComparison.Ordinal);

        var refusals = generated.Problems.Where(problem => problem.Kind == DestinationProblemKind.InvalidSettings).ToList();
        if (known.Accepted) Assert.Empty(refusals);
        else Assert.Equal(known.Field, Assert.Single(refusals).Field);
        Assert.All(known.Contains ?? [], part => Assert.Contains(part, text, StringComparison.Ordinal));
        Assert.All(known.Lacks ?? [], part => Assert.DoesNotContain(part, text, StringComparison.Ordinal));
        var unread = generated.Problems.Where(problem => problem.Kind == DestinationProblemKind.UnreadSetting).Select(problem => problem.Field);
        Assert.Equal(known.Unread is null ? [] : [known.Unread], unread);
    }

    [Fact]
    public void Generate_ConfigurationThatIsRefused_IsNeverServed()
    {
        foreach (var refused in Configurations.Where(known => !known.Accepted))
            Assert.Empty(Samples.Generate(Samples.Row(refused.Type, refused.Settings.GetRawText())).Scripts(ConsentSet.Everything));
    }
}
