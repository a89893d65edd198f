using Acornima;
using Acornima.Ast;
using ConsentSnapshots.Generator.Scripts;

namespace ConsentSnapshots.Generator.Tests.Scripts;

/// <summary>The page scripts as the build embeds them: what a site's policy pins, and what a page runs.</summary>
public sealed class PageScriptsTests
{
    /// <summary>What compiles text, or writes markup that a browser then reads as text does.</summary>
    private static readonly string[] Never =
    [
        "eval", "Function", "constructor", "innerHTML", "outerHTML", "insertAdjacentHTML", "write", "writeln", "srcdoc", "createContextualFragment", "setHTMLUnsafe", "parseFromString",
        "import", "importScripts", "setTimeout", "setInterval", "cookie", "localStorage", "sessionStorage", "fetch", "sendBeacon", "XMLHttpRequest", "WebSocket", "Image", "__proto__",
    ];

    private static readonly string[] Sources =
    [
        .. new[] { RepositoryFiles.At("src", "Generator", "Scripts"), RepositoryFiles.At("src", "Generator", "Destinations", "Types") }.SelectMany(folder => Directory.EnumerateFiles(folder, "*.js")),
    ];

    public static TheoryData<string> Names => [.. Sources.Select(path => Path.GetFileNameWithoutExtension(path)).Order(StringComparer.Ordinal)];

    [Fact]
    public void Embedded_Scripts_AreTheFilesOfTheRepository()
    {
        var embedded = typeof(PageScripts).Assembly.GetManifestResourceNames().Where(name => name.EndsWith(".js", StringComparison.Ordinal)).Select(Path.GetFileNameWithoutExtension)
            .Where(name => name != "loader"); // it is no script of a list
        Assert.Equal(Names.Select(row => row.Data), embedded.Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Embedded_Script_IsMinifiedAndConstant(string name)
    {
        var (text, source) = (Text(name), File.ReadAllText(Sources.Single(path => Path.GetFileNameWithoutExtension(path) == name)));
        Assert.True(text.Length < source.Length, $"{name} is as long as its source.");
        Assert.DoesNotContain('\n', text);
        Assert.DoesNotContain('\r', text);
        Assert.All(text, character => Assert.InRange(character, ' ', '~'));
        // No settings of anybody's and nothing of the machine that built it.
        Assert.Equal(text, PageScripts.Find(name)!.Text);
        Assert.DoesNotContain(RepositoryFiles.Root, text, StringComparison.OrdinalIgnoreCase);
        var comments = new List<Comment>();
        new Parser(new ParserOptions { EcmaVersion = EcmaVersion.ES2021, OnComment = (in Comment comment) => comments.Add(comment) }).ParseScript(text);
        Assert.Empty(comments);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Embedded_Script_CompilesNoTextAndWritesNoMarkup(string name)
    {
        var script = new Parser(new ParserOptions { EcmaVersion = EcmaVersion.ES2021 }).ParseScript(Text(name));
        foreach (var node in script.DescendantNodesAndSelf())
        {
            if (node is Identifier identifier) Assert.DoesNotContain(identifier.Name, Never);
            // A property can be named by a text too.
            if (node is MemberExpression { Computed: true, Property: StringLiteral property }) Assert.DoesNotContain(property.Value, Never);
            Assert.False(node is ImportExpression or WithStatement);
        }
    }

    /// <summary>An element can have the name of any property of the document, which then is that element.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Embedded_Script_ReadsNothingOfTheDocumentThatAnElementCanHide(string name)
    {
        var script = new Parser(new ParserOptions { EcmaVersion = EcmaVersion.ES2021 }).ParseScript(Text(name));
        foreach (var node in script.DescendantNodesAndSelf())
            Assert.False(node is MemberExpression { Object: Identifier { Name: "document" } } or MemberExpression { Computed: false, Property: Identifier { Name: "document" } },
                $"{name} reads a property of document; use the function of Document.prototype.");
    }

    [Fact]
    public void Find_NoSuchScript_IsNull() => Assert.Null(PageScripts.Find("console"));

    private static string Text(string name) => PageScripts.Find(name)!.Text;
}
