using System.Text.RegularExpressions;

namespace ConsentSnapshots.Generator.Tests;

/// <summary>What the documents say of each other is so.</summary>
public sealed partial class DocumentTests
{
    public static TheoryData<string> Documents =>
        [.. Directory.EnumerateFiles(RepositoryFiles.Root, "*.md", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(RepositoryFiles.Root, path).Replace('\\', '/'))
            .Where(path => !path.Split('/').Any(part => part is "node_modules" or "bin" or "obj" or "artifacts" || part.StartsWith('.')))
            .Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Links_LeadSomewhere(string document)
    {
        var folder = Path.GetDirectoryName(document) ?? "";
        var text = Code().Replace(Read(document), "");
        foreach (Match match in Link().Matches(text))
        {
            var (path, heading) = match.Groups["target"].Value.Split('#') is [var file, var anchor] ? (file, anchor) : (match.Groups["target"].Value, "");
            var target = path == "" ? document : Path.Combine(folder, path);
            Assert.True(Path.Exists(Path.Combine(RepositoryFiles.Root, target)), $"{document} links to {target}, which is not there.");
            if (heading == "") continue;
            var headings = Heading().Matches(Code().Replace(Read(target), "")).Select(found => Anchor(found.Groups["title"].Value));
            Assert.True(headings.Contains(heading), $"{document} links to #{heading} of {target}, which has no such heading.");
        }
    }

    /// <summary>Whoever begins at the README finds every page, by the index.</summary>
    [Fact]
    public void Pages_OfDocs_AreInTheIndex()
    {
        var linked = Link().Matches(Read("docs/README.md")).Select(match => match.Groups["target"].Value.Split('#')[0]).ToHashSet(StringComparer.Ordinal);

        var missing = Directory.EnumerateFiles(RepositoryFiles.At("docs"), "*.md").Select(path => Path.GetFileName(path)).Where(page => page != "README.md" && !linked.Contains(page));

        Assert.Empty(missing);
        Assert.Contains("(docs/README.md)", Read("README.md"), StringComparison.Ordinal);
    }

    /// <summary>Each picture in a document is there, and is shown to those who do not see it by a text.</summary>
    [Theory]
    [MemberData(nameof(Documents))]
    public void Pictures_HaveATextInTheirPlace(string document)
    {
        foreach (Match match in Picture().Matches(Code().Replace(Read(document), ""))) Assert.True(match.Groups["text"].Length > 20, $"{document}: {match.Value} says too little to those who do not see it.");
    }

    // As GitHub makes it of a heading.
    private static string Anchor(string title) => NotInAnchors().Replace(title.Trim().ToLowerInvariant(), "").Replace(' ', '-');

    private static string Read(string path) => File.ReadAllText(Path.Combine(RepositoryFiles.Root, path));

    [GeneratedRegex("^```\\w*\\n(?<code>(?:.|\\n)*?)^```$", RegexOptions.CultureInvariant | RegexOptions.Multiline)]
    private static partial Regex Code();

    [GeneratedRegex("\\]\\((?<target>(?!https?:|mailto:)[^)\\s]+)\\)", RegexOptions.CultureInvariant)]
    private static partial Regex Link();

    [GeneratedRegex("!\\[(?<text>[^\\]]*)\\]\\([^)]*\\)", RegexOptions.CultureInvariant)]
    private static partial Regex Picture();

    [GeneratedRegex("^#{1,6} (?<title>.+)$", RegexOptions.CultureInvariant | RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex("[^\\p{L}\\p{N} _-]", RegexOptions.CultureInvariant)]
    private static partial Regex NotInAnchors();
}
