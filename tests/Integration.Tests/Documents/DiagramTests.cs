using System.Text.RegularExpressions;
using ConsentSnapshots.Integration.Tests.Browser;
using ConsentSnapshots.Integration.Tests.Fixtures;
using Microsoft.Playwright;

namespace ConsentSnapshots.Integration.Tests.Documents;

/// <summary>The diagrams in the documents, drawn as a forge draws them: by Mermaid, in a browser.</summary>
public sealed partial class DiagramTests(ChromiumFixture chromium)
{
    public static TheoryData<string> Documents =>
        [.. Directory.EnumerateFiles(Path.Combine(RepositoryRoot.Path, "docs"), "*.md", SearchOption.AllDirectories)
            .Where(path => DiagramsOf(path).Count > 0)
            .Select(path => Path.GetRelativePath(RepositoryRoot.Path, path))
            .Order(StringComparer.Ordinal)];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Documents))]
    public async Task Diagrams_OfADocument_AreDrawnWithEveryLabel(string document)
    {
        await using var site = await OpenAsync();
        foreach (var diagram in DiagramsOf(Path.Combine(RepositoryRoot.Path, document)))
        {
            var drawn = await DrawAsync(site.Page, diagram);

            foreach (var label in LabelsOf(diagram)) Assert.Contains(label, drawn, StringComparison.Ordinal);
        }
        Assert.Empty(site.Errors);
    }

    [Theory]
    [InlineData("flowchart LR\n  a[One] --> ")]
    [InlineData("flowchart LR\n  a[One (two)] --> b")]
    [InlineData("sequenceDiagram\n  A->>: nobody")]
    [InlineData("flowchrt LR\n  a --> b")]
    public async Task Diagram_WithAMistake_IsRefused(string diagram)
    {
        await using var site = await OpenAsync();

        await Assert.ThrowsAsync<PlaywrightException>(() => DrawAsync(site.Page, diagram));
    }

    private async Task<OfflineSite> OpenAsync()
    {
        var site = await chromium.OpenAsync("<!doctype html><title>Diagrams</title><body></body>", Cancel);
        await site.Page.AddScriptTagAsync(new PageAddScriptTagOptions { Path = C15tBundle.Built("mermaid.js") }).WaitAsync(Cancel);
        await site.Page.EvaluateAsync("() => mermaid.initialize({ startOnLoad: false, securityLevel: 'strict' })").WaitAsync(Cancel);
        return site;
    }

    /// <summary>Draws it and returns the texts that are to be seen, each without line breaks; throws where Mermaid does.</summary>
    private static Task<string> DrawAsync(IPage page, string diagram) => page.EvaluateAsync<string>(
        """
        async diagram => {
          const { svg } = await mermaid.render(`diagram-${document.body.childElementCount}`, diagram);
          const drawn = document.body.appendChild(document.createElement('div'));
          drawn.innerHTML = svg;
          const { width, height } = drawn.querySelector('svg').getBoundingClientRect();
          if (width < 100 || height < 100) throw new Error(`The diagram has ${width} × ${height} pixels.`);
          for (const lineBreak of drawn.querySelectorAll('br')) lineBreak.replaceWith(' ');
          return [...drawn.querySelectorAll('svg p, svg span, svg text')].map(text => text.textContent.replace(/\s+/g, ' ').trim()).join('\n');
        }
        """, diagram).WaitAsync(Cancel);

    private static List<string> DiagramsOf(string path) => [.. Diagram().Matches(File.ReadAllText(path)).Select(match => match.Groups["text"].Value)];

    /// <summary>What stands in the boxes: of flowcharts the text in brackets, of sequences the names of the participants.</summary>
    private static IEnumerable<string> LabelsOf(string diagram) =>
        Label().Matches(diagram).Select(match => match.Groups["label"].Value.Replace("<br/>", " ", StringComparison.Ordinal).Trim());

    [GeneratedRegex("^```mermaid\\n(?<text>(?:.|\\n)*?)^```$", RegexOptions.CultureInvariant | RegexOptions.Multiline)]
    private static partial Regex Diagram();

    [GeneratedRegex(@"(?:\b\w+ ?(?:\[\(|\[|\{|\()(?<label>[^\[\](){}]+)(?:\)\]|\]|\}|\)))|(?:participant \w+ as (?<label>.+))", RegexOptions.CultureInvariant)]
    private static partial Regex Label();
}
