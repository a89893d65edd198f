using System.Diagnostics;
using System.Text.RegularExpressions;
using ConsentSnapshots.Integration.Tests.Fixtures;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>
/// The code that a document tells a site's developer to write, as files. A code block whose first line is a comment with a file's name, such as <c>// consent-list.js</c>, is that file.
/// </summary>
internal sealed partial class RecipeFiles : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("consent-snapshots-recipe-");

    private RecipeFiles()
    {
    }

    /// <summary>The folder that holds the files.</summary>
    public string Folder => _folder.FullName;

    /// <summary>Writes the files of a document, by its path in the repository.</summary>
    public static Task<RecipeFiles> ReadAsync(string document, CancellationToken cancellationToken) => ReadAsync([document], cancellationToken);

    /// <summary>Writes the files of some documents, by their paths in the repository.</summary>
    public static async Task<RecipeFiles> ReadAsync(IEnumerable<string> documents, CancellationToken cancellationToken)
    {
        var files = new RecipeFiles();
        foreach (var document in documents)
        {
            var text = await File.ReadAllTextAsync(Path.Combine(RepositoryRoot.Path, document), cancellationToken);
            foreach (Match block in Block().Matches(text))
                await File.WriteAllTextAsync(Path.Combine(files.Folder, block.Groups["name"].Value), block.Groups["code"].Value, cancellationToken);
        }
        return files;
    }

    /// <summary>Puts other text in the place of what a site's developer would put there: an address, say. What is replaced has to be there.</summary>
    public async Task ReplaceAsync(string file, string old, string replacement, CancellationToken cancellationToken)
    {
        var path = Path.Combine(Folder, file);
        var text = await File.ReadAllTextAsync(path, cancellationToken);
        Assert.Contains(old, text, StringComparison.Ordinal);
        await File.WriteAllTextAsync(path, text.Replace(old, replacement, StringComparison.Ordinal), cancellationToken);
    }

    /// <summary>Adds a file that the document does not have, such as the page around its code.</summary>
    public Task AddAsync(string file, string text, CancellationToken cancellationToken) => File.WriteAllTextAsync(Path.Combine(Folder, file), text, cancellationToken);

    /// <summary>Bundles a file with all that it imports, as a site's own build does; gives the script.</summary>
    /// <param name="version">A version of the c15t client other than the newest: <c>1.8.6</c>.</param>
    /// <param name="isDevelopment">Whether libraries are built with the checks that help a developer, such as those of React's StrictMode.</param>
    public async Task<string> BundleAsync(string entry, CancellationToken cancellationToken, string? version = null, bool isDevelopment = false)
    {
        var output = Path.Combine(Folder, $"{Path.GetFileNameWithoutExtension(entry)}.bundle.js");
        string[] arguments = [C15tBundle.Source("bundle.js"), Path.Combine(Folder, entry), output, version ?? "", isDevelopment ? "development" : "production"];
        using var process = Process.Start(new ProcessStartInfo("node", arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        var (errors, _) = (process.StandardError.ReadToEndAsync(cancellationToken), process.StandardOutput.ReadToEndAsync(cancellationToken));
        await process.WaitForExitAsync(cancellationToken);
        Assert.True(process.ExitCode == 0, await errors);
        return await File.ReadAllTextAsync(output, cancellationToken);
    }

    /// <summary>The styles that a bundled file imports; empty if there are none.</summary>
    public async Task<string> StylesAsync(string entry, CancellationToken cancellationToken)
    {
        var styles = Path.Combine(Folder, $"{Path.GetFileNameWithoutExtension(entry)}.bundle.css");
        return File.Exists(styles) ? await File.ReadAllTextAsync(styles, cancellationToken) : "";
    }

    public void Dispose() => _folder.Delete(recursive: true);

    [GeneratedRegex("^```jsx?\\n(?<code>// (?<name>[\\w.-]+\\.(?:js|jsx|mjs))\\b(?:.|\\n)*?)^```$", RegexOptions.CultureInvariant | RegexOptions.Multiline)]
    private static partial Regex Block();
}
