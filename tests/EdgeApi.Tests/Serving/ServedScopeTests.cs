using ConsentSnapshots.EdgeApi.Serving;
using ConsentSnapshots.EdgeApi.Tests.Support;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Formats;

namespace ConsentSnapshots.EdgeApi.Tests.Serving;

public sealed class ServedScopeTests : IDisposable
{
    private readonly TestStore _store = new();

    public void Dispose() => _store.Dispose();

    [Fact]
    public void Compose_EveryAnswer_IsWhatTheManifestGives()
    {
        var manifest = _store.Prepare(TestStore.Acme, TestStore.OneOfEach);

        var served = Serve(manifest);

        Assert.All(ConsentSet.All, set => Assert.Equal(manifest.AnswerBytes(set), served.Compose(AnswerName.Of(set))));
        Assert.Equal(manifest.ListBytes(), served.Compose(AnswerName.List));
        Assert.Equal(manifest.TagsBytes(), served.Compose(AnswerName.Tags));
        Assert.Equal(manifest.Bytes.ToArray(), served.ManifestBytes());
    }

    [Fact]
    public void Size_TypicalManifest_IsAThirdOfTheManifestAtMost()
    {
        var manifest = _store.Prepare(TestStore.Acme, [.. Enumerable.Range(1, 50).Select(number => TestStore.Pixel($"{number}", "marketing"))]);

        var served = Serve(manifest);

        Assert.True(served.Size < manifest.Bytes.Length / 3, $"{served.Size} of {manifest.Bytes.Length}");
    }

    [Fact]
    public void Replace_CombinationUnchanged_StaysTheSameAnswerAndIsComposedFromTheNewVersion()
    {
        _store.Publish(TestStore.Acme, TestStore.Pixel("11111111111", "marketing"));
        var first = Serve(_store.Current(TestStore.Acme));
        var unchanged = first[AnswerName.Of(ConsentSet.NecessaryOnly)];
        var changed = first[AnswerName.Of(ConsentSet.Everything)];

        var second = Serve(_store.Publish(TestStore.Acme, TestStore.Pixel("22222222222", "marketing")), first);

        Assert.Same(unchanged, second[AnswerName.Of(ConsentSet.NecessaryOnly)]);
        Assert.NotSame(changed, second[AnswerName.Of(ConsentSet.Everything)]);
        Assert.True(second.Has(unchanged));
        Assert.False(second.Has(changed));
        Assert.True(second[AnswerName.Of(ConsentSet.Everything)].LastModified > changed.LastModified);
    }

    [Fact]
    public void Replace_SecondChangeWithinASecond_StillLooksLikeAChange()
    {
        var manifest = _store.Publish(TestStore.Acme, TestStore.Pixel("11111111111"));
        var first = Serve(manifest);

        // Another list that was made at the same time: the clock of whoever made it stood still.
        var second = Serve(manifest, first);

        Assert.True(second[AnswerName.List].LastModified > first[AnswerName.List].LastModified);
        Assert.Equal(first[AnswerName.Of(ConsentSet.Everything)].LastModified, second[AnswerName.Of(ConsentSet.Everything)].LastModified);
    }

    [Theory]
    [InlineData(true, 1)]
    [InlineData(false, 0)]
    public void WithLoader_TagsAreOthers_LookLikeAChangeOnlyIfTheyWereServed(bool wasServed, int seconds)
    {
        var first = Serve(_store.Publish(TestStore.Acme, TestStore.Pixel("11111111111")));

        var second = first.WithLoader("another"u8.ToArray(), wasServed);

        Assert.Equal(first[AnswerName.Tags].LastModified!.Value.AddSeconds(seconds), second[AnswerName.Tags].LastModified);
        Assert.Same(first[AnswerName.List], first.WithLoader("another"u8.ToArray(), wasServed)[AnswerName.List]);
        Assert.NotEqual(first.Compose(AnswerName.Tags), second.Compose(AnswerName.Tags));
        Assert.Equal(first.Compose(AnswerName.List), second.Compose(AnswerName.List));
    }

    private static ServedScope Serve(Manifest manifest, ServedScope? previous = null) => new(manifest, "\"etag\"", previous, Loader.Bytes, null);
}
