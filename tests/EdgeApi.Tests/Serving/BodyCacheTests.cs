using System.IO.Compression;
using ConsentSnapshots.EdgeApi.Serving;
using ConsentSnapshots.EdgeApi.Tests.Support;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace ConsentSnapshots.EdgeApi.Tests.Serving;

public sealed class BodyCacheTests : IDisposable
{
    private readonly TestStore _store = new();

    public BodyCacheTests() => _store.Publish(TestStore.Acme, TestStore.OneOfEach);

    public void Dispose() => _store.Dispose();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Get_ManyAtOnce_MakeOneBody()
    {
        await using var edge = await TestEdge.StartAsync(_store);
        var (answer, bodies) = (await AnswerAsync(edge), edge.Service<BodyCache>());

        var made = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => bodies.GetAsync(answer, ContentCoding.Brotli, Cancel).AsTask()));

        Assert.All(made, body => Assert.Same(made[0], body));
        Assert.Same(made[0], Assert.Single(answer.HeldBodies));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Get_BodyWasLetGo_IsMadeAgainWithTheSameBytesAndETag(bool compressed)
    {
        await using var edge = await TestEdge.StartAsync(_store);
        var (answer, bodies) = (await AnswerAsync(edge), edge.Service<BodyCache>());
        var coding = compressed ? ContentCoding.Brotli : ContentCoding.Identity;
        var before = await bodies.GetAsync(answer, coding, Cancel);
        edge.Memory.Remove(before);
        before.LetGo();
        Assert.Empty(answer.HeldBodies);

        var after = await bodies.GetAsync(answer, coding, Cancel);

        Assert.NotSame(before, after);
        Assert.Equal(before.Bytes, after.Bytes);
        Assert.Equal(before.ETag, after.ETag);
    }

    [Fact]
    public async Task Get_InEveryCoding_IsTheSameText()
    {
        await using var edge = await TestEdge.StartAsync(_store);
        var (answer, bodies) = (await AnswerAsync(edge), edge.Service<BodyCache>());
        var identity = await bodies.GetAsync(answer, ContentCoding.Identity, Cancel);

        var gzip = await bodies.GetAsync(answer, ContentCoding.Gzip, Cancel);
        var brotli = await bodies.GetAsync(answer, ContentCoding.Brotli, Cancel);

        await using var unzipped = new GZipStream(new MemoryStream(gzip.Bytes), CompressionMode.Decompress);
        await using var unpacked = new BrotliStream(new MemoryStream(brotli.Bytes), CompressionMode.Decompress);
        Assert.Equal(identity.Bytes, await ReadAsync(unzipped));
        Assert.Equal(identity.Bytes, await ReadAsync(unpacked));
        Assert.Equal(3, new[] { identity, gzip, brotli }.Select(body => body.ETag.ToString()).Distinct().Count());
    }

    [Fact]
    public async Task Get_WhileScopesChangeAndLeave_CountsWhatIsHeldAndNoMoreThanTheBudget()
    {
        const int Limit = 1 << 20;
        await using var edge = await TestEdge.StartAsync(_store, services => services.AddSingleton<IBlobReader>(new EndlessStore(_store)), ("Edge:MemoryBytes", $"{Limit}"));
        var bodies = edge.Service<BodyCache>();

        await Parallel.ForAsync(0, 4000, new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = Cancel }, async (number, cancellationToken) =>
        {
            var scope = TestStore.ScopeOf($"org{number * 7919 % 700}");
            var lookup = await edge.Scopes.GetAsync(scope, cancellationToken);
            foreach (var coding in Enum.GetValues<ContentCoding>())
                await bodies.GetAsync(lookup.Served![AnswerName.Of(ConsentSet.FromIndex(number % ConsentSet.Count))], coding, cancellationToken);
            if (number % 5 == 0) await edge.Scopes.RefreshAsync(new EdgeApi.Scopes.Refresh(scope, Announced: false, Failures: 0), cancellationToken);
        });

        var held = edge.Held.Scopes.Select(scope => edge.Held.TryGet(scope, out var found) ? found.Served : null).OfType<ServedScope>().ToList();
        var reachable = held.Sum(served => served.Size + served.MadeAnswers.SelectMany(answer => answer.HeldBodies).Sum(body => body.Size));
        Assert.InRange(edge.Memory.Bytes, reachable, Limit);
        Assert.InRange(held.Count, 50, 699);
    }

    private static async Task<Answer> AnswerAsync(TestEdge edge) => (await edge.Scopes.GetAsync(TestStore.Acme, Cancel)).Served![AnswerName.Of(ConsentSet.Everything)];

    private static async Task<byte[]> ReadAsync(Stream stream)
    {
        using var all = new MemoryStream();
        await stream.CopyToAsync(all, Cancel);
        return all.ToArray();
    }
}
