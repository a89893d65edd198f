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

    // As GitHub makes it of a heading.
    private static string Anchor(string title) => NotInAnchors().Replace(title.Trim().ToLowerInvariant(), "").Replace(' ', '-');

    private static string Read(string path) => File.ReadAllText(Path.Combine(RepositoryFiles.Root, path));

    [GeneratedRegex("^```\\w*\\n(?<code>(?:.|\\n)*?)^```$", RegexOptions.CultureInvariant | RegexOptions.Multiline)]
    private static partial Regex Code();

    [GeneratedRegex("\\]\\((?<target>(?!https?:|mailto:)[^)\\s]+)\\)", RegexOptions.CultureInvariant)]
    private static partial Regex Link();

    [GeneratedRegex("^#{1,6} (?<title>.+)$", RegexOptions.CultureInvariant | RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex("[^\\p{L}\\p{N} _-]", RegexOptions.CultureInvariant)]
    private static partial Regex NotInAnchors();
}
