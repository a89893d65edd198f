using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Azure.Storage.Sas;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Tests.Publishing;
using BlobProperties = ConsentSnapshots.Storage.BlobProperties;

namespace ConsentSnapshots.Integration.Tests.Storage;

/// <summary>What the store makes of Azure's answers, one by one.</summary>
public sealed class AzureBlobStoreTests(AzuriteFixture azurite)
{
    private const string Blob = "current/acme/production.json";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Read_KnownETag_IsUnchangedUntilItIsReplaced()
    {
        var store = (await CreateAsync()).Store;
        var etag = await store.CreateAsync(BlobContainer.Private, Blob, "one"u8.ToArray(), BlobProperties.PrivateJson, Cancel);

        var found = Assert.IsType<BlobRead.Found>(await store.ReadAsync(BlobContainer.Private, Blob, null, 100, Cancel));
        Assert.Equal(("one", etag), (System.Text.Encoding.UTF8.GetString(found.Bytes), found.ETag));
        Assert.IsType<BlobRead.Unchanged>(await store.ReadAsync(BlobContainer.Private, Blob, etag, 100, Cancel));
        Assert.NotNull(await store.ReplaceAsync(BlobContainer.Private, Blob, "two"u8.ToArray(), BlobProperties.PrivateJson, etag!, Cancel));
        Assert.Equal("two"u8.ToArray(), Assert.IsType<BlobRead.Found>(await store.ReadAsync(BlobContainer.Private, Blob, etag, 100, Cancel)).Bytes);
    }

    [Fact]
    public async Task Write_LostRace_IsNullAndLeavesWhatIsThere()
    {
        var store = (await CreateAsync()).Store;
        var etag = (await store.CreateAsync(BlobContainer.Private, Blob, "one"u8.ToArray(), BlobProperties.PrivateJson, Cancel))!;
        await store.WriteAsync(BlobContainer.Private, Blob, "two"u8.ToArray(), BlobProperties.PrivateJson, Cancel);

        Assert.Null(await store.CreateAsync(BlobContainer.Private, Blob, "three"u8.ToArray(), BlobProperties.PrivateJson, Cancel));
        Assert.Null(await store.ReplaceAsync(BlobContainer.Private, Blob, "three"u8.ToArray(), BlobProperties.PrivateJson, etag, Cancel));
        Assert.Null(await store.ReplaceAsync(BlobContainer.Private, "current/acme/staging.json", "three"u8.ToArray(), BlobProperties.PrivateJson, etag, Cancel));
        Assert.False(await store.DeleteAsync(BlobContainer.Private, Blob, etag, Cancel));
        Assert.Equal("two"u8.ToArray(), Assert.IsType<BlobRead.Found>(await store.ReadAsync(BlobContainer.Private, Blob, null, 100, Cancel)).Bytes);
    }

    [Fact]
    public async Task Read_LongerThanAllowed_IsNotRead()
    {
        var store = (await CreateAsync()).Store;
        await store.WriteAsync(BlobContainer.Public, "a", new byte[1000], BlobProperties.ImmutableJson, Cancel);

        Assert.Equal(1000, Assert.IsType<BlobRead.TooLong>(await store.ReadAsync(BlobContainer.Public, "a", null, 999, Cancel)).Bytes);
        Assert.Equal(1000, Assert.IsType<BlobRead.Found>(await store.ReadAsync(BlobContainer.Public, "a", null, 1000, Cancel)).Bytes.Length);
    }

    [Fact]
    public async Task Read_NoBlobAndNoContainer_AreToldApart()
    {
        var store = (await CreateAsync(containers: false)).Store;
        foreach (var container in Enum.GetValues<BlobContainer>())
        {
            Assert.IsType<BlobRead.NoContainer>(await store.ReadAsync(container, "a", null, 100, Cancel));
            Assert.IsType<BlobRead.NoContainer>(await store.ReadRangeAsync(container, "a", 0, 100, "\"0x1\"", Cancel));
            Assert.Empty(await NamesAsync(store, container));
            Assert.True(await store.DeleteAsync(container, "a", null, Cancel));
        }

        await store.EnsureContainersAsync(Cancel);

        foreach (var container in Enum.GetValues<BlobContainer>())
        {
            Assert.IsType<BlobRead.Missing>(await store.ReadAsync(container, "a", null, 100, Cancel));
            Assert.IsType<BlobRead.Missing>(await store.ReadRangeAsync(container, "a", 0, 100, null, Cancel));
        }
    }

    [Fact]
    public async Task ReadRange_OfALog_IsWhatIsThereAndNothingBehindTheEnd()
    {
        var store = (await CreateAsync()).Store;
        var log = BlobNames.ChangeSegment(1);
        Assert.True(await store.AppendAsync(log, new byte[512], 1024, Cancel));
        var all = Assert.IsType<BlobRead.Found>(await store.ReadRangeAsync(BlobContainer.Private, log, 0, 4096, null, Cancel));
        Assert.Equal(512, all.Bytes.Length);
        Assert.IsType<BlobRead.Unchanged>(await store.ReadRangeAsync(BlobContainer.Private, log, 0, 4096, all.ETag, Cancel));
        // Azure refuses a range that begins at the end or behind it, the emulator answers it with nothing.
        Assert.Empty(Assert.IsType<BlobRead.Found>(await store.ReadRangeAsync(BlobContainer.Private, log, 512, 4096, null, Cancel)).Bytes);
        Assert.Empty(Assert.IsType<BlobRead.Found>(await store.ReadRangeAsync(BlobContainer.Private, log, 51_200, 4096, null, Cancel)).Bytes);

        Assert.True(await store.AppendAsync(log, Enumerable.Repeat((byte)1, 512).ToArray(), 1024, Cancel));
        Assert.False(await store.AppendAsync(log, new byte[512], 1024, Cancel));

        var next = Assert.IsType<BlobRead.Found>(await store.ReadRangeAsync(BlobContainer.Private, log, 256, 300, all.ETag, Cancel));
        Assert.Equal([.. new byte[256], .. Enumerable.Repeat((byte)1, 44)], next.Bytes);
    }

    [Fact]
    public async Task ReadRange_LogWithoutARecordYet_IsEmpty()
    {
        var (store, service, options) = await CreateAsync();
        await service.GetBlobContainerClient(options.PrivateContainer).GetAppendBlobClient(BlobNames.ChangeSegment(1)).CreateAsync(new AppendBlobCreateOptions(), Cancel);

        Assert.Empty(Assert.IsType<BlobRead.Found>(await store.ReadRangeAsync(BlobContainer.Private, BlobNames.ChangeSegment(1), 0, 4096, null, Cancel)).Bytes);
    }

    /// <summary>A lease is refused with the status of a lost race, and waiting for that race to be over would be waiting for ever.</summary>
    [Fact]
    public async Task Write_SomebodyHoldsALease_IsSaidAndIsNoLostRace()
    {
        var (store, service, options) = await CreateAsync();
        var etag = (await store.CreateAsync(BlobContainer.Private, Blob, "one"u8.ToArray(), BlobProperties.PrivateJson, Cancel))!;
        await store.AppendAsync("changes/00000001.log", new byte[512], 1024, Cancel);
        foreach (var name in (string[])[Blob, "changes/00000001.log"])
            await service.GetBlobContainerClient(options.PrivateContainer).GetBlobClient(name).GetBlobLeaseClient().AcquireAsync(BlobLeaseClient.InfiniteLeaseDuration, cancellationToken: Cancel);

        await SaysLeaseAsync(() => store.ReplaceAsync(BlobContainer.Private, Blob, "two"u8.ToArray(), BlobProperties.PrivateJson, etag, Cancel), Blob);
        await SaysLeaseAsync(() => store.WriteAsync(BlobContainer.Private, Blob, "two"u8.ToArray(), BlobProperties.PrivateJson, Cancel), Blob);
        await SaysLeaseAsync(() => store.DeleteAsync(BlobContainer.Private, Blob, null, Cancel), Blob);
        await SaysLeaseAsync(() => store.AppendAsync("changes/00000001.log", new byte[512], 1024, Cancel), "changes/00000001.log");
    }

    [Theory]
    [InlineData(BlobContainer.Private, "current/acme/production.json")]
    [InlineData(BlobContainer.Private, "changes/00000001.log")]
    [InlineData(BlobContainer.Public, "acme/production/scripts.json")]
    public async Task Publish_SomebodyHoldsALease_IsSaidAndIsFinishedOnceItIsBroken(BlobContainer container, string name)
    {
        var (store, service, options) = await CreateAsync();
        var world = new PublicationWorld(store);
        await world.PublishAsync(1, PublicationWorld.MetaPixel("111"));
        var lease = service.GetBlobContainerClient(container == BlobContainer.Public ? options.Container : options.PrivateContainer).GetBlobClient(name).GetBlobLeaseClient();
        await lease.AcquireAsync(BlobLeaseClient.InfiniteLeaseDuration, cancellationToken: Cancel);

        await SaysLeaseAsync(() => world.PublishAsync(2, PublicationWorld.MetaPixel("222")), name);
        await world.AssertNothingTornAsync();
        await lease.BreakAsync(TimeSpan.Zero, cancellationToken: Cancel);
        await world.PublishAsync(world.Request(2, PublicationWorld.MetaPixel("222")) with { Announce = true });

        await world.AssertCompleteAsync(2);
    }

    [Fact]
    public async Task Write_ContainerDeletedMeanwhile_IsCreatedAgain()
    {
        var (store, service, options) = await CreateAsync();
        string[] names = [options.Container, options.PrivateContainer, options.HistoryContainer];
        async Task DeleteAsync()
        {
            foreach (var name in names) await service.GetBlobContainerClient(name).DeleteAsync(cancellationToken: Cancel);
        }

        await DeleteAsync();
        foreach (var container in Enum.GetValues<BlobContainer>())
            Assert.NotNull(await store.CreateAsync(container, "a", "a"u8.ToArray(), BlobProperties.PrivateJson, Cancel));
        await DeleteAsync();
        foreach (var container in Enum.GetValues<BlobContainer>()) await store.WriteAsync(container, "a", "a"u8.ToArray(), BlobProperties.PrivateJson, Cancel);
        await service.GetBlobContainerClient(options.PrivateContainer).DeleteAsync(cancellationToken: Cancel);
        Assert.True(await store.AppendAsync("changes/00000001.log", new byte[512], 1024, Cancel));
        // What is to be replaced went with its container.
        await service.GetBlobContainerClient(options.PrivateContainer).DeleteAsync(cancellationToken: Cancel);
        Assert.Null(await store.ReplaceAsync(BlobContainer.Private, "a", "b"u8.ToArray(), BlobProperties.PrivateJson, "\"0x1\"", Cancel));

        Assert.Equal(["a"], await NamesAsync(store, BlobContainer.Public));
        Assert.Equal(["a"], await NamesAsync(store, BlobContainer.History));
        Assert.Empty(await NamesAsync(store, BlobContainer.Private));
    }

    [Fact]
    public async Task Publish_ContainersDeletedUnderARunningWorker_GoesOn()
    {
        var (store, service, options) = await CreateAsync();
        var world = new PublicationWorld(store);
        await world.PublishAsync(1, PublicationWorld.MetaPixel("111"));
        foreach (var name in (string[])[options.PrivateContainer, options.HistoryContainer]) await service.GetBlobContainerClient(name).DeleteAsync(cancellationToken: Cancel);

        await world.PublishAsync(1, PublicationWorld.MetaPixel("111"));
        await world.AssertCompleteAsync(2, first: 2);
        await service.GetBlobContainerClient(options.Container).DeleteAsync(cancellationToken: Cancel);
        world.Store.ForgetLoader(); // as each reconcile does
        await world.PublishAsync(1, PublicationWorld.MetaPixel("111"));
        await world.AssertCompleteAsync(2, first: 2);
    }

    /// <summary>An operator may have made the containers, and given the worker an identity that may use them and create none.</summary>
    [Fact]
    public async Task Write_IdentityMayNotCreateContainers_IsEnoughWhereTheyExist()
    {
        var (_, service, options) = await CreateAsync();
        var rights = service.GenerateAccountSasUri(
            AccountSasPermissions.All, DateTimeOffset.MaxValue.AddYears(-1), AccountSasResourceTypes.Object).Query.TrimStart('?');
        var signed = options with { ConnectionString = $"BlobEndpoint={service.Uri};SharedAccessSignature={rights}" };
        var store = new AzureBlobStore(signed, StoreRetries.Patient(TimeSpan.FromMinutes(2)));

        await store.EnsureContainersAsync(Cancel);
        await store.WriteAsync(BlobContainer.History, "a", "a"u8.ToArray(), BlobProperties.PrivateJson, Cancel);
        await service.GetBlobContainerClient(options.HistoryContainer).DeleteAsync(cancellationToken: Cancel);
        var refused = await Assert.ThrowsAsync<StoreUnavailableException>(() => store.WriteAsync(BlobContainer.History, "a", "a"u8.ToArray(), BlobProperties.PrivateJson, Cancel));

        Assert.EndsWith(
            $" has no container '{options.HistoryContainer}', and this identity may not create one. Create it, or let the identity do so.", refused.Message, StringComparison.Ordinal);
    }

    private async Task<(AzureBlobStore Store, BlobServiceClient Service, StorageOptions Options)> CreateAsync(bool containers = true)
    {
        var options = new StorageOptions
        {
            Provider = StorageProvider.Azure,
            ConnectionString = await azurite.ConnectionStringAsync(Cancel),
            Container = azurite.NextContainerName("public"),
            PrivateContainer = azurite.NextContainerName("private"),
            HistoryContainer = azurite.NextContainerName("history"),
        };
        var store = new AzureBlobStore(options, StoreRetries.Patient(TimeSpan.FromMinutes(2)));
        if (containers) await store.EnsureContainersAsync(Cancel);
        return (store, new BlobServiceClient(options.ConnectionString), options);
    }

    private static async Task<List<string>> NamesAsync(AzureBlobStore store, BlobContainer container)
    {
        var names = new List<string>();
        await foreach (var blob in store.ListAsync(container, "", Cancel)) names.Add(blob.Name);
        return names;
    }

    private static async Task SaysLeaseAsync(Func<Task> write, string name)
    {
        var exception = await Assert.ThrowsAsync<StoreUnavailableException>(write);
        Assert.EndsWith($" does not let '{name}' be written, because somebody holds a lease on it. Break the lease.", exception.Message, StringComparison.Ordinal);
    }
}
