using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Diagnostics;
using ConsentSnapshots.Worker.Publishing;
using Microsoft.Extensions.Time.Testing;

namespace ConsentSnapshots.Worker.Tests.Publishing;

/// <summary>The clocks of a store and of the machine that looks at it.</summary>
public sealed class StoreSetupCheckTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("consent-snapshots-times-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(0, FindingLevel.Ok, "agree")]
    [InlineData(90, FindingLevel.Warning, "behind this machine's")]
    [InlineData(-3600, FindingLevel.Failed, "ahead of this machine's")]
    public async Task Check_ClockIsElsewhere_SaysByHowMuchAndWhatToDo(int seconds, object level, string text)
    {
        using var store = new DirectoryBlobStore(_folder, TimeProvider.System);
        await store.EnsureContainersAsync(TestContext.Current.CancellationToken);
        var findings = new Findings();

        await new StoreSetupCheck(store, new StorageOptions { Directory = _folder }, new FakeTimeProvider(TimeProvider.System.GetUtcNow().AddSeconds(seconds))).CheckAsync(findings, TestContext.Current.CancellationToken);

        var clock = Assert.Single(findings.All, finding => finding.What.Contains("clock", StringComparison.Ordinal));
        Assert.Equal((FindingLevel)level, clock.Level);
        Assert.Contains(text, clock.What, StringComparison.Ordinal);
        Assert.Equal(clock.Level != FindingLevel.Ok, clock.Fix?.Contains("time server", StringComparison.Ordinal) == true);
        // Whoever runs it may be another user than the worker, so nothing may stay, not even a lock file.
        Assert.Equal(["history", "private", "public"], Directory.EnumerateFileSystemEntries(_folder, "*", SearchOption.AllDirectories).Select(entry => Path.GetRelativePath(_folder, entry)).Order(StringComparer.Ordinal));
    }
}
