using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Worker.Sources;
using ConsentSnapshots.Worker.Sources.Files;
using Microsoft.Extensions.Logging.Abstractions;

namespace ConsentSnapshots.Worker.Tests.Sources;

public sealed class FileSourceTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("consent-snapshots-file-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Read_SettingsOverTheLimit_ConcernThatScopeOnly()
    {
        var settings = $$"""{"textContent":"{{new string('x', 256_000)}}"}""";
        var file = Path.Combine(_folder, "destinations.json");
        await File.WriteAllTextAsync(
            file, """{"organizations":[{"id":"acme","environments":{"staging":{"destinations":[{"type":"console"}]},"production":{"destinations":[{"type":"script","settings":""" + settings + "}]}}}]}", Cancel);
        using var source = new FileSource(file, new SettingVariables(DestinationCatalogue.BuiltIn, [], _ => null), ScopeLimits.Default, TimeProvider.System, NullLogger<FileSource>.Instance);

        var reads = new List<ScopeRead>();
        await foreach (var read in source.ReadAsync([.. Scope.Of(OrganizationId.Parse("acme"))], ReadPurpose.Look, Cancel)) reads.Add(read);

        Assert.Equal([0, 1, null], reads.Select(read => read is ScopeRead.Found found ? found.Rows.Rows.Count : (int?)null));
        Assert.Equal(
            $"The scope has {settings.Length} bytes of settings in one destination, and the limit is 256000. A version that is published stays; remove what is not needed.",
            Assert.IsType<ScopeRead.TooLarge>(reads[2]).Problem);
    }
}
