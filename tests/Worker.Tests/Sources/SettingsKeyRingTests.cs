using System.Text.Json;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Worker.Settings;
using ConsentSnapshots.Worker.Sources;

namespace ConsentSnapshots.Worker.Tests.Sources;

public sealed class SettingsKeyRingTests
{
    private const string Key = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    private const string OtherKey = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";

    // Made by Node 20: crypto.createCipheriv('aes-256-gcm', key, iv) with setAAD(Buffer.from('destinations-settings', 'utf8')) over
    // {"pixelId":"1234567890","accessToken":"EAAB-secret-ü"}; see encrypt.mjs beside this file.
    public static TheoryData<string, string> NodeVectors => new()
    {
        { "12-byte IV", NodeVector12 },
        { "16-byte IV", NodeVector16 },
    };

    private const string NodeVector12 =
        """
        {"encrypted":"9d3a0c443dae6ef60647bdf13648f3ea459a6e28ab876040be6f45e51ad80655bd1d22918d1871781edd46e57a1fe08b226f6b8bdef267","iv":"a0a1a2a3a4a5a6a7a8a9aaab","tag":"f4940fd27424d6602ed374bea9475615"}
        """;

    private const string NodeVector16 =
        """
        {"encrypted":"518153d560a8a13fa7bc2593dc26bea4b773744147047380df7309d57c4655d363fa830db7e99df8af48728f6b27d4827f4e8aa16827d0","iv":"a0a1a2a3a4a5a6a7a8a9aaabacadaeaf","tag":"8e40b70e056321386834a7ee527e844a"}
        """;

    private static SettingsKeyRing Ring(params string[] keys)
    {
        var options = new EncryptionOptions();
        foreach (var key in keys) options.Keys.Add(key);
        return new SettingsKeyRing(options);
    }

    private static Destination Row(string settings) => new() { Id = Guid.NewGuid(), Type = "meta-pixel", Settings = JsonElement.Parse(settings), SettingsEncrypted = true };

    [Theory]
    [MemberData(nameof(NodeVectors))]
    public void Open_MadeByNode_GivesThePlaintext(string name, string envelope)
    {
        var opened = Ring(OtherKey, Key).Open(Row(envelope));

        Assert.True(opened.Problem is null, name);
        Assert.Equal("1234567890", opened.Settings.GetProperty("pixelId").GetString());
        Assert.Equal("EAAB-secret-ü", opened.Settings.GetProperty("accessToken").GetString());
    }

    [Theory]
    [MemberData(nameof(NodeVectors))]
    public void Open_WithoutTheKey_SaysThatNoKeyOpens(string name, string envelope)
    {
        Assert.Equal((name, DestinationProblemKind.NoKey), (name, Ring(OtherKey).Open(Row(envelope)).Problem?.Kind));
        Assert.Equal((name, DestinationProblemKind.NoKey), (name, Ring().Open(Row(envelope)).Problem?.Kind));
    }

    [Theory]
    [MemberData(nameof(NodeVectors))]
    public void Open_AnyByteFlipped_OpensNothing(string name, string envelope)
    {
        var ring = Ring(Key);
        foreach (var part in (string[])["encrypted", "iv", "tag"])
        {
            var hex = JsonElement.Parse(envelope).GetProperty(part).GetString()!;
            for (var index = 0; index < hex.Length; index++)
            {
                var flipped = $"{hex[..index]}{(hex[index] == '0' ? '1' : '0')}{hex[(index + 1)..]}";
                Assert.True(ring.Open(Row(envelope.Replace(hex, flipped, StringComparison.Ordinal))).Problem is not null, $"{name}: {part}[{index}]");
            }
        }
    }

    [Theory]
    [InlineData("""{"encrypted":"00","iv":"000000000000000000000000"}""")]
    [InlineData("""{"encrypted":"0","iv":"000000000000000000000000","tag":"00000000000000000000000000000000"}""")]
    [InlineData("""{"encrypted":"00","iv":"0000","tag":"00000000000000000000000000000000"}""")]
    [InlineData("""{"encrypted":"00","iv":"000000000000000000000000","tag":"00"}""")]
    [InlineData("""{"encrypted":1,"iv":"000000000000000000000000","tag":"00000000000000000000000000000000"}""")]
    [InlineData("""{"encrypted":"\ud800","iv":"000000000000000000000000","tag":"00000000000000000000000000000000"}""")]
    public void Open_NotAnEnvelope_IsDamaged(string envelope) =>
        Assert.Equal(DestinationProblemKind.DamagedEnvelope, Ring(Key).Open(Row(envelope)).Problem?.Kind);

    [Fact]
    public void Open_PlainSettings_AreTakenAsTheyAre() =>
        Assert.Equal("1", Ring(Key).Open(Row("""{"pixelId":"1"}""")).Settings.GetProperty("pixelId").GetString());

    [Fact]
    public void Open_DisabledRow_IsLeftShut() =>
        Assert.Null(Ring().Open(Row(NodeVector12) with { Enabled = false }).Problem);

    [Fact]
    public void Seal_ThenOpen_GivesTheSameAndANewIvEachTime()
    {
        var ring = Ring(Key, OtherKey);
        var settings = JsonElement.Parse("""{"a":[1,"ü"]}""");
        var (first, second) = (ring.Seal(settings).ToJsonString(), ring.Seal(settings).ToJsonString());

        Assert.NotEqual(first, second);
        Assert.Equal(settings.GetRawText(), ring.Open(Row(first)).Settings.GetRawText());
        Assert.Equal(settings.GetRawText(), Ring(OtherKey, Key).Open(Row(second)).Settings.GetRawText());
    }

    [Fact]
    public void Open_SettingsNestedTooDeeply_AreReportedAsThatAndNotAsDamaged()
    {
        var ring = Ring(Key);
        string Nested(int levels) => ring.Seal(JsonElement.Parse($"{{\"a\":{new string('[', levels - 1)}{new string(']', levels - 1)}}}", new JsonDocumentOptions { MaxDepth = 1000 })).ToJsonString();

        Assert.Null(ring.Open(Row(Nested(128))).Problem);
        var problem = ring.Open(Row(Nested(129))).Problem;
        Assert.Equal(DestinationProblemKind.InvalidSettings, problem?.Kind);
        Assert.StartsWith("The settings are nested deeper than 128 levels", problem!.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\\ud800")]
    [InlineData("\\u0000")]
    public void Open_KeyIdThatIsNoName_TriesEveryKey(string keyId)
    {
        var envelope = Ring(Key).Seal(JsonElement.Parse("""{"a":1}"""));
        envelope.Remove("keyId");

        var opened = Ring(OtherKey, Key).Open(Row($"{envelope.ToJsonString()[..^1]},\"keyId\":\"{keyId}\"}}"));

        Assert.Null(opened.Problem);
        Assert.Equal(1, opened.Settings.GetProperty("a").GetInt32());
    }

    [Fact]
    public void Open_AnyEnvelope_NeverThrows()
    {
        var random = new Random(17);
        string Hex() => Convert.ToHexStringLower(Enumerable.Range(0, new[] { 0, 1, 12, 15, 16, 17, 200 }[random.Next(7)]).Select(_ => (byte)random.Next(256)).ToArray());
        for (var round = 0; round < 2000; round++)
            Assert.NotNull(Ring(Key).Open(Row($$"""{"encrypted":"{{Hex()}}","iv":"{{Hex()}}","tag":"{{Hex()}}","keyId":"{{Hex()}}"}""")).Problem);
    }

    [Fact]
    public void Open_KeyNamedAndThereButTagWrong_IsDamagedNotMissing()
    {
        var envelope = Ring(Key).Seal(JsonElement.Parse("{}"));
        envelope["tag"] = new string('0', 32);
        Assert.Equal(DestinationProblemKind.DamagedEnvelope, Ring(Key).Open(Row(envelope.ToJsonString())).Problem?.Kind);
    }
}
