using System.Buffers;
using System.Text.Encodings.Web;

namespace ConsentSnapshots.Generator.Scripts;

/// <summary>
/// <see cref="JavaScriptEncoder.UnsafeRelaxedJsonEscaping"/>, and <c>&lt;</c> as <c>\u003C</c>. An encoder made of settings would also escape <c>&amp;</c>, <c>'</c> and <c>+</c>,
/// which are all over JavaScript and harm nobody. The text between two <c>&lt;</c> is left to the other encoder, which is as fast as there is one.
/// </summary>
internal sealed unsafe class PublishedJsonEncoder : JavaScriptEncoder
{
    private const string Escaped = "\\u003C";

    /// <summary>The ASCII characters that neither encoder changes: most texts have no other.</summary>
    private static readonly SearchValues<char> s_plain =
        SearchValues.Create([.. Enumerable.Range(' ', '~' - ' ' + 1).Select(character => (char)character).Where(character => character is not ('"' or '\\' or '<'))]);

    private static JavaScriptEncoder Relaxed => UnsafeRelaxedJsonEscaping;

    public override int MaxOutputCharactersPerInputCharacter => Relaxed.MaxOutputCharactersPerInputCharacter;

    public override bool WillEncode(int unicodeScalar) => unicodeScalar == '<' || Relaxed.WillEncode(unicodeScalar);

    public override int FindFirstCharacterToEncode(char* text, int textLength)
    {
        var plain = new ReadOnlySpan<char>(text, textLength).IndexOfAnyExcept(s_plain);
        if (plain < 0) return -1;
        var first = Relaxed.FindFirstCharacterToEncode(text + plain, textLength - plain);
        var lessThan = new ReadOnlySpan<char>(text + plain, first < 0 ? textLength - plain : first).IndexOf('<');
        return lessThan >= 0 ? plain + lessThan : first >= 0 ? plain + first : -1;
    }

    public override int FindFirstCharacterToEncodeUtf8(ReadOnlySpan<byte> utf8Text)
    {
        var first = Relaxed.FindFirstCharacterToEncodeUtf8(utf8Text);
        var lessThan = (first < 0 ? utf8Text : utf8Text[..first]).IndexOf((byte)'<');
        return lessThan < 0 ? first : lessThan;
    }

    public override bool TryEncodeUnicodeScalar(int unicodeScalar, char* buffer, int bufferLength, out int numberOfCharactersWritten)
    {
        if (unicodeScalar != '<') return Relaxed.TryEncodeUnicodeScalar(unicodeScalar, buffer, bufferLength, out numberOfCharactersWritten);
        var fits = Escaped.TryCopyTo(new Span<char>(buffer, bufferLength));
        numberOfCharactersWritten = fits ? Escaped.Length : 0;
        return fits;
    }

    public override OperationStatus Encode(ReadOnlySpan<char> source, Span<char> destination, out int charsConsumed, out int charsWritten, bool isFinalBlock = true)
    {
        (charsConsumed, charsWritten) = (0, 0);
        while (true)
        {
            var lessThan = source[charsConsumed..].IndexOf('<');
            var text = lessThan < 0 ? source[charsConsumed..] : source.Slice(charsConsumed, lessThan);
            var status = Relaxed.Encode(text, destination[charsWritten..], out var consumed, out var written, isFinalBlock || lessThan >= 0);
            charsConsumed += consumed;
            charsWritten += written;
            if (status != OperationStatus.Done || lessThan < 0) return status;
            if (!Escaped.TryCopyTo(destination[charsWritten..])) return OperationStatus.DestinationTooSmall;
            charsConsumed++;
            charsWritten += Escaped.Length;
        }
    }

    public override OperationStatus EncodeUtf8(ReadOnlySpan<byte> utf8Source, Span<byte> utf8Destination, out int bytesConsumed, out int bytesWritten, bool isFinalBlock = true)
    {
        (bytesConsumed, bytesWritten) = (0, 0);
        while (true)
        {
            var lessThan = utf8Source[bytesConsumed..].IndexOf((byte)'<');
            var text = lessThan < 0 ? utf8Source[bytesConsumed..] : utf8Source.Slice(bytesConsumed, lessThan);
            var status = Relaxed.EncodeUtf8(text, utf8Destination[bytesWritten..], out var consumed, out var written, isFinalBlock || lessThan >= 0);
            bytesConsumed += consumed;
            bytesWritten += written;
            if (status != OperationStatus.Done || lessThan < 0) return status;
            if (!"\\u003C"u8.TryCopyTo(utf8Destination[bytesWritten..])) return OperationStatus.DestinationTooSmall;
            bytesConsumed++;
            bytesWritten += Escaped.Length;
        }
    }
}
