using System.Collections.Immutable;
using System.Text.Json;
using ConsentSnapshots.Generator.Destinations;
using CsCheck;

namespace ConsentSnapshots.Generator.Tests.Fuzz;

/// <summary>
/// What a tenant who means harm could save in a setting, as the raw JSON a database would hold (so that a lone surrogate is an escape, as it
/// would be there). Every text that attacks carries <see cref="Mark"/>, by which it is known again where it must not be.
/// </summary>
internal static class Hostile
{
    public const string Mark = "pwn";

    /// <summary>The inside of JSON strings: markup, quotes, line ends that JavaScript knows and JSON does not, what is no Unicode, what turns text around.</summary>
    public static readonly ImmutableArray<string> Fragments =
    [
        "</script><script>pwn()</script>", "<!--pwn", "-->pwn", "<![CDATA[pwn", "&quot;pwn&#39;", "\\\"><img src=x onerror=pwn()>", "');pwn();('", "\\\\\\\");pwn();//",
        "`${pwn()}`", "\\u2028pwn()\\u2029", "*/pwn()/*", "\\u0000pwn", "\\r\\npwn: 1", "\\u202Epwn\\u202C", "\\uFEFFpwn", "\\uD800pwn", "pwn\\uDC00", "\\uD83D\\uDE00pwn",
        "javascript:pwn()", "data:text/javascript,pwn()", "vbscript:pwn", "__proto__pwn", "{{pwn}}", "${ENV_pwn}", "%3Cscript%3Epwn", "\\u003c/script\\u003epwn",
        "' onload='pwn()", "pwn\\u0085", "\\u001Bpwn", "\\u007Fpwn", "pwn;", "G-1&pwn=1", "GTM-A\\npwn", "1234567890\\npwn", "../../pwn", "?pwn#", "\u00e9pwn\u4e2d",
    ];

    /// <summary>Whole URLs (again as JSON text): other schemes, users, ports, hosts that parsers read differently.</summary>
    public static readonly ImmutableArray<string> Urls =
    [
        "https://pwn.example/a.js", "https://pwn.example:8443/a.js", "https://pwn.example:0/a.js", "https://pwn.example:99999/", "https://user:pwn@good.example/", "https://good.example@pwn.example/",
        "https://good.example\\\\@pwn.example/", "https:\\\\\\\\pwn.example/", "https:pwn.example", "https:///pwn.example/", "HTTPS://PWN.example/A.JS", "http://pwn.example/", "//pwn.example/a.js",
        "javascript:pwn()//https://good.example/", "data:text/javascript,pwn()", "blob:https://pwn.example/1", "file:///pwn", "https://", "https://pwn", "https://[::1]/pwn", "https://[pwn]/",
        "https://127.1/pwn", "https://0x7f000001/pwn", "https://pwn.example/\\\"onload=\\\"pwn()", "https://pwn.example/</script>", "https://pwn.example/\\u2028", "https://pwn.example/\\uD800",
        " https://pwn.example/a.js ", "\\thttps://pwn.example/", "ht\\ntps://pwn.example/", "https://pwn.ex\\u00e4mple/", "https://pwn\\u3002example/", "https://pwn%2eexample/", "https://pwn.example/%0d%0apwn",
        "https://pwn.example/a.js?x='&y=\\\"#z", "https://pwn.example\\u0000.good.example/", "https://pwn.example#@good.example/", "https://pwn.example?@good.example/", "https://pwn.example/../../x", "https://:443/pwn",
        "https://pwn .example/", "https://-pwn-.example/", "https://pwn.example./a.js", "wss://pwn.example/", "https://@pwn.example/", "https://:@pwn.example/",
        "https://pwn..example/", "https://..pwn/", "https://pwn\\u00AD.example/", "https://\\u00AD/pwn", "https://\\u200Dpwn.example/", "https://\\u0301pwn/", "https://\\u00A0pwn/", "https://xn--\\u00AD/pwn",
        "https://pwn.example:/a.js", "https://[fe80::1%25pwn]/",
    ];

    /// <summary>JSON values of other kinds than a field wants, numbers no double holds, nesting, and objects that reach for prototypes.</summary>
    public static readonly ImmutableArray<string> Values =
    [
        "null", "true", "false", "0", "-0", "-1", "1.5", "1e400", "1e999", "-1e999", "1e-999", "99999999999999999999999999", "0.1e1", "[]", "{}", "\"\"", "\" \"",
        "[\"pwn\",1,null]", "[[[[\"pwn\"]]]]", "{\"__proto__\":{\"pwn\":1}}", "{\"constructor\":{\"prototype\":{\"pwn\":1}}}", "{\"a\":{\"__proto__\":\"pwn\"}}", "{\"\\u005f_proto__\":\"pwn\"}",
        "{\"toString\":\"pwn\",\"valueOf\":\"pwn\",\"hasOwnProperty\":0}", "{\"then\":\"pwn\",\"length\":-1}", "{\"\\uD800pwn\":1}", "{\"a\":\"\\uDFFFpwn\"}", "{\"a\":1,\"a\":\"pwn\"}", "{\"\":\"pwn\"}",
        Nested(15), Nested(17), Nested(60), "{\"options\":[\"pwn\"]}", "{\"marketing\":[\"pwn-storage\"]}", "{\"pwn\":[\"ad_storage\"]}", "{\"marketing\":\"ad_storage\"}", "{\"marketing\":[]}", "{\"necessary\":[\"__proto__\"]}",
        "{\"data-x\":\"</script>pwn\",\"integrity\":\"pwn\\\"\"}", "{\"onload\":\"pwn()\"}", "{\"src\":\"https://pwn.example/\"}", "{\"nonce\":\"pwn\"}", "{\"data-X\":\"pwn\"}", "{\"type\":\"pwn\"}", "{\"data-config\":\"pwn\"}",
        "{\"api_host\":\"javascript:pwn()\",\"loaded\":\"pwn\"}",
    ];

    /// <summary>One megabyte, as a text, in an object and in a list.</summary>
    public static IEnumerable<string> Huge
    {
        get
        {
            var text = $"\"{new string('x', 1_000_000)}{Mark}\"";
            return [text, $"{{\"a\":{text}}}", $"[{text}]", $"\"https://{Mark}.example/{text[1..]}"];
        }
    }

    public static Gen<T> Pick<T>(params T[] choices) => Gen.Int[0, choices.Length - 1].Select(index => choices[index]);

    private static Gen<string> Text { get; } =
        Gen.Select(Pick(Fragments.ToArray()).Array[1, 3], Pick("", "", "a", "G-", "1"), (parts, start) => $"\"{start}{string.Concat(parts)}\"");

    private static Gen<string> Url { get; } =
        Gen.Frequency((3, Pick(Urls.ToArray())), (1, Gen.Select(Pick(Urls.ToArray()), Pick(Fragments.ToArray()), (url, fragment) => url + fragment)))
            .Select(url => $"\"{url}\"");

    private static Gen<string> Odd { get; } = Pick(Values.ToArray());

    private static Gen<string> Leaf { get; } = Gen.Frequency((4, Text), (1, Url), (2, Odd));

    private static Gen<string> Object { get; } = Gen.Select(Gen.OneOf(Text, Pick("\"data-x\"", "\"data-y\"", "\"crossorigin\"", "\"marketing\"")), Leaf).Array[0, 4]
        .Select(entries => $"{{{string.Join(',', entries.Select(entry => $"{entry.Item1}:{entry.Item2}"))}}}");

    /// <summary>A value for a field: mostly of its kind, so that it gets past the first check.</summary>
    public static Gen<string> For(SettingField field) => field.Kind switch
    {
        SettingKind.HttpsUrl or SettingKind.UrlOrPath => Gen.Frequency((6, Url), (1, Text), (1, Odd)),
        SettingKind.JsonObject => Gen.Frequency((6, Object), (2, Odd), (1, Text)),
        SettingKind.JsonValue => Gen.Frequency((2, Object), (2, Text), (2, Odd), (1, Url)),
        SettingKind.TextList => Gen.Frequency((4, Leaf.Array[0, 3].Select(list => $"[{string.Join(',', list)}]")), (1, Odd)),
        SettingKind.Flag or SettingKind.Number => Gen.Frequency((3, Pick("true", "false", "null", "1", "7", "0.5")), (2, Odd), (1, Text)),
        _ when !field.OneOf.IsEmpty => Gen.Frequency((3, Pick(field.OneOf.Select(choice => JsonSerializer.Serialize(choice)).ToArray())), (1, Text), (1, Odd)),
        _ => Gen.Frequency((6, Text), (1, Url), (1, Odd)),
    };

    private static string Nested(int depth) => string.Concat(Enumerable.Repeat("{\"a\":[", depth / 2)) + "\"pwn\"" + string.Concat(Enumerable.Repeat("]}", depth / 2));
}
