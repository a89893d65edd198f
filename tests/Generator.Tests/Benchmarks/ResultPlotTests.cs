using System.Xml.Linq;
using ConsentSnapshots.Plots;

namespace ConsentSnapshots.Generator.Tests.Benchmarks;

public sealed class ResultPlotTests
{
    private const string Edge = """
        | 1 scopes in random order | edge, native | edge, managed | nginx | Kestrel that does nothing | goal |
        | --- | --- | --- | --- | --- | --- |
        | list, br | 57,379, 2.6 ms, 19.4 µs | 61,808, 1.6 ms | 69,236 | 64,700.5 | ≥ 0.9 |
        | list & more | 1, 2 ms | 2 | 3 | 4 | – |
        """;

    private static string Document { get; } = File.ReadAllText(RepositoryFiles.At("docs", "performance.md"));

    public static TheoryData<string> Plots => [.. ResultPlot.DrawAll(Document).Keys];

    /// <summary>The pictures of docs/performance.md are those of its tables, byte for byte.</summary>
    [Theory]
    [MemberData(nameof(Plots))]
    public void Plot_OfTheDocument_IsDrawnFromItsTable(string name)
    {
        Golden.CheckFile(RepositoryFiles.At("docs", "images", $"performance-{name}"), ResultPlot.DrawAll(Document)[name]);
        Assert.Contains($"(images/performance-{name})", Document, StringComparison.Ordinal);
    }

    [Fact]
    public void Plots_OfTheDocument_AreThoseOfEveryBenchmarkWithFigures() => Assert.Equal(["database.svg", "edge.svg", "generator.svg", "publication.svg"], ResultPlot.DrawAll(Document).Keys.Order(StringComparer.Ordinal));

    [Fact]
    public void DrawAll_TableOfARun_HasABarForEachFigureAndTheTableAsText()
    {
        var svg = XDocument.Parse(ResultPlot.DrawAll(Edge)["edge.svg"]);

        var texts = svg.Descendants().Where(element => element.Name.LocalName == "text").Select(element => element.Value).ToList();
        foreach (var expected in (string[])["57,379", "61,808", "69,236", "list, br", "list & more", "nginx"]) Assert.Contains(expected, texts);
        Assert.Contains("57,379, 2.6 ms", svg.Root!.Elements().Single(element => element.Name.LocalName == "desc").Value, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("| what | requests |\n| --- | --- |\n| one | 5 |")]
    [InlineData("| edge, native | nginx |")]
    public void DrawAll_NoTableThatIsDrawn_IsEmpty(string markdown) => Assert.Empty(ResultPlot.DrawAll(markdown));
}
