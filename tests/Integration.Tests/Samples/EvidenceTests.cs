using System.Diagnostics;
using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Tests.Publishing;

namespace ConsentSnapshots.Integration.Tests.Samples;

/// <summary>What <c>docs/evidence.md</c> tells a compliance officer to run: from a consent record to what was offered and permitted at that time.</summary>
public sealed class EvidenceTests : IAsyncLifetime
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("consent-snapshots-");
    private DirectoryBlobStore _blobs = null!;
    private PublicationWorld _world = null!;
    private string _snapshot = null!;
    private string _script = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string FirstVersion => Path.Combine(_root.FullName, "history", "acme", "production", "00000001.json");

    /// <summary>Two versions: the second one has lost the destination that needs marketing.</summary>
    public async ValueTask InitializeAsync()
    {
        _blobs = new DirectoryBlobStore(_root.FullName, TimeProvider.System);
        _world = new PublicationWorld(_blobs);
        var (measurement, marketing) = (PublicationWorld.MetaPixel("1", "measurement"), PublicationWorld.MetaPixel("2", "marketing"));
        await _world.PublishAsync(1, measurement, marketing);
        _snapshot = (await _world.CurrentAsync())!.Combinations[15].Snapshot;
        _script = JsonNode.Parse(await _world.ScriptsAsync(ConsentSet.Everything.Without(ConsentCategory.Measurement)))!["scripts"]!.AsArray()
            .Select(script => (string)script!["id"]!).First(id => id.StartsWith("meta-pixel", StringComparison.Ordinal));
        _world.Time.Advance(TimeSpan.FromHours(1));
        await _world.PublishAsync(2, measurement);
    }

    public ValueTask DisposeAsync()
    {
        _blobs?.Dispose();
        _root.Delete(recursive: true);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Record_WithMarketing_TheScriptWasPermitted()
    {
        var (exitCode, output) = await ExplainAsync(Record("""{"necessary":true,"marketing":true}"""));

        Assert.True(exitCode == 0, output);
        Assert.Contains("granted marketing, received 2026-03-01T10:30:00.000Z", output, StringComparison.Ordinal);
        Assert.Contains("Version 1 was made 2026-03-01T10:00:00.000Z and replaced 2026-03-01T11:00:00.000Z.", output, StringComparison.Ordinal);
        Assert.Contains($"Permitted: consent-snapshots, {_script}\n", output, StringComparison.Ordinal);
        Assert.Contains($"{_script}: in the list for \"marketing\"", output, StringComparison.Ordinal);
        Assert.Contains("this consent permitted it.", output, StringComparison.Ordinal);
        Assert.Equal(3, output.Split("Holds: ").Length - 1);
        Assert.DoesNotContain("could also", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Record_WithMeasurement_TheScriptWasOfferedAndNotPermitted()
    {
        var (exitCode, output) = await ExplainAsync(Record("""{"necessary":true,"measurement":true,"marketing":false}"""));

        Assert.True(exitCode == 0, output);
        Assert.DoesNotContain(_script, output.Split('\n').Single(line => line.Contains("Permitted:", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.Contains("this consent did not permit it.", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Record_SoonAfterAPublication_NamesTheVersionThatCachesCouldStillHave()
    {
        var second = (await _world.CurrentAsync())!.Combinations[15].Snapshot;

        var (exitCode, output) = await ExplainAsync(Record("{}", version: 2, snapshot: second, received: "2026-03-01T11:02:59.000Z"));

        Assert.True(exitCode == 0, output);
        Assert.Contains("Versions that a cache could also still serve then: 1", output, StringComparison.Ordinal);
        Assert.Contains("granted necessary,", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, "00000000000000000000000000000000", "2026-03-01T10:30:00.000Z", "it does not hold that the record names the snapshot of this version")]
    [InlineData(9, null, "2026-03-01T10:30:00.000Z", "the history of acme/production has no version 9")]
    [InlineData(1, null, "2026-03-01T09:59:59.000Z", "the record is older than the version that it names")]
    public async Task Record_ThatCannotBe_IsDoubted(int version, string? snapshot, string received, string doubt)
    {
        var (exitCode, output) = await ExplainAsync(Record("{}", version, snapshot, received));

        Assert.Equal(3, exitCode);
        Assert.Contains($"DOUBT: {doubt}.", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task History_ChangedAfterwards_IsDoubted()
    {
        // One digit of the pixel that visitors were counted under.
        var text = await File.ReadAllTextAsync(FirstVersion, Cancel);
        await File.WriteAllTextAsync(FirstVersion, text.Replace("\\\"2\\\"", "\\\"3\\\"", StringComparison.Ordinal), Cancel);
        Assert.NotEqual(text, await File.ReadAllTextAsync(FirstVersion, Cancel));

        var (exitCode, output) = await ExplainAsync(Record("{}"));

        Assert.Equal(3, exitCode);
        Assert.Contains("DOUBT: it does not hold that each version from 1 to 2 names the SHA-256 of the one before it.", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Snapshot_ChangedAfterwards_IsDoubted()
    {
        var manifest = await _world.ManifestAsync(BlobContainer.History, "acme/production/00000001.json");
        var served = Path.Combine(_root.FullName, "public", "acme", "production", $"{manifest.Combinations[8].Snapshot}.json");
        await File.AppendAllTextAsync(served, " ", Cancel);

        var (exitCode, output) = await ExplainAsync(Record("""{"marketing":true}"""));

        Assert.Equal(3, exitCode);
        Assert.Contains($"DOUBT: it does not hold that snapshot {manifest.Combinations[8].Snapshot}", output, StringComparison.Ordinal);
    }

    private string Record(string preferences, int version = 1, string? snapshot = null, string received = "2026-03-01T10:30:00.000Z") =>
        $$"""
        {"records":[{"id":1,"receivedAt":"{{received}}","organization":"acme","environment":"production","subjectId":"sub_2jv6z8n4q9",
        "preferences":{{preferences}},"version":{{version}},"snapshot":"{{snapshot ?? _snapshot}}","newestVersion":{{version}}}]}
        """;

    private async Task<(int ExitCode, string Output)> ExplainAsync(string records)
    {
        var start = new ProcessStartInfo("node", [Path.Combine(RepositoryRoot.Path, "samples", "c15t-backend", "evidence.js"), _root.FullName, _script])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        await process.StandardInput.WriteAsync(records.AsMemory(), Cancel);
        process.StandardInput.Close();
        var error = process.StandardError.ReadToEndAsync(Cancel);
        var output = await process.StandardOutput.ReadToEndAsync(Cancel);
        await process.WaitForExitAsync(Cancel);
        return (process.ExitCode, output + await error);
    }
}
