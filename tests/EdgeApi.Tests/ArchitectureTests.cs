using System.Reflection;
using ArchUnitNET.Domain;
using ArchUnitNET.Loader;
using ArchUnitNET.xUnitV3;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Storage;
using static ArchUnitNET.Fluent.ArchRuleDefinition;

namespace ConsentSnapshots.EdgeApi.Tests;

/// <summary>The folders of the edge are floors: what stands on one sees the floors below it, and nothing else.</summary>
public sealed class ArchitectureTests
{
    private const string Edge = "ConsentSnapshots.EdgeApi";

    private static readonly Architecture s_architecture =
        new ArchLoader().LoadAssemblies(typeof(EdgeApp).Assembly, typeof(IBlobStore).Assembly, typeof(SnapshotGenerator).Assembly).Build();

    // From the lowest to the highest. Folders of one floor do not see each other.
    private static readonly string[] s_floors = ["Settings|Diagnostics", "Disk|Serving", "Scopes", "Following", "Http"];

    // More than five only where the class says why.
    private static readonly Dictionary<string, int> s_dependencies =
        new(StringComparer.Ordinal) { ["ScopeUpdater"] = 6, ["ScopeLoader"] = 6, ["ChangeFollower"] = 6, ["HeldAnswers"] = 6 };

    public static TheoryData<string, string> Floors
    {
        get
        {
            var floors = new TheoryData<string, string>();
            for (var floor = 0; floor < s_floors.Length; floor++)
            {
                foreach (var folder in s_floors[floor].Split('|'))
                {
                    var others = s_floors.Skip(floor).SelectMany(names => names.Split('|')).Where(name => name != folder).ToList();
                    if (others.Count > 0) floors.Add(folder, string.Join('|', others));
                }
            }
            return floors;
        }
    }

    [Theory]
    [MemberData(nameof(Floors))]
    public void Folder_SeesNoneBesideOrAboveIt(string folder, string others) =>
        Types().That().ResideInNamespaceMatching(Folders(folder))
            .Should().NotDependOnAny(Types().That().ResideInNamespaceMatching(Folders(others)))
            .Because("a folder may use only what stands below it").Check(s_architecture);

    /// <summary>The rule itself must be able to fail: the scopes do use what is served.</summary>
    [Fact]
    public void Rule_ThatIsBroken_IsFound() =>
        Assert.False(Types().That().ResideInNamespaceMatching(Folders("Scopes"))
            .Should().NotDependOnAny(Types().That().ResideInNamespaceMatching(Folders("Serving"))).HasNoViolations(s_architecture));

    [Fact]
    public void ParsedRequests_AreNoConcernOfScopes() =>
        Types().That().ResideInNamespaceMatching(Folders("Settings|Diagnostics|Disk|Serving|Scopes|Following"))
            .Should().NotDependOnAny(Types().That().ResideInNamespaceMatching(@"^Microsoft\.AspNetCore\.(Http|Routing|Server)(\..*)?$"))
            .Because("nothing but Http sees HTTP").Check(s_architecture);

    [Fact]
    public void Storage_DoesNotSeeTheEdge() =>
        Types().That().ResideInNamespaceMatching(@"^ConsentSnapshots\.Storage(\..*)?$")
            .Should().NotDependOnAny(Types().That().ResideInNamespaceMatching($@"^{Edge}(\..*)?$".Replace(".", @"\.", StringComparison.Ordinal)))
            .Because("both programs use it").Check(s_architecture);

    /// <summary>A folder that is on no floor would be free to see everything.</summary>
    [Fact]
    public void Folders_AreAllOnAFloor()
    {
        var known = s_floors.SelectMany(floor => floor.Split('|')).ToHashSet(StringComparer.Ordinal);

        var folders = Own().Select(type => type.Namespace ?? "").Where(name => name.StartsWith($"{Edge}.", StringComparison.Ordinal)).Select(name => name[(Edge.Length + 1)..].Split('.')[0]).Distinct();

        Assert.Equal(known.Order(StringComparer.Ordinal), folders.Order(StringComparer.Ordinal));
    }

    /// <summary>A class that depends on much does much.</summary>
    [Fact]
    public void Classes_DependOnFiveOthersAtMost()
    {
        var services = Own().Where(type => type is { IsClass: true, IsAbstract: false } && type.GetMethod("<Clone>$") is null && !type.IsSubclassOf(typeof(Exception)));

        var tooMany = services
            .Select(type => (type.Name, Count: type.GetConstructors(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance).Max(constructor => (int?)constructor.GetParameters().Length) ?? 0))
            .Where(entry => entry.Count > s_dependencies.GetValueOrDefault(entry.Name, 5));

        Assert.Empty(tooMany);
    }

    private static IEnumerable<System.Type> Own() => typeof(EdgeApp).Assembly.GetTypes().Where(type => type.Namespace?.StartsWith(Edge, StringComparison.Ordinal) == true && !type.Name.StartsWith('<'));

    private static string Folders(string names) => $@"^ConsentSnapshots\.EdgeApi\.({names})(\..*)?$";
}
