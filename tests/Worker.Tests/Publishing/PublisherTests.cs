using System.Text;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Sources;

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
            try
            {
                await world.PublishAsync(2, First, Second);
            }
            catch (CommitUnknownException)
            {
                Assert.StartsWith("create history ", world.Faults.Died, StringComparison.Ordinal);
            }
            catch (StoreUnavailableException)
            {
                Assert.False(world.Faults.Died!.StartsWith("create history ", StringComparison.Ordinal), "A commit that was not answered is unknown.");
            }
            if (world.Faults.Died is not { } place) break;
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
        Assert.Contains("create history acme/production/00000002.json", places);
        Assert.Contains("replace private current/acme/production.json", places);
        Assert.Equal(5 + places.Count(place => place.StartsWith("create public ", StringComparison.Ordinal)), places.Count);
    }

    [Fact]
    public async Task Publish_OneEdit_WritesSnapshotsThenHistoryThenCurrentThenTheRest()
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);
        world.Faults.Forget();

        var result = await world.PublishAsync(2, First, Second);

        var log = world.Faults.Log;
        Assert.Equal(3, result.SnapshotsWritten); // measurement, marketing, both: each list has another runtime
        Assert.All(log.Take(3), line => Assert.Matches("^create public acme/production/[0-9a-f]{32}[.]json$", line));
        Assert.Equal(["create history acme/production/00000002.json", "replace private current/acme/production.json"], log.Skip(3).Take(2));
        Assert.Equal(
            ["append private changes/00000001.log", "replace public acme/production/scripts.json", "replace public acme/production/tags.js"],
            log.Skip(5).Order(StringComparer.Ordinal));
        Assert.Equal(
            [
                "list public acme/production/", "read history acme/production/00000002.json", "read private current/acme/production.json",
                "read public acme/production/scripts.json", "read public acme/production/tags.js",
            ],
            world.Faults.Reads.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Publish_Unchanged_ReadsAFewBlobsAtOnceAndWritesNone()
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);
        world.Faults.Forget();

        Assert.Equal(PublicationOutcome.Unchanged, (await world.PublishAsync(2, First)).Outcome);

        Assert.Empty(world.Faults.Log);
        string[] always = ["list public acme/production/", "read history acme/production/00000002.json", "read private current/acme/production.json"];
        // A store that keeps metadata says in the listing which version the list and tags are of.
        string[] more = world.Store.Blobs.KeepsMetadata ? [] : ["read public acme/production/scripts.json", "read public acme/production/tags.js"];
        Assert.Equal([.. always, .. more], world.Faults.Reads.Order(StringComparer.Ordinal));
    }

    /// <summary>Whoever damages the manifest must not get it published: what everybody may load stands in it.</summary>
    [Theory]
    [InlineData("\"category\":\"marketing\"", "\"category\":\"necessary\"", false)]
    [InlineData("\"category\":\"marketing\"", "\"category\":\"necessary\"", true)]
    [InlineData("\"sha256\":\"", "\"sha256\":\"f", true)]
    [InlineData("\"destinationCount\":1", "\"destinationCount\":2", true)]
    public async Task Publish_CurrentDamaged_IsReplacedByTheHistorysCopy(string right, string wrong, bool verify)
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);
        await DamageAsync(world, BlobContainer.Private, BlobNames.Current(world.Scope), right, wrong);

        var result = await world.Publisher.PublishAsync(world.Request(1, First) with { Verify = verify }, Cancel);

        Assert.Equal(PublicationOutcome.Unchanged, result.Outcome);
        await world.AssertCompleteAsync(1);
    }

    [Fact]
    public async Task Publish_HistoryAheadIsDamaged_IsNotRolledForward()
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);
        var current = (await world.BytesAsync(BlobContainer.Private, BlobNames.Current(world.Scope)))!;
        await world.PublishAsync(2, Second);
        await DamageAsync(world, BlobContainer.History, BlobNames.History(world.Scope, 2), "\"category\":\"measurement\"", "\"category\":\"necessary\"");
        await world.Store.Blobs.WriteAsync(BlobContainer.Private, BlobNames.Current(world.Scope), current, BlobProperties.PrivateJson, Cancel);

        Assert.Equal(PublicationOutcome.Published, (await world.PublishAsync(2, Second)).Outcome);

        var now = (await world.CurrentAsync())!;
        Assert.Equal(3, now.Version);
        Assert.Null(now.FindFault());
        Assert.Equal(3, PublishedVersions.OfList(await world.BytesAsync(BlobContainer.Public, BlobNames.List(world.Scope))));
    }

    [Theory]
    [InlineData("scripts.json")]
    [InlineData("tags.js")]
    public async Task Publish_ListOrTagsEmptyOrOlder_IsMendedThoughNothingChanged(string name)
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);
        var path = $"{BlobNames.PublicFolder(world.Scope)}{name}";
        var older = (await world.BytesAsync(BlobContainer.Public, path))!;
        await world.PublishAsync(2, Second);
        foreach (var bytes in (byte[][])[[], older])
        {
            await world.Store.Blobs.WriteAsync(BlobContainer.Public, path, bytes, BlobProperties.ReplacedJson, Cancel);

            var result = await world.PublishAsync(2, Second);

            Assert.Equal((PublicationOutcome.Unchanged, true), (result.Outcome, result.Completed));
            await world.AssertCompleteAsync(2);
        }
    }

    /// <summary>The private part is an older one again: what stands in public is newer, and only a version beyond it takes its place.</summary>
    [Fact]
    public async Task Publish_PublicIsAheadOfWhatIsLeft_GoesOnBeyondIt()
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);
        var current = (await world.BytesAsync(BlobContainer.Private, BlobNames.Current(world.Scope)))!;
        for (var revision = 2; revision <= 4; revision++) await world.PublishAsync(revision, PublicationWorld.MetaPixel($"9{revision}"));
        for (var version = 2; version <= 4; version++) await world.Store.Blobs.DeleteAsync(BlobContainer.History, BlobNames.History(world.Scope, version), null, Cancel);
        await world.Store.Blobs.WriteAsync(BlobContainer.Private, BlobNames.Current(world.Scope), current, BlobProperties.PrivateJson, Cancel);

        var result = await world.PublishAsync(1, First);

        Assert.Equal((PublicationOutcome.Published, 5), (result.Outcome, result.Manifest.Version));
        Assert.Equal(result.Manifest.ListBytes(), await world.BytesAsync(BlobContainer.Public, BlobNames.List(world.Scope)));
    }

    [Fact]
    public async Task Publish_ListClaimsAVersionNobodyHas_IsReplaced()
    {
        var world = await WorldAsync();
        var result = await world.PublishAsync(1, First);
        foreach (var version in (string[])["2147483647", "4294967296", "-1"])
        {
            var forged = System.Text.Encoding.UTF8.GetString(result.Manifest.ListBytes()).Replace("\"version\":1,", $"\"version\":{version},", StringComparison.Ordinal);
            await world.Store.Blobs.WriteAsync(BlobContainer.Public, BlobNames.List(world.Scope), System.Text.Encoding.UTF8.GetBytes(forged), BlobProperties.ReplacedJson, Cancel);

            await world.PublishAsync(1, First);

            await world.AssertCompleteAsync(1);
        }
    }

    [Fact]
    public async Task Publish_HistorysCopyDamagedAndVerifyAsked_IsMended()
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);
        await world.Store.Blobs.WriteAsync(BlobContainer.History, BlobNames.History(world.Scope, 1), "{}"u8.ToArray(), BlobProperties.PrivateJson, Cancel);

        await world.Publisher.PublishAsync(world.Request(1, First) with { Verify = true }, Cancel);

        await world.AssertCompleteAsync(1);
    }

    private static async Task DamageAsync(PublicationWorld world, BlobContainer container, string name, string right, string wrong)
    {
        var text = System.Text.Encoding.UTF8.GetString((await world.BytesAsync(container, name))!);
        Assert.Contains(right, text, StringComparison.Ordinal);
        var at = text.IndexOf(right, StringComparison.Ordinal);
        var damaged = string.Concat(text.AsSpan(0, at), wrong, text.AsSpan(at + right.Length + (wrong.EndsWith('f') ? 1 : 0)));
        await world.Store.Blobs.WriteAsync(container, name, System.Text.Encoding.UTF8.GetBytes(damaged), BlobProperties.PrivateJson, Cancel);
    }

    /// <summary>Written into the history, and its writer died: whoever builds the scope next finishes it, and needs no hint for that.</summary>
    [Fact]
    public async Task Publish_CommittedAndNotCurrent_IsRolledForwardThoughNothingChanged()
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);
        await DieBeforeAsync(world, "replace private current/", world.Request(2, First, Second));
        Assert.Equal(1, (await world.CurrentAsync())!.Version);

        Assert.Equal(PublicationOutcome.Unchanged, (await world.PublishAsync(2, First, Second)).Outcome);

        await world.AssertCompleteAsync(2);
    }

    [Fact]
    public async Task Publish_CommittedAndNotCurrentAndTheRowsAreNewer_BothVersionsArePublished()
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);
        await DieBeforeAsync(world, "replace private current/", world.Request(2, First, Second));

        await world.PublishAsync(3, Second);

        await world.AssertCompleteAsync(3);
        Assert.Equal([1, 2, 3], await world.AnnouncedAsync());
    }

    [Fact]
    public async Task Publish_UnchangedBehindAFence_IsANewVersionInWhichNothingChanged()
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);

        var result = await world.PublishAsync(world.Request(1, First) with { Fence = true });

        Assert.Equal((PublicationOutcome.Published, 0, 0), (result.Outcome, result.SnapshotsWritten, result.ChangedCombinations));
        Assert.All(ConsentSet.All, set => Assert.Equal(1, result.Manifest[set].Since.Version));
        await world.AssertCompleteAsync(2);
    }

    /// <summary>
    /// A, B, back to A. A worker that planned B as the next version sleeps right before its commit; another takes over and finds A published already. Without the fence nothing keeps
    /// the sleeper from committing B when it wakes; with it, that version exists.
    /// </summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Publish_WorkerSleptThroughAnEditAndItsUndo_OnlyAFenceKeepsItFromCommitting(bool fence)
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);
        var (asleep, awake) = (new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously), new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        var other = world.AnotherPublisher(out var faults);
        faults.Before = async call =>
        {
            if (call != "create history acme/production/00000002.json") return;
            asleep.SetResult();
            await awake.Task;
        };
        var sleeper = other.PublishAsync(world.Request(2, Second), Cancel);
        await asleep.Task.WaitAsync(Cancel);

        var takeover = await world.PublishAsync(world.Request(3, First) with { Announce = true, Fence = fence });
        awake.SetResult();
        var late = await sleeper;

        Assert.Equal(fence ? (PublicationOutcome.Published, PublicationOutcome.Superseded) : (PublicationOutcome.Unchanged, PublicationOutcome.Published), (takeover.Outcome, late.Outcome));
        var last = await world.AssertCompleteAsync(2);
        Assert.Equal(world.Request(3, fence ? First : Second).Generated.Content.Fingerprint, last.Envelope.Fingerprint);
    }

    [Theory]
    [InlineData("Public")]
    [InlineData("Private")]
    [InlineData("History")]
    [InlineData("Public Private")]
    [InlineData("Public History")]
    [InlineData("Private History")]
    [InlineData("Public Private History")]
    public async Task Publish_ContainersLost_TheNextEditIsPublishedAsAHigherVersion(string names)
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);
        await world.PublishAsync(2, First, Second);
        var lost = names.Split(' ').Select(Enum.Parse<BlobContainer>).ToArray();
        await world.LoseAsync(lost);

        // With unchanged rows first: what can be restored is, and nothing is wedged.
        await world.PublishAsync(world.Request(2, First, Second));
        await world.PublishAsync(world.Request(3, Second));

        var (recordLost, historyLost) = (lost.Contains(BlobContainer.Private) && lost.Contains(BlobContainer.History), lost.Contains(BlobContainer.History));
        // Only what stands in public remembers the version then; where that is lost too, counting begins anew.
        var version = !recordLost ? 3 : lost.Contains(BlobContainer.Public) ? 2 : 4;
        // Of versions that were replaced before the loss, nobody needs the snapshots to serve.
        await world.AssertCompleteAsync(version, first: !historyLost || version == 2 ? 1 : 3, whole: lost.Contains(BlobContainer.Public) && !historyLost ? 2 : 1);
    }

    [Fact]
    public async Task Publish_PrivateAndHistoryLost_TheListInPlaceSaysWhichVersionIsNext()
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);
        await SayVersionAsync(world, 42);
        await world.LoseAsync(BlobContainer.Private, BlobContainer.History);

        var result = await world.PublishAsync(1, First);

        Assert.Equal((PublicationOutcome.Published, 43), (result.Outcome, result.Manifest.Version));
        await world.AssertCompleteAsync(43, first: 43);
    }

    [Fact]
    public async Task Publish_PublicLost_IsWrittenAgainWithoutANewVersion()
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);
        await world.LoseAsync(BlobContainer.Public);

        var result = await world.PublishAsync(1, First);

        Assert.Equal((PublicationOutcome.Unchanged, 2), (result.Outcome, result.SnapshotsWritten));
        await world.AssertCompleteAsync(1);
    }

    [Fact]
    public async Task Publish_HistoryLostAndVerifyAsked_HasThePresentVersionAgain()
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);
        await world.PublishAsync(2, Second);
        await world.LoseAsync(BlobContainer.History);

        var result = await world.PublishAsync(world.Request(2, Second) with { Verify = true });

        Assert.Equal(PublicationOutcome.Unchanged, result.Outcome);
        await world.AssertCompleteAsync(2, first: 2);
    }

    [Fact]
    public async Task Publish_EverythingLost_TheSourceRemembersWhichVersionIsNext()
    {
        var world = await WorldAsync();

        var result = await world.PublishAsync(world.Request(1, First) with { RecordedVersion = 7 });

        Assert.Equal(8, result.Manifest.Version);
        Assert.Null(result.Manifest.Envelope.Previous);
        await world.AssertCompleteAsync(8, first: 8);
    }

    [Fact]
    public async Task Publish_StoreHasItsRecord_WhatTheSourceRemembersDoesNotCount()
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);

        await world.PublishAsync(world.Request(2, Second) with { RecordedVersion = 7 });

        await world.AssertCompleteAsync(2);
    }

    /// <summary>Where the source remembers no version, the scope is new as a rule, and the public container is not listed.</summary>
    [Fact]
    public async Task Publish_NewScope_AsksForFourThings()
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);
        foreach (var container in Enum.GetValues<BlobContainer>()) await world.LoseAsync(container);
        world.Faults.Forget();

        await world.PublishAsync(world.Request(1, First) with { RecordedVersion = 0 });

        Assert.Equal(
            ["list history acme/production/", "read private current/acme/production.json", "read public acme/production/scripts.json", "read public acme/production/tags.js"],
            world.Faults.Reads.Where(read => !read.Contains("loader", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        await world.AssertCompleteAsync(1);
    }

    /// <summary>The source remembers nothing, and the store has some of the scope all the same.</summary>
    [Theory]
    [InlineData(BlobContainer.Private)]
    [InlineData(BlobContainer.History)]
    [InlineData(BlobContainer.Public)]
    public async Task Publish_SourceRemembersNothing_GoesOnFromWhateverTheStoreHas(BlobContainer left)
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);
        await world.PublishAsync(2, First, Second);
        foreach (var container in Enum.GetValues<BlobContainer>())
            if (container != left) await world.LoseAsync(container);

        await world.PublishAsync(world.Request(3, Second) with { RecordedVersion = 0 });

        await world.AssertCompleteAsync(3, first: left == BlobContainer.History ? 1 : 3, whole: 3);
    }

    /// <summary>Only <c>tags.js</c> is left: it must not stay as it is beside a list of an earlier number.</summary>
    [Fact]
    public async Task Publish_SourceRemembersNothingAndOnlyTagsAreLeft_GoesOnBeyondThem()
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);
        var second = (await world.PublishAsync(2, First, Second)).Manifest;
        foreach (var container in Enum.GetValues<BlobContainer>()) await world.LoseAsync(container);
        await world.Store.PutTagsAsync(second, null, Cancel);

        await world.PublishAsync(world.Request(3, Second) with { RecordedVersion = 0 });

        await world.AssertCompleteAsync(3, first: 3, whole: 3);
    }

    /// <summary>A snapshot that an earlier attempt left behind may be about to be collected, or be damaged: it is written again.</summary>
    [Fact]
    public async Task Publish_NewScopeWithSnapshotsLeftBehind_WritesThemAgain()
    {
        var world = await WorldAsync();
        var manifest = (await world.PublishAsync(1, First)).Manifest;
        foreach (var container in Enum.GetValues<BlobContainer>()) await world.LoseAsync(container);
        foreach (var hash in manifest.Snapshots.Keys)
            await world.Store.Blobs.WriteAsync(BlobContainer.Public, $"acme/production/{hash}.json", "{"u8.ToArray(), BlobProperties.ImmutableJson, Cancel);

        await world.PublishAsync(world.Request(1, First) with { RecordedVersion = 0 });

        await world.AssertCompleteAsync(1);
    }

    /// <summary>Something is in the place of the next version that nobody can read: it is left, and the scope goes on behind it.</summary>
    [Fact]
    public async Task Publish_NextVersionIsTakenByNoManifest_GoesOnBehindIt()
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);
        await world.Store.Blobs.WriteAsync(BlobContainer.History, BlobNames.History(world.Scope, 2), "{\"schema\":2,"u8.ToArray(), BlobProperties.PrivateJson, Cancel);

        var result = await world.PublishAsync(2, Second);

        Assert.Equal((PublicationOutcome.Published, 3), (result.Outcome, result.Manifest.Version));
        Assert.Equal(3, PublishedVersions.OfList(await world.BytesAsync(BlobContainer.Public, BlobNames.List(world.Scope))));
        Assert.Equal(PublicationOutcome.Unchanged, (await world.PublishAsync(2, Second)).Outcome);
    }

    [Fact]
    public async Task PutList_OlderVersion_LeavesListAndTagsAsTheyAre()
    {
        var world = await WorldAsync();
        var first = (await world.PublishAsync(1, First)).Manifest;
        var (list, tags) = (await world.Store.ReadListAsync(world.Scope, Cancel), await world.Store.ReadTagsAsync(world.Scope, Cancel));
        await world.PublishAsync(2, Second);

        // Whether it looks now, or looked before the newer one came.
        Assert.False(await world.Store.PutListAsync(first, null, Cancel));
        Assert.False(await world.Store.PutListAsync(first, list, Cancel));
        Assert.False(await world.Store.PutTagsAsync(first, null, Cancel));
        Assert.False(await world.Store.PutTagsAsync(first, tags, Cancel));

        await world.AssertCompleteAsync(2);
    }

    [Fact]
    public async Task Publish_ListOrTagsDamaged_AreReplaced()
    {
        var world = await WorldAsync();
        await world.PublishAsync(1, First);
        foreach (var name in new[] { BlobNames.List(world.Scope), BlobNames.Tags(world.Scope) })
            await world.Store.Blobs.WriteAsync(BlobContainer.Public, name, "{"u8.ToArray(), BlobProperties.ReplacedJson, Cancel);

        await world.PublishAsync(world.Request(1, First) with { Verify = true });

        await world.AssertCompleteAsync(1);
    }

    [Fact]
    public async Task Publish_ManifestLargerThanEdgesRead_IsRefusedAndNothingIsWritten()
    {
        var world = await WorldAsync();
        var manifest = (await world.PublishAsync(1, First)).Manifest;
        var strict = world.AnotherPublisher(out var faults, ScopeLimits.Default with { ManifestBytes = manifest.Bytes.Length });

        var exception = await Assert.ThrowsAsync<ScopeTooLargeException>(() => strict.PublishAsync(world.Request(2, First, Second), Cancel));

        Assert.EndsWith($" bytes, and the limit is {manifest.Bytes.Length}.", exception.Message, StringComparison.Ordinal);
        Assert.Equal(0, faults.Writes);
        await world.AssertCompleteAsync(1);
    }

    [Fact]
    public async Task Prepare_StoreOfAnEarlierVersion_IsRefusedInOneSentence()
    {
        var world = await WorldAsync();
        await world.Store.Blobs.WriteAsync(BlobContainer.Private, "manifests/acme/production/00000001.json", "{}"u8.ToArray(), BlobProperties.PrivateJson, Cancel);
        var writes = world.Faults.Writes;

        var exception = await Assert.ThrowsAsync<ManifestSchemaException>(() => world.Store.PrepareAsync(Cancel));

        Assert.Equal("The store was written by an earlier version of this program (schema 1; this build reads 2), which cannot be carried over: use an empty store.", exception.Message);
        Assert.False(exception.IsNewer);
        Assert.Equal(writes, world.Faults.Writes);
    }

    /// <summary>The worker's own clock may say anything: the times of a version are the source's.</summary>
    [Fact]
    public async Task Publish_SourceWithAClock_ItsTimesStandInManifestAndChangeLine()
    {
        var world = await WorldAsync();
        var read = new DateTimeOffset(2031, 5, 6, 7, 8, 9, 123, TimeSpan.Zero);
        var changed = read.AddSeconds(-2);
        var request = world.Request(1, First) with { Clock = new SourceClock(read, world.Time.GetTimestamp()), ChangedAt = changed };
        world.Time.Advance(TimeSpan.FromMilliseconds(1500));

        await world.PublishAsync(request);
        await world.PublishAsync(2, Second);

        var (first, second) = ((await world.ManifestAsync(BlobContainer.History, BlobNames.History(world.Scope, 1))).Envelope, (await world.CurrentAsync())!.Envelope);
        Assert.Equal(read.AddMilliseconds(1500), first.GeneratedAt);
        Assert.Equal(first.GeneratedAt.AddMilliseconds(1), second.GeneratedAt); // by another clock, which is years behind
        Assert.Equal(
            [new ScopeChange(world.Scope, 1, changed, read.AddMilliseconds(1500)), new ScopeChange(world.Scope, 2, null, world.Time.GetUtcNow())],
            await world.ChangesAsync());
    }

    /// <summary>Another process publishes, and dies before a write.</summary>
    private static async Task DieBeforeAsync(PublicationWorld world, string write, PublicationRequest request)
    {
        var publisher = world.AnotherPublisher(out var faults);
        faults.Before = call => call.StartsWith(write, StringComparison.Ordinal) ? throw new StoreUnavailableException("died") : Task.CompletedTask;
        await Assert.ThrowsAsync<StoreUnavailableException>(() => publisher.PublishAsync(request, Cancel));
    }

    /// <summary>Makes list and tags say that they are of another version.</summary>
    private static async Task SayVersionAsync(PublicationWorld world, int version)
    {
        foreach (var name in new[] { BlobNames.List(world.Scope), BlobNames.Tags(world.Scope) })
        {
            var text = Encoding.UTF8.GetString((await world.BytesAsync(BlobContainer.Public, name))!)
                .Replace("\"version\":1,", $"\"version\":{version},", StringComparison.Ordinal).Replace("/* acme/production 1 */", $"/* acme/production {version} */", StringComparison.Ordinal);
            await world.Store.Blobs.WriteAsync(BlobContainer.Public, name, Encoding.UTF8.GetBytes(text), BlobProperties.ReplacedJson, Cancel);
        }
    }
}
