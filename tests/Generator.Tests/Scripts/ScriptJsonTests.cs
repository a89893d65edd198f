using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using ConsentSnapshots.Generator.Scripts;

namespace ConsentSnapshots.Generator.Tests.Scripts;

/// <summary>What is published escapes what JSON must escape and what could end a script element, and nothing else.</summary>
public sealed class ScriptJsonTests
{
    [Theory]
    [InlineData("</script>", "\\u003C/script>")]
    [InlineData("<<!--<", "\\u003C\\u003C!--\\u003C")]
    [InlineData("a<\"\\b\"<", "a\\u003C\\\"\\\\b\\\"\\u003C")]
    [InlineData("\u2028\u2029", "\\u2028\\u2029")]
    [InlineData("a & b '+' `c` > d / é 中", "a & b '+' `c` > d / é 中")]
    [InlineData("", "")]
    public void Encoder_Text_IsEscapedWhereItMustBe(string text, string expected)
    {
        Assert.Equal(expected, JsonEncodedText.Encode(text, ScriptJson.Encoder).ToString());
        Assert.Equal($"\"{expected}\"", Written(writer => writer.WriteStringValue(text)));
        Assert.Equal($"\"{expected}\"", Written(writer => writer.WriteStringValue(Encoding.UTF8.GetBytes(text))));
    }

    [Fact]
    public void Encoder_EveryCharacter_IsTheRelaxedOneButForLessThan()
    {
        for (var scalar = 0; scalar <= 0x10FFFF; scalar += scalar < 0x3000 ? 1 : 97)
        {
            if (!Rune.IsValid(scalar)) continue;
            var text = $"x{new Rune(scalar)}\"y{new Rune(scalar)}";
            Assert.Equal(Expected(text), JsonEncodedText.Encode(text, ScriptJson.Encoder).ToString());
            Assert.Equal(Expected(text), JsonEncodedText.Encode(Encoding.UTF8.GetBytes(text), ScriptJson.Encoder).ToString());
        }
    }

    [Fact]
    public void Encoder_RandomTexts_AreTheRelaxedOnesButForLessThan()
    {
        const string Characters = "<<<ab\"\\/&+'`>é中\u2028\n\u0001\U0001F600";
        var random = new Random(8);
        for (var round = 0; round < 2_000; round++)
        {
            // Some longer than what a writer escapes on its stack.
            var text = new StringBuilder();
            var pieces = Characters.EnumerateRunes().ToArray();
            for (var length = random.Next(round % 50 == 0 ? 3_000 : 40); length > 0; length--) text.Append(pieces[random.Next(pieces.Length)].ToString());
            var expected = Expected(text.ToString());

            Assert.Equal($"\"{expected}\"", Written(writer => writer.WriteStringValue(text.ToString())));
            Assert.Equal($"\"{expected}\"", Written(writer => writer.WriteStringValue(Encoding.UTF8.GetBytes(text.ToString()))));
            Assert.Equal(expected, ScriptJson.Encoder.Encode(text.ToString()));
        }
    }

    [Fact]
    public void Encoder_TooSmallADestination_SaysHowFarItCame()
    {
        var status = ScriptJson.Encoder.Encode("ab<c<d", stackalloc char[9], out var consumed, out var written);

        Assert.Equal((OperationStatus.DestinationTooSmall, 4, 9), (status, consumed, written));
        status = ScriptJson.Encoder.EncodeUtf8("ab<c<d"u8, stackalloc byte[9], out consumed, out written);
        Assert.Equal((OperationStatus.DestinationTooSmall, 4, 9), (status, consumed, written));
    }

    [Fact]
    public void Encoder_LoneSurrogate_IsReplaced() =>
        Assert.Equal("a\ufffd<b\ufffd", JsonElement.Parse($"\"{ScriptJson.Encoder.Encode("a\ud800<b\udc00")}\"").GetString());

    private static string Expected(string text) => JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(text).Replace("<", "\\u003C", StringComparison.Ordinal);

    private static string Written(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, ScriptJson.WriterOptions)) write(writer);
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
