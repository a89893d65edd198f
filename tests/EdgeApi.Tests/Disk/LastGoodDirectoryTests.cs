using System.Diagnostics;
using System.Globalization;
using System.Net;
using ConsentSnapshots.EdgeApi.Disk;
using ConsentSnapshots.EdgeApi.Tests.Support;
using ConsentSnapshots.Generator.Formats;

namespace ConsentSnapshots.EdgeApi.Tests.Disk;

/// <summary>What a disk can do to the copies, and what the copies never do to the edge.</summary>
public sealed class LastGoodDirectoryTests : IDisposable
{
    private const string Listening = "Now listening on: ";
    private const int Scopes = 5;
    private readonly TestStore _store = new();
    private readonly string _cache = Directory.CreateTempSubdirectory("edge-cache-").FullName;

    public void Dispose()
    {
        _store.Dispose();
        Directory.Delete(_cache, recursive: true);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Start_DirectoryThatCannotBe_GoesOnWithoutItAndSaysSoOnce()
    {
        _store.Publish(TestStore.Acme, TestStore.Pixel("1"));
        var file = Path.Combine(_cache, "file");
        await File.WriteAllTextAsync(file, "", Cancel);

        await using var edge = await TestEdge.StartAsync(_store, ("Edge:CacheDirectory", Path.Combine(file, "cache")));

        using var response = await edge.GetAsync("/v1/acme/production/scripts?consent=marketing");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        await Eventually.TrueAsync(() => edge.Loads.UnderWay == 0, "the write that fails");
        Assert.Equal((1, 0), (edge.Log.Count(5404), edge.Log.Count(5400)));
    }

    [Fact]
    public async Task Write_DirectoryComesBack_IsUsedAgain()
    {
        _store.Publish(TestStore.Acme, TestStore.Pixel("1"));
        var file = Path.Combine(_cache, "file");
        await File.WriteAllTextAsync(file, "", Cancel);
        var cache = Path.Combine(file, "cache");
        await using var edge = await TestEdge.StartAsync(_store, ("Edge:CacheDirectory", cache));
        File.Delete(file);
        Directory.CreateDirectory(cache);

        (await edge.GetAsync("/v1/acme/production/scripts?consent=marketing")).Dispose();

        await Eventually.TrueAsync(() => edge.Loads.UnderWay == 0, "the write");
        Assert.Single(Directory.GetFiles(cache, "*.scope"));
        Assert.Equal(1, edge.Log.Count(5403));
    }

    [Fact]
    public async Task Write_ManySmallCopies_KeepTheDirectoryWithinItsBlocks()
    {
        const int Many = 300;
        await using var edge = await TestEdge.StartAsync(
            _store, ("Edge:CacheDirectory", _cache), ("Edge:CacheDirectoryBytes", "1048576"));
        for (var number = 0; number < Many; number++)
        {
            _store.Publish(TestStore.ScopeOf($"org{number}"), TestStore.Pixel("1"));
            (await edge.GetUntilAsync($"/v1/org{number}/production/scripts?consent=marketing", (response, _) => response.IsSuccessStatusCode)).Dispose();
        }
        await Eventually.TrueAsync(() => edge.Loads.UnderWay == 0, "writes");

        var copies = Directory.GetFiles(_cache, "*.scope");
        Assert.InRange(copies.Length, 50, Many - 1);
        // Their bytes alone would be far below the limit.
        Assert.True(copies.Sum(copy => new FileInfo(copy).Length) < 900_000);
        Assert.True(await BlocksAsync() <= 1 << 20, "more blocks than the limit");
    }

    [Fact]
    public async Task Write_DiskIsFull_CostsNothingButTheCopies()
    {
        await SkipWithoutMountsAsync();
        for (var number = 0; number < 60; number++) _store.Publish(TestStore.ScopeOf($"org{number}"), TestStore.OneOfEach);
        using var edge = StartMounted("mount -t tmpfs -o size=64k tmpfs \"$0\"");
        using var client = new HttpClient { BaseAddress = new Uri(await edge.SaysAsync(Listening)) };

        for (var number = 0; number < 60; number++)
        {
            using var response = await client.GetAsync(new Uri($"/v1/org{number}/production/scripts.json", UriKind.Relative), Cancel);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }

        await edge.SaysAsync("[5400]");
        await edge.KillAsync();
        var (_, output, error) = await edge.EndAsync();
        Assert.Equal(1, (output + error).Split("[5400]").Length - 1);
    }

    [Fact]
    public async Task Start_DiskIsReadOnly_ServesTheCopiesThatAreThere()
    {
        await SkipWithoutMountsAsync();
        _store.Publish(TestStore.Acme, TestStore.Pixel("11111111111"));
        await using (var writer = await TestEdge.StartAsync(_store, ("Edge:CacheDirectory", _cache)))
        {
            (await writer.GetAsync("/v1/acme/production/scripts.json")).Dispose();
            await Eventually.TrueAsync(() => writer.Loads.UnderWay == 0, "the copy");
        }
        _store.TakeDown();
        using var edge = StartMounted("mount --bind \"$0\" \"$0\" && mount -o remount,ro,bind \"$0\"");
        await edge.SaysAsync("[5404]");
        using var client = new HttpClient { BaseAddress = new Uri(await edge.SaysAsync(Listening)) };

        var list = await client.GetStringAsync(new Uri("/v1/acme/production/scripts.json", UriKind.Relative), Cancel);

        Assert.Contains("11111111111", list, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Kill_AtAnyInstant_LeavesWholeCopiesThatServeWhileTheStoreIsDown()
    {
        var random = new Random(20261126);
        for (var number = 0; number < Scopes; number++) _store.Publish(ScopeOf(number), TestStore.Pixel("1"));
        for (var round = 0; round < 6; round++)
        {
            using var edge = Start();
            using var client = new HttpClient { BaseAddress = new Uri(await edge.SaysAsync(Listening)) };
            for (var number = 0; number < Scopes; number++) (await client.GetAsync(AddressOf(number), Cancel)).Dispose();
            // The edge writes a copy for each of them while it goes on, and is killed somewhere among these writes.
            for (var publications = random.Next(1, 40); publications > 0; publications--)
                _store.Publish(ScopeOf(random.Next(Scopes)), TestStore.Pixel(random.Next(1, 1_000_000).ToString(CultureInfo.InvariantCulture)));
            await edge.KillAsync();

            foreach (var file in Directory.GetFiles(_cache, "*.scope"))
            {
                Assert.True(LastGoodFormat.TryRead(await File.ReadAllBytesAsync(file, Cancel), out var copy), $"{file} is not whole.");
                Assert.Null(Manifest.Parse(copy.Manifest).FindFault());
            }
        }
        await File.WriteAllTextAsync(Path.Combine(_cache, "left.scope.0.tmp"), "half", Cancel);
        _store.TakeDown();

        using var restarted = Start();
        using var last = new HttpClient { BaseAddress = new Uri(await restarted.SaysAsync(Listening)) };

        for (var number = 0; number < Scopes; number++)
        {
            using var response = await last.GetAsync(AddressOf(number), Cancel);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }
        Assert.Empty(Directory.GetFiles(_cache, "*.tmp"));
    }

    private static Generator.Destinations.Scope ScopeOf(int number) => TestStore.ScopeOf($"org{number}");

    private static Uri AddressOf(int number) => new($"/v1/org{number}/production/scripts.json", UriKind.Relative);

    private string[] Arguments =>
        ["--urls=http://127.0.0.1:0", "--Storage:Provider=directory", $"--Storage:Directory={_store.Root}", $"--Edge:CacheDirectory={_cache}", "--Edge:PollInterval=00:00:00.010"];

    private RunningProgram Start() => RunningProgram.Start("consent-edge", _cache, Arguments);

    /// <summary>Starts the edge where the cache's directory is mounted in another way than for everybody else.</summary>
    private RunningProgram StartMounted(string mount) =>
        RunningProgram.Start("/usr/bin/unshare", "/", ["-rm", "sh", "-c", $"{mount} && exec \"$@\"", _cache, Path.Combine(AppContext.BaseDirectory, "consent-edge"), .. Arguments]);

    private static async Task SkipWithoutMountsAsync()
    {
        if (!File.Exists("/usr/bin/unshare")) Assert.Skip("This system has no unshare.");
        using var tried = Process.Start(new ProcessStartInfo("/usr/bin/unshare", ["-rm", "true"]) { RedirectStandardError = true })!;
        await tried.WaitForExitAsync(Cancel);
        if (tried.ExitCode != 0) Assert.Skip("This process may not mount anything.");
    }

    private async Task<long> BlocksAsync()
    {
        var start = new ProcessStartInfo("stat", ["-c", "%b %B", .. Directory.GetFiles(_cache)]) { RedirectStandardOutput = true };
        using var stat = Process.Start(start)!;
        var output = await stat.StandardOutput.ReadToEndAsync(Cancel);
        await stat.WaitForExitAsync(Cancel);
        return output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')).Sum(numbers => long.Parse(numbers[0], CultureInfo.InvariantCulture) * long.Parse(numbers[1], CultureInfo.InvariantCulture));
    }
}
