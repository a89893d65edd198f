using System.Text.RegularExpressions;
using ConsentSnapshots.Integration.Tests.Fixtures;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>The code of a page that README.md tells a site developer to write.</summary>
internal static partial class ReadmeRecipe
{
    /// <summary>The code as it stands there, for an edge's address and with these options in the place of the hosted backend's.</summary>
    public static async Task<string> ReadAsync(string edge, string options, CancellationToken cancellationToken)
    {
        var readme = await File.ReadAllTextAsync(Path.Combine(RepositoryRoot.Path, "README.md"), cancellationToken);
        var snippet = Snippet().Match(readme).Groups["code"].Value;
        Assert.Contains(edge, snippet, StringComparison.Ordinal);
        var page = Import().Replace(Backend().Replace(snippet, options, 1), "const { $1 } = c15t;", 1);
        Assert.DoesNotContain("hosted", page, StringComparison.Ordinal);
        return page;
    }

    [GeneratedRegex("```js\\n(?<code>import [^`]*?getOrCreateConsentRuntime(?:.|\\n)*?)```", RegexOptions.CultureInvariant)]
    private static partial Regex Snippet();

    [GeneratedRegex("mode: 'hosted',\\s*backendURL: '[^']*',", RegexOptions.CultureInvariant)]
    private static partial Regex Backend();

    [GeneratedRegex("import \\{ ([\\w, ]+) \\} from 'c15t';", RegexOptions.CultureInvariant)]
    private static partial Regex Import();
}
