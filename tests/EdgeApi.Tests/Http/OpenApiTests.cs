using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using ConsentSnapshots.EdgeApi.Tests.Support;
using Microsoft.AspNetCore.Routing;

namespace ConsentSnapshots.EdgeApi.Tests.Http;

/// <summary>
/// <c>docs/openapi.yaml</c> is what the edge does: its routes are the edge's, and every answer to requests that are generated from it is one that it describes
/// (<c>tests/http-api/fuzz.js</c>). A build sends a bounded number of them; <c>eng/fuzz.sh --openapi</c> sends as many as one likes.
/// </summary>
public sealed partial class OpenApiTests : IDisposable
{
    private static readonly int s_requests = Number("CONSENT_SNAPSHOTS_OPENAPI_REQUESTS", 4_000);
    private static readonly int s_seed = Number("CONSENT_SNAPSHOTS_OPENAPI_SEED", 7);

    private readonly TestStore _store = new();

    public OpenApiTests() => _store.Publish(TestStore.Acme, [.. TestStore.OneOfEach, TestStore.Own("own()")]);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static string Document => Checkout.At("docs", "openapi.yaml");

    public void Dispose() => _store.Dispose();

    [Fact]
    public async Task Document_BreaksNoRuleOfTheLinter()
    {
        var (exitCode, output) = await RunAsync("lint.js");

        Assert.True(exitCode == 0, output);
    }

    [Fact]
    public async Task Document_WithAMistake_IsFoundByTheLinter()
    {
        using var wrong = new DocumentBesides(text => text.Replace("operationId: getTags", "operationId: getList", StringComparison.Ordinal));

        var (exitCode, output) = await RunAsync("lint.js", wrong.Path);

        Assert.Equal(1, exitCode);
        Assert.Contains("operation-operationId-unique", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Routes_OfTheEdgeAndOfTheDocument_AreTheSame()
    {
        await using var edge = await TestEdge.StartAsync(_store);

        var routes = edge.Service<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Select(endpoint => endpoint.RoutePattern.RawText!.Replace("{**", "{", StringComparison.Ordinal))
            .Where(pattern => pattern != "{path}") // what nothing else answers: 404
            .Order(StringComparer.Ordinal);

        var documented = DocumentedPath().Matches(await File.ReadAllTextAsync(Document, Cancel)).Select(match => match.Groups["path"].Value).Order(StringComparer.Ordinal);
        Assert.Equal(documented, routes);
    }

    [Fact]
    public async Task Answers_ToRequestsFromTheDocument_AreThoseThatItDescribes()
    {
        using var nothing = new TestStore();
        nothing.TakeDown();
        await using var usual = await TestEdge.StartAsync(_store);
        await using var redirecting = await TestEdge.StartAsync(_store, ("Edge:Mode", "redirect"), ("Storage:PublicBaseUrl", "https://cdn.example/public"));
        await using var down = await TestEdge.StartAsync(nothing);

        var (exitCode, output) = await RunAsync(
            "fuzz.js", "--all-answers", "--runs", Invariant(s_requests), "--seed", Invariant(s_seed), usual.Address.OriginalString, $"redirect={redirecting.Address.OriginalString}", $"down={down.Address.OriginalString}");

        Report(output.Split('\n')[0]);
        Assert.True(exitCode == 0, output);
    }

    [Theory]
    [InlineData("cached: { const: true }", "cached: { const: false }", "the body: data/metadata/cached")]
    [InlineData("'412': { $ref: '#/components/responses/PreconditionFailed' }", "'418': { $ref: '#/components/responses/PreconditionFailed' }", "the status 412 is not described")]
    [InlineData("pattern: '^Accept-Encoding(, Origin)?$'", "pattern: '^Accept$'", "the header Vary is 'Accept-Encoding'")]
    [InlineData("Timing-Allow-Origin: {", "Timing-Allow-Nobody: {", "the header timing-allow-origin is not described")]
    public async Task Answers_WhereTheDocumentSaysSomethingElse_AreFound(string so, string otherwise, string found)
    {
        await using var edge = await TestEdge.StartAsync(_store);
        using var wrong = new DocumentBesides(text => text.Replace(so, otherwise, StringComparison.Ordinal));

        var (exitCode, output) = await RunAsync("fuzz.js", "--runs", "2000", "--seed", Invariant(s_seed), "--document", wrong.Path, edge.Address.OriginalString);

        Assert.Equal(1, exitCode);
        Assert.Contains(found, output, StringComparison.Ordinal);
    }

    private static async Task<(int ExitCode, string Output)> RunAsync(string script, params string[] arguments)
    {
        var start = new ProcessStartInfo("node", [script, .. arguments])
        {
            WorkingDirectory = Checkout.At("tests", "http-api"),
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        try
        {
            var (output, error) = (process.StandardOutput.ReadToEndAsync(Cancel), process.StandardError.ReadToEndAsync(Cancel));
            await process.WaitForExitAsync(Cancel);
            return (process.ExitCode, await output + await error);
        }
        finally
        {
            if (!process.HasExited) process.Kill();
        }
    }

    private static int Number(string variable, int usual) => int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var number) ? number : usual;

    private static string Invariant(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static void Report(string line)
    {
        TestContext.Current.TestOutputHelper?.WriteLine(line);
        if (Environment.GetEnvironmentVariable("CONSENT_SNAPSHOTS_TEST_REPORT") is { Length: > 0 } file) File.AppendAllText(file, line + "\n");
    }

    [GeneratedRegex("^  (?<path>/[^:]*):$", RegexOptions.CultureInvariant | RegexOptions.Multiline)]
    private static partial Regex DocumentedPath();

    /// <summary>The document with other words in it, in a folder that has the schemas which it refers to.</summary>
    private sealed class DocumentBesides : IDisposable
    {
        private readonly string _folder = Directory.CreateTempSubdirectory("openapi-").FullName;

        public DocumentBesides(Func<string, string> edit)
        {
            var (before, formats) = (File.ReadAllText(Document), Directory.CreateDirectory(System.IO.Path.Combine(_folder, "formats")).FullName);
            var after = edit(before);
            Assert.NotEqual(before, after);
            File.WriteAllText(Path, after);
            foreach (var schema in Directory.EnumerateFiles(Checkout.At("docs", "formats"), "*.schema.json")) File.Copy(schema, System.IO.Path.Combine(formats, System.IO.Path.GetFileName(schema)));
        }

        public string Path => System.IO.Path.Combine(_folder, "openapi.yaml");

        public void Dispose() => Directory.Delete(_folder, recursive: true);
    }
}
