using ConsentSnapshots.Storage;

namespace ConsentSnapshots.Worker.Tests.Storage;

public sealed class DirectoryBlobStoreTests : IDisposable
{
    private const string Log = "changes/00000001.log";

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("consent-snapshots-");
    private readonly DirectoryBlobStore _store;

    public DirectoryBlobStoreTests() => _store = new DirectoryBlobStore(_root.FullName, TimeProvider.System);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>A crash in the middle of an append leaves some whole lines and part of one. The whole ones may have been announced to somebody.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(511)]
    [InlineData(5000)]
    public async Task Append_PartOfALineAtTheEnd_IsCutOffAndEveryWholeLineStays(int part)
    {
        Assert.True(await _store.AppendAsync(Log, Lines(1, 2, 3), 10_000, Cancel));
        var path = Path.Combine(_root.FullName, "private", Log);
        await File.AppendAllTextAsync(path, new string('x', part), Cancel);

        Assert.True(await _store.AppendAsync(Log, Lines(4, 5), 10_000, Cancel));

        Assert.Equal(Lines(1, 2, 3, 4, 5), await File.ReadAllBytesAsync(path, Cancel));
    }

    [Fact]
    public async Task Append_MoreThanFits_AppendsNothing()
    {
        Assert.True(await _store.AppendAsync(Log, Lines(1, 2), 3 * 512, Cancel));

        Assert.False(await _store.AppendAsync(Log, Lines(3, 4), 3 * 512, Cancel));
        Assert.True(await _store.AppendAsync(Log, Lines(3), 3 * 512, Cancel));

        Assert.Equal(Lines(1, 2, 3), await File.ReadAllBytesAsync(Path.Combine(_root.FullName, "private", Log), Cancel));
    }

    [Fact]
    public async Task Create_ManyAtOnceInFoldersThatDoNotExist_EachIsThereOnce()
    {
        var names = Enumerable.Range(0, 400).Select(number => $"org{number % 7}/production/{number / 2}.json").ToList();

        var etags = await Task.WhenAll(names.Select(name => _store.CreateAsync(BlobContainer.Public, name, "{}"u8.ToArray(), BlobProperties.ImmutableJson, Cancel)));

        var listed = new List<string>();
        await foreach (var blob in _store.ListAsync(BlobContainer.Public, "", Cancel)) listed.Add(blob.Name);
        Assert.Equal(names.Distinct().Order(StringComparer.Ordinal), listed.Order(StringComparer.Ordinal));
        Assert.Equal(listed.Count, etags.Count(etag => etag is not null));
    }

    [Fact]
    public async Task List_Prefix_GivesNamesAndLengthsOfItsFilesAndNothingThatIsBeingWritten()
    {
        await _store.WriteAsync(BlobContainer.Public, "acme/production/scripts.json", new byte[7], BlobProperties.ReplacedJson, Cancel);
        await _store.WriteAsync(BlobContainer.Public, "acme/production/.hidden.json", new byte[8], BlobProperties.ReplacedJson, Cancel);
        await _store.WriteAsync(BlobContainer.Public, "acme-2/production/scripts.json", new byte[9], BlobProperties.ReplacedJson, Cancel);
        await File.WriteAllTextAsync(Path.Combine(_root.FullName, "public", "acme", "production", "a.json.0123.tmp"), "", Cancel);

        Assert.Equal([("acme/production/.hidden.json", 8), ("acme/production/scripts.json", 7)], await ListAsync("acme/"));
        Assert.Equal([("acme-2/production/scripts.json", 9), ("acme/production/.hidden.json", 8), ("acme/production/scripts.json", 7)], await ListAsync(""));
        Assert.Equal([("acme/production/scripts.json", 7)], await ListAsync("acme/production/scr"));
        Assert.Empty(await ListAsync("nobody/"));

        async Task<List<(string, long)>> ListAsync(string prefix)
        {
            var listed = new List<(string Name, long)>();
            await foreach (var blob in _store.ListAsync(BlobContainer.Public, prefix, Cancel)) listed.Add((blob.Name, blob.Length));
            listed.Sort((left, right) => string.CompareOrdinal(left.Name, right.Name));
            return listed;
        }
    }

    /// <summary>A store that cannot be looked into is no empty one: what is missing would be published anew, as version 1.</summary>
    [Fact]
    public async Task Read_FolderThatCannotBeLookedInto_IsUnavailableAndNotMissing()
    {
        await _store.EnsureContainersAsync(Cancel);
        // A folder that is a link to itself: nobody can look into it, not even root.
        var folder = Path.Combine(_root.FullName, "private", "current");
        File.CreateSymbolicLink(folder, folder);

        await Assert.ThrowsAsync<StoreUnavailableException>(() => _store.ReadAsync(BlobContainer.Private, "current/acme/production.json", null, 100, Cancel));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => _store.ReadRangeAsync(BlobContainer.Private, "current/acme/production.json", 0, 1, null, Cancel));
    }

    /// <summary>Several processes on one folder take turns for what depends on the file that is there.</summary>
    [Fact]
    public async Task Replace_TwoStoresOnOneFolder_OnlyOneWinsEachRound()
    {
        using var other = new DirectoryBlobStore(_root.FullName, TimeProvider.System);
        var etag = (await _store.CreateAsync(BlobContainer.Private, "current/acme/production.json", "0"u8.ToArray(), BlobProperties.PrivateJson, Cancel))!;
        for (var round = 1; round <= 20; round++)
        {
            var written = await Task.WhenAll(new[] { _store, other, _store, other }.Select((store, place) =>
                store.ReplaceAsync(BlobContainer.Private, "current/acme/production.json", System.Text.Encoding.UTF8.GetBytes($"{round} {place}"), BlobProperties.PrivateJson, etag, Cancel)));

            etag = Assert.Single(written, won => won is not null)!;
        }
    }

    public void Dispose()
    {
        _store.Dispose();
        _root.Delete(recursive: true);
    }

    private static byte[] Lines(params int[] numbers) => [.. numbers.SelectMany(number => System.Text.Encoding.ASCII.GetBytes(number.ToString(System.Globalization.CultureInfo.InvariantCulture).PadRight(511) + "\n"))];
}
