using ArchUnitNET.Domain;
using ArchUnitNET.Loader;
using ArchUnitNET.xUnitV3;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Storage;
using static ArchUnitNET.Fluent.ArchRuleDefinition;

namespace ConsentSnapshots.Worker.Tests;

/// <summary>The folders of the worker are floors: what stands on one sees the floors below it, and nothing else.</summary>
public sealed class ArchitectureTests
{
    private const string Worker = "ConsentSnapshots.Worker";

    private static readonly Architecture s_architecture =
        new ArchLoader().LoadAssemblies(typeof(WorkerApp).Assembly, typeof(IBlobStore).Assembly, typeof(SnapshotGenerator).Assembly).Build();

    // From the lowest to the highest. Postgres stands beside them: its adapters fill places on several floors.
    private static readonly string[] s_floors = ["Settings|Diagnostics", "Sources", "Publishing", "Building", "Queue", "Scheduling", "Commands"];

    public static TheoryData<string, string> Floors
    {
        get
        {
            var floors = new TheoryData<string, string>();
            for (var floor = 0; floor < s_floors.Length - 1; floor++) floors.Add(s_floors[floor], $"{string.Join('|', s_floors.Skip(floor + 1))}|Postgres");
            floors.Add("Postgres", "Commands");
            return floors;
        }
    }

    [Theory]
    [MemberData(nameof(Floors))]
    public void Folder_SeesNoneAboveIt(string floor, string above) =>
        Types().That().ResideInNamespaceMatching(Folders(floor))
            .Should().NotDependOnAny(Types().That().ResideInNamespaceMatching(Folders(above)))
            .Because("a folder may use only what stands below it").Check(s_architecture);

    /// <summary>The rule itself must be able to fail: publishing does use the sources' types.</summary>
    [Fact]
    public void Rule_ThatIsBroken_IsFound() =>
        Assert.False(Types().That().ResideInNamespaceMatching(Folders("Publishing"))
            .Should().NotDependOnAny(Types().That().ResideInNamespaceMatching(Folders("Sources"))).HasNoViolations(s_architecture));

    /// <summary>Only the command that brings the database up to date knows which database it is.</summary>
    [Fact]
    public void Commands_ButThoseOfTheDatabase_DoNotSeePostgres() =>
        Types().That().ResideInNamespaceMatching(Folders("Commands")).And().DoNotHaveNameContaining("MigrateCommand")
            .Should().NotDependOnAny(Types().That().ResideInNamespaceMatching(Folders("Postgres")))
            .Because("a command works with every source").Check(s_architecture);

    [Fact]
    public void Generator_SeesNeitherStorageNorWorker() =>
        Types().That().ResideInNamespaceMatching(@"^ConsentSnapshots\.Generator(\..*)?$")
            .Should().NotDependOnAny(Types().That().ResideInNamespaceMatching(@"^ConsentSnapshots\.(Storage|Worker)(\..*)?$"))
            .Because("the generator is pure").Check(s_architecture);

    [Fact]
    public void Storage_DoesNotSeeTheWorker() =>
        Types().That().ResideInNamespaceMatching(@"^ConsentSnapshots\.Storage(\..*)?$")
            .Should().NotDependOnAny(Types().That().ResideInNamespaceMatching(@"^ConsentSnapshots\.Worker(\..*)?$"))
            .Because("both programs use it").Check(s_architecture);

    /// <summary>A folder that is on no floor would be free to see everything.</summary>
    [Fact]
    public void Folders_AreAllOnAFloor()
    {
        var known = s_floors.SelectMany(floor => floor.Split('|')).Append("Postgres").ToHashSet(StringComparer.Ordinal);

        var folders = s_architecture.Types.Where(type => type.Assembly.Name.StartsWith("consent-snapshots", StringComparison.Ordinal)).Select(type => type.Namespace.FullName)
            .Where(name => name.StartsWith($"{Worker}.", StringComparison.Ordinal)).Select(name => name[(Worker.Length + 1)..].Split('.')[0]).Distinct();

        Assert.Equal(known.Order(StringComparer.Ordinal), folders.Order(StringComparer.Ordinal));
    }

    private static string Folders(string names) => $@"^ConsentSnapshots\.Worker\.({names})(\..*)?$";
}
