using System.Text;
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

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static readonly Destination First = PublicationWorld.MetaPixel("111");
    private static readonly Destination Second = PublicationWorld.MetaPixel("222", "measurement");

    private static Destination Fathom(string site) => new()
    {
        Id = new Guid(System.IO.Hashing.XxHash128.Hash(Encoding.UTF8.GetBytes(site))),
        Type = "fathom-analytics",
        Settings = System.Text.Json.JsonElement.Parse($$"""{"site":"{{site}}"}"""),
        RequiredConsent = ["measurement"],
        CreatedAt = DateTimeOffset.UnixEpoch.AddDays(site[0]),
    };

    private async Task<PublicationWorld> WorldAsync(int recordsPerSegment = ChangeRecord.PerSegment)
    {
        var store = await CreateStoreAsync();
        await store.EnsureContainersAsync(Cancel);
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
            result.Manifest.Snapshots.Keys.Select(hash => $"acme/production/{hash}.json")
                .Concat(["_/loader.js", "acme/production/scripts.json", "acme/production/tags.js"]).Order(StringComparer.Ordinal),
            await world.NamesAsync(BlobContainer.Public));
        Assert.Equal(
            ["changes/00000001.log", "current/acme/production.json"], await world.NamesAsync(BlobContainer.Private));
        Assert.Equal(["acme/production/00000001.json"], await world.NamesAsync(BlobContainer.History));
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
        var first = (await world.PublishAsync(1, First, Fathom("ABC"))).Manifest;
        world.Time.Advance(TimeSpan.FromHours(1));

        // A second destination with an inline script would change the runtime, which every list with inline scripts begins with.
        var second = (await world.PublishAsync(2, First, Fathom("ABC"), Fathom("DEF"))).Manifest;

        foreach (var set in ConsentSet.All)
        {
            var changed = set.Contains(ConsentCategory.Measurement);
            Assert.Equal(changed ? 2 : 1, second[set].Since.Version);
            Assert.Equal(changed ? second.Envelope.GeneratedAt : first.Envelope.GeneratedAt, second[set].Since.At);
        }
    }

    /// <summary>The categories are in every answer.</summary>
    [Fact]
    public async Task Publish_RequiredCategoriesChange_IsAChangeOfAllSixteen()
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);

        var second = (await world.PublishAsync(2, First, Fathom("ABC"))).Manifest;

        Assert.All(ConsentSet.All, set => Assert.Equal(2, second[set].Since.Version));
    }

    [Fact]
    public async Task Publish_ClockWentBack_TimeMovesForward()
    {
        var world = await WorldAsync();
        var first = (await world.PublishAsync(1, First)).Manifest;
        world.Time.AdjustTime(world.Time.GetUtcNow().AddMinutes(-5));

        var second = (await world.PublishAsync(2)).Manifest;

        Assert.Equal(first.Envelope.GeneratedAt.AddMilliseconds(1), second.Envelope.GeneratedAt);
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
        var result = await world.Publisher.PublishAsync(request, Cancel);

        Assert.Equal(PublicationOutcome.Published, result.Outcome);
        Assert.Equal((2L, 1L), (result.Manifest.Envelope.SourceEpoch, result.Manifest.Envelope.SourceRevision));
    }

    [Fact]
    public async Task Publish_LastDestinationGone_PublishesEmptyLists()
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);

        await world.PublishAsync(2);

        Assert.Equal("""{"scripts":[],"metadata":{"schema":2,"destinationCount":0,"scriptCount":0,"csp":{}}}""", await world.ScriptsAsync(ConsentSet.Everything));
        await world.AssertCompleteAsync(2);
    }

    [Fact]
    public async Task Publish_StoreWiped_PublishesAgainAlthoughNothingChanged()
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);
        await world.LoseAsync(BlobContainer.Public, BlobContainer.Private, BlobContainer.History);

        var result = await world.PublishAsync(1, First);

        Assert.Equal(PublicationOutcome.Published, result.Outcome);
        await world.AssertCompleteAsync(1);
    }

    [Fact]
    public async Task Publish_SnapshotLost_IsWrittenAgainWithoutANewVersion()
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);
        var lost = (await world.SnapshotNamesAsync())[0];
        await world.Store.Blobs.DeleteAsync(BlobContainer.Public, lost, null, Cancel);

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
        var name = (await world.SnapshotNamesAsync())[0];
        var bytes = (await world.BytesAsync(BlobContainer.Public, name))!;
        bytes[10] ^= 1;
        await world.Store.Blobs.WriteAsync(BlobContainer.Public, name, bytes, BlobProperties.ImmutableJson, Cancel);

        var request = world.Request(1, First) with { Verify = true };
        var result = await world.Publisher.PublishAsync(request, Cancel);

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
            BlobContainer.Private, BlobNames.Current(world.Scope), "{\"schema\":"u8.ToArray(), BlobProperties.PrivateJson, Cancel);

        // The last version of the history is made current again: nothing has to be published for that.
        Assert.Equal(PublicationOutcome.Unchanged, (await world.PublishAsync(2, Second)).Outcome);

        await world.AssertCompleteAsync(2);
    }

    [Fact]
    public async Task Publish_OlderCurrentPutBack_GoesOnFromTheHistory()
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);
        var old = await world.BytesAsync(BlobContainer.Private, BlobNames.Current(world.Scope));
        await world.PublishAsync(2, Second);
        await world.PublishAsync(3, First, Second);
        await world.Store.Blobs.WriteAsync(
            BlobContainer.Private, BlobNames.Current(world.Scope), old, BlobProperties.PrivateJson, Cancel);

        Assert.Equal(PublicationOutcome.Superseded, (await world.PublishAsync(2, Second)).Outcome);
        await world.PublishAsync(3, First, Second);

        await world.AssertCompleteAsync(3);
    }

    [Theory]
    [InlineData(1, "The store was written by an earlier version of this program (schema 1; this build reads 2), which cannot be carried over: use an empty store.")]
    [InlineData(3, "The manifest has schema 3, and this build reads 2. Update this program; the manifest is left as it is.")]
    public async Task Publish_CurrentOfAnotherGeneration_IsRefusedAndLeftAlone(int schema, string message)
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);
        var name = BlobNames.Current(world.Scope);
        var other = Encoding.UTF8.GetString((await world.BytesAsync(BlobContainer.Private, name))!).Replace("\"schema\":2", $"\"schema\":{schema}", StringComparison.Ordinal);
        await world.LoseAsync(BlobContainer.Public, BlobContainer.Private, BlobContainer.History);
        await world.Store.Blobs.WriteAsync(BlobContainer.Private, name, Encoding.UTF8.GetBytes(other), BlobProperties.PrivateJson, Cancel);
        var writes = world.Faults.Writes;

        foreach (var request in new[] { world.Request(2, Second), world.Request(2, Second) with { Fence = true, Announce = true }, world.Request(2, First) with { Verify = true } })
            Assert.Equal(message, (await Assert.ThrowsAsync<ManifestSchemaException>(() => world.PublishAsync(request))).Message);

        Assert.Equal(writes, world.Faults.Writes);
    }

    [Fact]
    public async Task Publish_ConsentProofFails_WritesNothing()
    {
        var world = await WorldAsync();
        var honest = world.Request(1, First);
        // The row says measurement, the generated scripts were made for marketing: a generator gone wrong.
        var request = honest with { Destinations = [new OpenedDestination(First with { RequiredConsent = ["measurement"] }, First.Settings)] };

        await Assert.ThrowsAsync<ConsentViolationException>(() => world.Publisher.PublishAsync(request, Cancel));

        Assert.Equal(0, world.Faults.Writes);
    }

    [Fact]
    public async Task Publish_ManyWritersAtOnce_OneChainWithoutGaps()
    {
        var world = await WorldAsync();
        await Task.WhenAll(Enumerable.Range(1, 6).Select(revision =>
            world.PublishAsync(revision, PublicationWorld.MetaPixel($"9{revision}"))));

        var current = (await world.CurrentAsync())!;
        Assert.Equal(6, current.Envelope.SourceRevision);
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

    public static TheoryData<bool, string> Deaths => new()
    {
        { false, "announce" }, { true, "announce" }, { false, "fence" }, { true, "fence" }, { false, "newer" }, { true, "newer" }, { false, "newer fence" }, { true, "newer fence" },
    };

    /// <summary>
    /// Dies at every write in turn, before and after its effect; then another worker comes, as the queue would send one: with the same rows or with newer ones, announcing after a
    /// failure, and fencing after a claim that ran out.
    /// </summary>
    [Theory]
    [MemberData(nameof(Deaths))]
    public async Task Publish_KilledBetweenAnyTwoSteps_OldOrNewIsWholeAndTheNextFinishes(bool afterEffect, string next)
    {
        var places = new List<string>();
        while (true)
        {
            var world = await WorldAsync();
            await world.PublishAsync(1, First);
            world.Faults.Forget();
            // The steps after a commit are done at once, so which of them the n-th write is may differ from run to run; that every one is met is checked in the end.
            world.Faults.DieAtWrite = world.Faults.Writes + places.Count + 1;
            world.Faults.AfterEffect = afterEffect;
            string? place = null;
            try
            {
                await world.PublishAsync(2, First, Second);
            }
            catch (CommitUnknownException exception)
            {
                place = exception.InnerException!.Message;
                Assert.Contains(" create history ", place, StringComparison.Ordinal);
            }
            catch (StoreUnavailableException exception)
            {
                place = exception.Message;
                Assert.DoesNotContain(" create history ", place, StringComparison.Ordinal);
            }
            if (place is null) break;
            places.Add(place);

            Assert.InRange(await world.AssertNothingTornAsync(), 1, 2);
            world.Faults.DieAtWrite = null;
            var committed = (await world.NamesAsync(BlobContainer.History)).Count == 2;
            var request = (next.StartsWith("newer", StringComparison.Ordinal) ? world.Request(3, Second) : world.Request(2, First, Second)) with
            {
                Announce = true,
                Fence = next.EndsWith("fence", StringComparison.Ordinal),
            };
            var other = world.AnotherPublisher(out _);
            await other.PublishAsync(request, Cancel);
            // A fence publishes a version of its own over one that got as far as the commit, and so do newer rows.
            var last = await world.AssertCompleteAsync(committed && next != "announce" ? 3 : 2);
            Assert.Equal(request.Generated.Content.Fingerprint, last.Envelope.Fingerprint);
            Assert.Equal(PublicationOutcome.Unchanged, (await other.PublishAsync(request with { Fence = false, Announce = false }, Cancel)).Outcome);
        }
        Assert.Contains(places, place => place.EndsWith(" create history acme/production/00000002.json", StringComparison.Ordinal));
        Assert.Contains(places, place => place.EndsWith(" replace private current/acme/production.json", StringComparison.Ordinal));
        Assert.Equal(6 + places.Count(place => place.Contains(" create public ", StringComparison.Ordinal)) - 1, places.Count);
    }
}
