using System.Text;
using ConsentSnapshots.EdgeApi.Serving;

namespace ConsentSnapshots.EdgeApi.Tests.Serving;

public sealed class ManifestPackerTests
{
    private readonly ManifestPacker _packer = new();

    [Theory]
    [InlineData(1)]
    [InlineData(5000)]
    [InlineData(40_000)]
    [InlineData(131_072)]
    [InlineData(131_073)]
    [InlineData(3_000_000)]
    public void Pack_AnyLength_IsReadBack(int length)
    {
        foreach (var vendors in new[] { 1, 2, 3 })
        {
            var text = Text(vendors, length);

            Assert.Equal(text, _packer.Pack(text).Bytes());
        }
    }

    [Fact]
    public void Pack_VendorsThatWereSeenBefore_LeavesAFractionOfWhatIsLeftOfOneAlone()
    {
        var alone = new ManifestPacker().Pack(Text(vendors: 1, 30_000, scope: 2)).Size;
        _packer.Pack(Text(vendors: 1, 30_000, scope: 1));

        var after = _packer.Pack(Text(vendors: 1, 30_000, scope: 2)).Size;

        Assert.True(after < alone / 3, $"{after} after, {alone} alone");
    }

    [Fact]
    public void Pack_OtherVendors_AreLearnedBesideThoseThatWereSeenBefore()
    {
        foreach (var vendors in new[] { 1, 2 }) _packer.Pack(Text(vendors, 30_000, scope: 1));

        foreach (var vendors in new[] { 1, 2 })
        {
            var alone = new ManifestPacker().Pack(Text(vendors, 30_000, scope: 2)).Size;
            Assert.True(_packer.Pack(Text(vendors, 30_000, scope: 2)).Size < alone / 3);
        }
    }

    [Fact]
    public void Pack_TextsWithoutEnd_AreReadBackWithWhateverSampleTheyWerePacked()
    {
        var texts = Enumerable.Range(1, 40).Select(vendors => Text(vendors, 20_000)).ToList();

        var packed = texts.ConvertAll(text => _packer.Pack(text));

        Assert.All(packed.Zip(texts), pair => Assert.Equal(pair.Second, pair.First.Bytes()));
        // So many different texts cannot all be learned; the others are compressed as if there were no sample.
        Assert.All(packed, one => Assert.InRange(one.Size, 1, 20_100));
    }

    [Fact]
    public async Task Pack_ManyThreads_AreReadBack() =>
        await Parallel.ForAsync(0, 200, TestContext.Current.CancellationToken, (number, _) =>
        {
            var text = Text(number % 5, 20_000, number);
            Assert.Equal(text, _packer.Pack(text).Bytes());
            return ValueTask.CompletedTask;
        });

    /// <summary>A text of some vendors, which is hard to compress by itself, with a few words of a scope's own.</summary>
    private static byte[] Text(int vendors, int length, int scope = 0)
    {
        var random = new Random(vendors);
        var text = new StringBuilder(length);
        while (text.Length < length) text.Append((char)('!' + random.Next(90)));
        var bytes = Encoding.ASCII.GetBytes(text.ToString(0, length));
        if (length > 100) Encoding.ASCII.GetBytes($"scope {scope}").CopyTo(bytes, 50);
        return bytes;
    }
}
