using ConsentSnapshots.EdgeApi.Tests.Support;

namespace ConsentSnapshots.Worker.Tests;

/// <summary>The executable itself, as an operator starts it.</summary>
public sealed class ProgramTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("consent-snapshots-program-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Run_FolderWithSettingsAndSubfolders_WatchesNothing()
    {
        var settings = """{"Source":{"Provider":"file","File":"destinations.json"},"Storage":{"Provider":"directory","Directory":"store"}}""";
        await File.WriteAllTextAsync(Path.Combine(_folder, "appsettings.json"), settings, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(_folder, "destinations.json"), """{"organizations":[{"id":"acme"}]}""", TestContext.Current.CancellationToken);
        Directory.CreateDirectory(Path.Combine(_folder, "with", "many", "subfolders"));

        using var worker = RunningProgram.Start("consent-snapshots", _folder, "run");
        await worker.SaysAsync("acme/production: Published");

        Assert.Empty(worker.Watches());
    }
}
