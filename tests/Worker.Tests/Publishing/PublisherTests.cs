using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.Worker.Tests.Publishing;

/// <summary>The publication protocol, on whichever store a derived class brings.</summary>
public abstract class PublisherTests
{
    protected abstract Task<IBlobStore> CreateStoreAsync();

    private static readonly Destination First = PublicationWorld.MetaPixel("111");
    private static readonly Destination Second = PublicationWorld.MetaPixel("222", "measurement");

    private async Task<PublicationWorld> WorldAsync(int recordsPerSegment = ChangeRecord.PerSegment)
    {
        var store = await CreateStoreAsync();
        await store.EnsureContainersAsync(TestContext.Current.CancellationToken);
        return new PublicationWorld(store, recordsPerSegment);
    }

    [Fact]
    public async Task Publish_FirstTime_WritesExactlyTheseBlobs()
    {
        var world = await WorldAsync();
        var result = await world.PublishAsync(1, First);

        Assert.Equal(PublicationOutcome.Published, result.Outcome);
        Assert.Equal(2, result.SnapshotsWritten); // without and with marketing
        Assert.Equal(16, result.ChangedCombinations);
        Assert.Equal(
            result.Manifest.Snapshots.Keys.Select(hash => $"acme/production/{hash}.json").Order(StringComparer.Ordinal),
            await world.NamesAsync(BlobContainer.Public));
        Assert.Equal(
            ["changes/00000001.log", "current/acme/production.json", "manifests/acme/production/00000001.json"],
            await world.NamesAsync(BlobContainer.Private));
        await world.AssertCompleteAsync(1);
    }

    [Fact]
    public async Task Publish_SameContent_WritesNothing()
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);
        var writes = world.Faults.Writes;

        var result = await world.PublishAsync(2, First);

        Assert.Equal(PublicationOutcome.Unchanged, result.Outcome);
        Assert.Equal(1, result.Manifest.Version);
        Assert.Equal(writes, world.Faults.Writes);
    }

    [Fact]
    public async Task Publish_OneCombinationChanges_TheOthersKeepTheirSince()
    {
        var world = await WorldAsync();
        var first = (await world.PublishAsync(1, First)).Manifest;
        world.Time.Advance(TimeSpan.FromHours(1));

        // A second destination with an inline script would change the runtime, which every list with inline scripts begins with.
        var other = new Destination
        {
            Id = Guid.NewGuid(),
            Type = "fathom-analytics",
            Settings = System.Text.Json.JsonElement.Parse("""{"site":"ABC"}"""),
            RequiredConsent = ["measurement"],
            CreatedAt = DateTimeOffset.UnixEpoch.AddDays(1),
        };
        var second = (await world.PublishAsync(2, First, other)).Manifest;

        foreach (var set in ConsentSet.All)
        {
            var changed = set.Contains(ConsentCategory.Measurement);
            Assert.Equal(changed ? 2 : 1, second[set].Since.Version);
            Assert.Equal(changed ? second.GeneratedAt : first.GeneratedAt, second[set].Since.At);
        }
    }

    [Fact]
    public async Task Publish_ClockWentBack_TimeMovesForward()
    {
        var world = await WorldAsync();
        var first = (await world.PublishAsync(1, First)).Manifest;
        world.Time.AdjustTime(world.Time.GetUtcNow().AddMinutes(-5));

        var second = (await world.PublishAsync(2)).Manifest;

        Assert.Equal(first.GeneratedAt.AddMilliseconds(1), second.GeneratedAt);
    }

    [Fact]
    public async Task Publish_OlderRevision_IsSuperseded()
    {
        var world = await WorldAsync();
        await world.PublishAsync(5, First);

        var late = await world.PublishAsync(4, Second);

        Assert.Equal(PublicationOutcome.Superseded, late.Outcome);
        Assert.Equal(1, (await world.CurrentAsync())!.Version);
    }

    [Fact]
    public async Task Publish_LowerRevisionOfANewEpoch_IsPublished()
    {
        var world = await WorldAsync();
        await world.PublishAsync(5, First);

        var request = world.Request(1, Second) with { Position = new SourcePosition(2, 1) };
        var result = await world.Publisher.PublishAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(PublicationOutcome.Published, result.Outcome);
        Assert.Equal((2L, 1L), (result.Manifest.SourceEpoch, result.Manifest.SourceRevision));
    }

    [Fact]
    public async Task Publish_LastDestinationGone_PublishesEmptyLists()
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);

        await world.PublishAsync(2);

        Assert.Equal("""{"scripts":[],"metadata":{"schema":1,"destinationCount":0,"scriptCount":0,"csp":{}}}""", await world.ScriptsAsync(ConsentSet.Everything));
        await world.AssertCompleteAsync(2);
    }

    [Fact]
    public async Task Publish_StoreWiped_PublishesAgainAlthoughNothingChanged()
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);
        foreach (var container in new[] { BlobContainer.Public, BlobContainer.Private })
            foreach (var name in await world.NamesAsync(container))
                await world.Store.Blobs.DeleteAsync(container, name, null, TestContext.Current.CancellationToken);

        var result = await world.PublishAsync(1, First);

        Assert.Equal(PublicationOutcome.Published, result.Outcome);
        await world.AssertCompleteAsync(1);
    }

    [Fact]
    public async Task Publish_SnapshotLost_IsWrittenAgainWithoutANewVersion()
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);
        var lost = (await world.NamesAsync(BlobContainer.Public))[0];
        await world.Store.Blobs.DeleteAsync(BlobContainer.Public, lost, null, TestContext.Current.CancellationToken);

        var result = await world.PublishAsync(1, First);

        Assert.Equal(PublicationOutcome.Unchanged, result.Outcome);
        Assert.Equal(1, result.SnapshotsWritten);
        await world.AssertCompleteAsync(1);
    }

    [Fact]
    public async Task Publish_SnapshotDamagedAndVerifyAsked_IsRepaired()
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);
        var name = (await world.NamesAsync(BlobContainer.Public))[0];
        var blob = await world.Store.Blobs.ReadAsync(BlobContainer.Public, name, TestContext.Current.CancellationToken);
        blob!.Bytes[10] ^= 1;
        await world.Store.Blobs.WriteAsync(BlobContainer.Public, name, blob.Bytes, BlobProperties.ImmutableJson, TestContext.Current.CancellationToken);

        var request = world.Request(1, First) with { Verify = true };
        var result = await world.Publisher.PublishAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(1, result.SnapshotsWritten);
        await world.AssertCompleteAsync(1);
    }

    [Fact]
    public async Task Publish_CurrentUnreadable_ContinuesFromHistory()
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);
        await world.PublishAsync(2, Second);
        await world.Store.Blobs.WriteAsync(
            BlobContainer.Private, BlobNames.Current(world.Scope), "{\"schema\":"u8.ToArray(), BlobProperties.PrivateJson, TestContext.Current.CancellationToken);

        await world.PublishAsync(2, Second);

        await world.AssertCompleteAsync(3);
    }

    [Fact]
    public async Task Publish_OlderCurrentPutBack_GoesOnFromTheHistory()
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);
        var old = await world.Store.Blobs.ReadAsync(BlobContainer.Private, BlobNames.Current(world.Scope), TestContext.Current.CancellationToken);
        await world.PublishAsync(2, Second);
        await world.PublishAsync(3, First, Second);
        await world.Store.Blobs.WriteAsync(
            BlobContainer.Private, BlobNames.Current(world.Scope), old!.Bytes, BlobProperties.PrivateJson, TestContext.Current.CancellationToken);

        Assert.Equal(PublicationOutcome.Superseded, (await world.PublishAsync(2, Second)).Outcome);
        await world.PublishAsync(3, First, Second);

        await world.AssertCompleteAsync(4);
    }

    [Fact]
    public async Task Publish_CurrentOfANewerBuild_IsLeftAlone()
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);
        var name = BlobNames.Current(world.Scope);
        var current = await world.Store.Blobs.ReadAsync(BlobContainer.Private, name, TestContext.Current.CancellationToken);
        var newer = System.Text.Encoding.UTF8.GetString(current!.Bytes).Replace("\"schema\":1", "\"schema\":2", StringComparison.Ordinal);
        await world.Store.Blobs.WriteAsync(
            BlobContainer.Private, name, System.Text.Encoding.UTF8.GetBytes(newer), BlobProperties.PrivateJson, TestContext.Current.CancellationToken);
        var writes = world.Faults.Writes;

        await Assert.ThrowsAsync<NewerSchemaException>(() => world.PublishAsync(2, Second));

        Assert.Equal(writes, world.Faults.Writes);
    }

    [Fact]
    public async Task Publish_ConsentProofFails_WritesNothing()
    {
        var world = await WorldAsync();
        var honest = world.Request(1, First);
        // The row says measurement, the generated scripts were made for marketing: a generator gone wrong.
        var request = honest with { Destinations = [new OpenedDestination(First with { RequiredConsent = ["measurement"] }, First.Settings)] };

        await Assert.ThrowsAsync<ConsentViolationException>(() => world.Publisher.PublishAsync(request, TestContext.Current.CancellationToken));

        Assert.Equal(0, world.Faults.Writes);
    }

    [Fact]
    public async Task Publish_ManyWritersAtOnce_OneChainWithoutGaps()
    {
        var world = await WorldAsync();
        await Task.WhenAll(Enumerable.Range(1, 6).Select(revision =>
            world.PublishAsync(revision, PublicationWorld.MetaPixel($"9{revision}"))));

        var current = (await world.CurrentAsync())!;
        Assert.Equal(6, current.SourceRevision);
        await world.AssertCompleteAsync(current.Version);
        Assert.Contains("\\\"pixelId\\\":\\\"96\\\"", await world.ScriptsAsync(ConsentSet.Everything), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Publish_SegmentFull_ContinuesInTheNext()
    {
        var world = await WorldAsync(recordsPerSegment: 2);
        for (var revision = 1; revision <= 5; revision++) await world.PublishAsync(revision, PublicationWorld.MetaPixel($"9{revision}"));

        Assert.Equal(["changes/00000001.log", "changes/00000002.log", "changes/00000003.log"], await world.NamesAsync(BlobContainer.Private, "changes/"));
        Assert.Equal([1, 2, 3, 4, 5], await world.AnnouncedAsync());
    }

    /// <summary>Dies at every write in turn, before and after its effect; then a retry, as the queue would make one, finishes.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Publish_KilledBetweenAnyTwoSteps_OldOrNewIsWholeAndARetryFinishes(bool afterEffect)
    {
        for (var write = 1; ; write++)
        {
            var world = await WorldAsync();
            await world.PublishAsync(1, First);
            var before = world.Faults.Writes;
            world.Faults.DieAtWrite = before + write;
            world.Faults.AfterEffect = afterEffect;
            var died = false;
            try
            {
                await world.PublishAsync(2, First, Second);
            }
            catch (StoreUnavailableException)
            {
                died = true;
            }

            Assert.InRange(await world.AssertNothingTornAsync(), 1, 2);
            world.Faults.DieAtWrite = null;
            var retry = world.Request(2, First, Second) with { Announce = true };
            await world.Publisher.PublishAsync(retry, TestContext.Current.CancellationToken);
            await world.AssertCompleteAsync(2);
            if (!died)
            {
                Assert.True(write > 5, $"Only {write - 1} places to die were found.");
                return;
            }
        }
    }

    /// <summary>A publisher dies and another, with newer data, comes first: the version in between is in the history all the same.</summary>
    [Fact]
    public async Task Publish_KilledBetweenAnyTwoStepsThenNewerData_HistoryHasNoGap()
    {
        for (var write = 1; ; write++)
        {
            var world = await WorldAsync();
            await world.PublishAsync(1, First);
            world.Faults.DieAtWrite = world.Faults.Writes + write;
            world.Faults.AfterEffect = true;
            var died = false;
            try
            {
                await world.PublishAsync(2, First, Second);
            }
            catch (StoreUnavailableException)
            {
                died = true;
            }

            world.Faults.DieAtWrite = null;
            var after = await world.PublishAsync(3, Second);
            await world.AssertCompleteAsync(after.Manifest.Version);
            if (!died) return;
        }
    }
}
