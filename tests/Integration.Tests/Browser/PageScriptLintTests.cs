using System.Diagnostics;
using ConsentSnapshots.Integration.Tests.Fixtures;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>The scripts that run on pages, and the browser tests' own JavaScript, keep the rules of <c>tests/browser/eslint.config.js</c>.</summary>
public sealed class PageScriptLintTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task EveryScript_OfPagesAndOfTheirTests_BreaksNoRule()
    {
        var found = await LintAsync();
        Assert.True(found.Length == 0, found);
    }

    /// <summary>Each line breaks the rule that it is listed with.</summary>
    [Fact]
    public async Task PageScript_ThatBreaksRules_EachLineIsReported()
    {
        var lines = new (string Text, string Rule)[]
        {
            ("document.head.remove();", "no-restricted-syntax"),
            ("window.document.title = '';", "no-restricted-properties"),
            ("(({ head }) => head)(document).remove();", "no-restricted-syntax"),
            ("Document.prototype.write.call(document, '');", "no-restricted-properties"),
            ("window.element.innerHTML = '';", "no-restricted-properties"),
            ("eval('');", "no-eval"),
            ("new Function('')();", "no-new-func"),
            ("window.setTimeout('');", "no-implied-eval"),
            ("window.list.at(0);", "no-restricted-syntax"),
            ("let name = 1;", "no-implicit-globals"),
            ("misspelt();", "no-undef"),
            ("if (window.number == 1) window.call();", "eqeqeq"),
            // What no rule forbids.
            ("Document.prototype.createElement.call(document, 'meta').remove();", ""),
        };

        var found = (await LintAsync("src/Generator/Destinations/Types/example.js", string.Join('\n', lines.Select(line => line.Text)))).Split('\n', StringSplitOptions.RemoveEmptyEntries);

        foreach (var (index, (text, rule)) in lines.Index())
        {
            var here = found.Where(line => line.StartsWith($"src/Generator/Destinations/Types/example.js:{index + 1}:", StringComparison.Ordinal)).ToList();
            if (rule.Length == 0) Assert.Empty(here);
            else Assert.True(here.Any(line => line.EndsWith($"({rule})", StringComparison.Ordinal)), $"{text} is not reported by {rule}: {string.Join('\n', here)}");
        }
    }

    [Fact]
    public async Task PageScript_InNewerJavaScript_IsReported() =>
        Assert.Contains("runtime.js:1:", await LintAsync("src/Generator/Scripts/runtime.js", "(class { #isNew = true; });"), StringComparison.Ordinal);

    /// <summary>What the linter writes about every script, or about this text in the place of the script with this path: nothing where no rule is broken.</summary>
    private static async Task<string> LintAsync(string? path = null, string text = "")
    {
        var start = new ProcessStartInfo("node", path is null ? ["lint.js"] : ["lint.js", path])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.Combine(RepositoryRoot.Path, "tests", "browser"),
        };
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(Cancel), process.StandardError.ReadToEndAsync(Cancel));
        await process.StandardInput.WriteAsync(text.AsMemory(), Cancel);
        process.StandardInput.Close();
        await process.WaitForExitAsync(Cancel);
        var found = await output + await error;
        Assert.Equal(found.Length == 0, process.ExitCode == 0);
        return found;
    }
}
