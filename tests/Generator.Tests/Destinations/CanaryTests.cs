using System.Text;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Generator.Tests.Destinations;

/// <summary>What is not public stays behind, in what is published and in what is said about it.</summary>
public sealed class CanaryTests
{
    public static TheoryData<string> TypeNames => Samples.TypeNames;

    [Theory]
    [MemberData(nameof(TypeNames))]
    public void Generate_CanaryInEveryPrivateAndUndeclaredField_IsNowhere(string name)
    {
        DestinationCatalogue.BuiltIn.TryGet(name, out var type);
        var valid = CanarySettings.Valid(type!).ToJsonString();
        var refused = CanarySettings.Refused(type!).ToJsonString();
        Assert.Contains(CanarySettings.Canary, valid, StringComparison.Ordinal);

        var generated = Samples.Generate(Samples.Row(name, valid, 1, "necessary"), Samples.Row(name, valid, 2), Samples.Row(name, refused, 3));

        Assert.All(generated.Problems.Where(problem => problem.LeavesOut), problem => Assert.Equal($"{name} 3", problem.Name));
        Assert.Equal(9, generated.Problems.Count(problem => !problem.LeavesOut));
        if (name != "console") Assert.NotEmpty(generated.Scripts(ConsentSet.NecessaryOnly));
        foreach (var field in type!.AllFields) Assert.True(field.Kind == SettingKind.JsonValue || generated.Problems.Any(problem => problem.Field == field.Name), $"{field.Name} was not refused.");
        foreach (var snapshot in generated.Snapshots) Assert.DoesNotContain(CanarySettings.Canary, Encoding.UTF8.GetString(snapshot.Bytes.Span), StringComparison.OrdinalIgnoreCase);
        foreach (var problem in generated.Problems) Assert.DoesNotContain(CanarySettings.Canary, problem.ToString(), StringComparison.OrdinalIgnoreCase);
    }
}
