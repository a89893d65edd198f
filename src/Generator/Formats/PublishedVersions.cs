using System.Buffers.Text;
using System.Text.Json;

namespace ConsentSnapshots.Generator.Formats;

/// <summary>Reads from what stands in the public container which version it is of, so that it is never replaced by an older one.</summary>
public static class PublishedVersions
{
    /// <summary>A higher number is nobody's version: something else stands there.</summary>
    public const int Highest = 999_999_999;

    /// <summary>The version of a gated list; null where the bytes are none.</summary>
    public static int? OfList(ReadOnlySpan<byte> bytes)
    {
        try
        {
            var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { MaxDepth = 160 });
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return null;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isMetadata = reader.ValueTextEquals("metadata"u8);
                reader.Read();
                if (!isMetadata)
                {
                    reader.Skip();
                    continue;
                }
                if (reader.TokenType != JsonTokenType.StartObject) return null;
                while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                {
                    var isVersion = reader.ValueTextEquals("version"u8);
                    reader.Read();
                    if (isVersion) return reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out var version) && version is > 0 and <= Highest ? version : null;
                    reader.Skip();
                }
            }
            return null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>The version of a <c>tags.js</c>, from its first line; null where the bytes are none.</summary>
    public static int? OfTags(ReadOnlySpan<byte> bytes)
    {
        if (!bytes.StartsWith("/* "u8)) return null;
        var line = bytes.IndexOf((byte)'\n');
        if (line < 0) return null;
        var words = bytes[3..line];
        var space = words.IndexOf((byte)' ');
        return space > 0 && Utf8Parser.TryParse(words[(space + 1)..], out int version, out var read) && version is > 0 and <= Highest && words[(space + 1 + read)..].SequenceEqual(" */"u8) ? version : null;
    }
}
