using System.Globalization;
using ConsentSnapshots.EdgeApi.Serving;
using Microsoft.Extensions.Primitives;

namespace ConsentSnapshots.EdgeApi.Http;

/// <summary>Chooses a coding by RFC 9110, section 12.5.3.</summary>
internal static class AcceptEncoding
{
    /// <summary>
    /// The coding the client weighs highest; among equals br, then gzip, then identity. Without the header, or with an empty one,
    /// identity. False where the client accepts none of the three.
    /// </summary>
    public static bool TryChoose(StringValues header, out ContentCoding coding)
    {
        coding = ContentCoding.Identity;
        // Weights in thousandths; -1: not mentioned.
        var (brotli, gzip, identity, others) = (-1, -1, -1, -1);
        for (var index = 0; index < header.Count; index++)
        {
            var list = header[index].AsSpan();
            foreach (var range in list.Split(','))
            {
                var member = list[range];
                var semicolon = member.IndexOf(';');
                var name = (semicolon < 0 ? member : member[..semicolon]).Trim();
                // A weight that cannot be read says nothing: the member is passed over, as if the client had not sent it.
                if (name.IsEmpty || !TryReadWeight(semicolon < 0 ? default : member[(semicolon + 1)..], out var weight)) continue;
                if (Is(name, "br")) brotli = weight;
                else if (Is(name, "gzip") || Is(name, "x-gzip")) gzip = weight;
                else if (Is(name, "identity")) identity = weight;
                else if (name is "*") others = weight;
            }
        }
        if (brotli < 0) brotli = others;
        if (gzip < 0) gzip = others;
        // Identity is acceptable unless refused by name or by a `*` of weight zero; unmentioned it comes after whatever was asked for.
        var identityRefused = identity == 0 || (identity < 0 && others == 0);
        if (brotli > 0 && brotli >= gzip && brotli >= identity) coding = ContentCoding.Brotli;
        else if (gzip > 0 && gzip >= identity) coding = ContentCoding.Gzip;
        else return !identityRefused;
        return true;
    }

    private static bool TryReadWeight(ReadOnlySpan<char> parameters, out int thousandths)
    {
        thousandths = 1000;
        var text = parameters.Trim();
        if (text.IsEmpty) return true;
        if (text.Length < 3 || text[0] is not ('q' or 'Q') || text[1] != '=') return false;
        text = text[2..];
        if (text.Length > 5 || text[0] is not ('0' or '1') || (text.Length > 1 && text[1] != '.')
            || !decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var weight) || weight > 1) return false;
        thousandths = (int)(weight * 1000);
        return true;
    }

    private static bool Is(ReadOnlySpan<char> name, string coding) => name.Equals(coding, StringComparison.OrdinalIgnoreCase);
}
