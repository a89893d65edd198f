using System.Globalization;
using System.Text;

namespace ConsentSnapshots.EdgeApi.Tests.Fuzz;

/// <summary>A request to send.</summary>
/// <param name="Bytes">What goes on the wire.</param>
/// <param name="Target">The target as it stands in the request line; null where there is none to be sure of.</param>
/// <param name="Method">The method.</param>
/// <param name="IsFramed">Whether it is surely one whole request, so that one answer comes and the connection may go on being used.</param>
internal sealed record FuzzRequest(byte[] Bytes, string? Target, string Method, bool IsFramed);

/// <summary>Makes requests: good ones, ones that are nearly good, and bytes. The same seed gives the same requests.</summary>
internal sealed class RequestMutator(int seed)
{
    private static readonly string[] s_categories = ["necessary", "functionality", "experience", "measurement", "marketing"];
    private static readonly string[] s_names =
        [.. s_categories, "Marketing", "MARKETING", "marketing ", "analytics", "consent", "", "true", "__proto__", "marketing\0", "mаrketing", "m\\u0061rketing", "\\ud800", "constructor", "necessary_"];

    private static readonly string[] s_values = ["true", "false", "true", "false", "null", "1", "0", "\"true\"", "[]", "{}", "{\"a\":true}", "True", "TRUE", "tru", "-1e999", "", "true,"];
    private static readonly string[] s_organizations = ["nobody", "ACME", "a..b", ".", "..", "_", "%61cme", "acme%00", "acme%2f..", "acme.", "é", "acme;x", "-"];
    private static readonly string[] s_environments = ["staging", "development", "Production", "prod", "production%20", "", "production/..", "%70roduction"];
    private static readonly string[] s_methods = ["HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "get", "GETT", "QUERY", "PRI", "G\tET", "é"];
    private static readonly string[] s_codings = ["br", "gzip", "identity", "*", "deflate", "zstd", "x-gzip", "BR", "br ", ""];
    private static readonly string[] s_weights = ["", "", ";q=1", ";q=0", ";q=0.5", ";q=0.000", ";q=1.001", ";q=-1", ";q=", "; q=0.3", ";Q=0.1", ";level=1;q=0.2", ";q=0.1234", ";"];
    private static readonly string[] s_dates =
        ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Thu, 31 Dec 2099 23:59:59 GMT", "0", "-1", "Thu, 99 Foo 2020 99:99:99 GMT", "", "2026-01-01T00:00:00Z"];

    private readonly Random _random = new(seed);

    /// <summary>An ETag that the edge gave, for conditional requests.</summary>
    public string? KnownETag { get; set; }

    public FuzzRequest Next()
    {
        var (target, method, version) = (Target(), Chance(20) ? Pick(s_methods) : "GET", "HTTP/1.1");
        var headers = new StringBuilder();
        if (!Chance(200)) headers.Append(Chance(60) ? Pick(["Host: ", "Host: a b\r\n", "Host: [::1\r\n", "Host: edge\r\nHost: other\r\n", "Host: \u00e9\r\n"]) : "Host: edge\r\n");
        if (headers.Length > 0 && headers[^1] != '\n') headers.Append("\r\n");
        for (var count = _random.Next(4); count > 0; count--) headers.Append(Header()).Append("\r\n");
        var framed = true;
        if (Chance(40))
        {
            version = Pick(["HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "HTTP/0.9", "HTTP/11", "http/1.1", "", "HTTP/1.1 "]);
            framed = false;
        }
        if (Chance(60))
        {
            headers.Append(Flood());
            framed = false;
        }
        if (Chance(60))
        {
            // What decides where a request ends.
            headers.Append(Pick(["Content-Length: 5\r\n", "Content-Length: -1\r\n", "Content-Length: 5\r\nContent-Length: 6\r\n", "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked, identity\r\n",
                "Transfer-Encoding: gzip\r\n", "Content-Length: 99999999999999999999\r\n", "Content-Length: 5000\r\n", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "Expect: 100-continue\r\nContent-Length: 3\r\n",
                "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n", "Connection: close\r\n", "Upgrade: websocket\r\nConnection: Upgrade\r\n"]));
            framed = false;
        }
        var bytes = Encoding.Latin1.GetBytes($"{method} {target} {version}\r\n{headers}\r\n");
        if (!framed && Chance(2)) bytes = [.. bytes, .. Encoding.ASCII.GetBytes(Pick(["hello", "5\r\nhello\r\n0\r\n\r\n", "zz\r\n", "0\r\n\r\n", "5;x=y\r\nhello\r\n0\r\nTrailer: x\r\n\r\n"]))];
        if (Chance(25)) return Damaged(bytes);
        // A target with a blank or a control character is not one any more.
        var clean = framed && method.All(char.IsAsciiLetterUpper) && target.All(letter => letter is > ' ' and < '\x7f') && target.StartsWith('/');
        return new FuzzRequest(bytes, clean ? target : null, method, clean);
    }

    private FuzzRequest Damaged(byte[] bytes)
    {
        if (Chance(8)) bytes = Pick<byte[]>([[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3], "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x4\0\0\0\0\0"u8.ToArray(), Noise(_random.Next(1, 400)), "\r\n\r\n\r\n"u8.ToArray(), [0]]);
        for (var count = _random.Next(1, 4); count > 0; count--)
        {
            var list = new List<byte>(bytes);
            var place = _random.Next(list.Count + 1);
            switch (_random.Next(5))
            {
                case 0 when place < list.Count: list[place] ^= (byte)(1 << _random.Next(8)); break;
                case 1: list.InsertRange(place, Noise(_random.Next(1, 20))); break;
                case 2: list.RemoveRange(place, Math.Min(list.Count - place, _random.Next(1, 30))); break;
                case 3: list.InsertRange(place, list.GetRange(0, Math.Min(place, 40))); break;
                default: list.InsertRange(place, Pick<byte[]>(["\r"u8.ToArray(), "\n"u8.ToArray(), "\0"u8.ToArray(), "\r\n\r\n"u8.ToArray(), "%"u8.ToArray(), "\xff"u8.ToArray()])); break;
            }
            bytes = [.. list];
        }
        return new FuzzRequest(bytes, null, "", false);
    }

    private string Target()
    {
        var (organization, environment) = (Chance(8) ? Pick(s_organizations) : Pick(["acme", "globex"]), Chance(12) ? Pick(s_environments) : "production");
        return _random.Next(10) switch
        {
            0 => $"/v1/{organization}/{environment}/{Pick(["scripts.json", "config", "tags.js", "Scripts.JSON", "scripts.json/", "scripts%2ejson"])}{(Chance(3) ? $"?{Query()}" : "")}",
            1 or 2 => $"/v1/{organization}/{environment}/scripts/{SetName()}.json{(Chance(4) ? $"?{Query()}" : "")}",
            3 or 4 => $"/analytics/scripts?{Join([.. Scopes(organization, environment), .. Query().Split('&')])}",
            5 when Chance(3) => Pick(["/", "*", "//", "/health/live", "/health/ready", "/v1/loader.js", "/public/acme/production/scripts.json", "/public/../private/current/acme/production.json",
                "/public/%2e%2e/private/current/acme/production.json", "/v1/acme/production/../../globex/production/scripts.json", "http://edge/v1/acme/production/scripts.json", "/v1/%", "/%ff%fe", $"/{new string('a', 9000)}"]),
            _ => $"/v1/{organization}/{environment}/{(Chance(30) ? "SCRIPTS" : "scripts")}?{Query()}",
        };
    }

    private IEnumerable<string> Scopes(string organization, string environment)
    {
        if (!Chance(20)) yield return $"organizationId={organization}";
        if (Chance(30)) yield return "organizationId=globex";
        if (!Chance(20)) yield return $"environment={environment}";
        if (Chance(30)) yield return "organizationid=globex";
    }

    private string SetName()
    {
        if (Chance(6)) return Pick(["", "all", "necessary-marketing", "marketing-measurement", "marketing-", "-marketing", "Marketing", "marketing%2Dmeasurement", "measurement-marketing-marketing", "%6darketing", "16", "marketing.json"]);
        var named = s_categories.Skip(1).Where(_ => Chance(2)).ToList();
        return named.Count == 0 ? "necessary" : string.Join('-', named);
    }

    private string Query()
    {
        var parts = new List<string>();
        switch (_random.Next(7))
        {
            case 0 or 1: parts.Add($"consent={Escape(Json())}"); break;
            case 2 or 3: parts.Add($"consent={Escape(string.Join((Chance(6) ? Pick([", ", ",,", ";", " ", "-", ",\t"]) : ","), Names(_random.Next(5))))}"); break;
            case 4 or 5: parts.AddRange(Names(_random.Next(5)).Select(name => $"{Escape(name)}={Pick(Chance(12) ? s_values : ["true", "false"])}")); break;
            default: parts.Add(Pick(["", "consent", "consent=", "consent=%", "consent=%7b", "consent[]=marketing", "CONSENT=marketing", "consent=marketing#x", "%63onsent=marketing", "consent=%00", "consent=\u00ff"])); break;
        }
        if (Chance(12)) parts.AddRange(Query().Split('&'));
        if (Chance(8)) parts.Add(Pick(["utm_source=x", "consent=marketing", "marketing=true", "=", "&", "a;b", "%=%", $"x={new string('y', _random.Next(1, 3000))}"]));
        return Join(parts);
    }

    private string Json()
    {
        var members = Names(_random.Next(6)).Select(name => $"{Blank()}\"{name}\"{Blank()}:{Blank()}{(Chance(12) ? Pick(s_values) : Pick(["true", "false"]))}");
        var json = $"{{{string.Join(',', members)}{Blank()}}}";
        if (Chance(12)) json = Pick([$"[{json}]", $"{json}{json}", $"\"{json}\"", json[1..], json[..^1], $"/**/{json}", json.Replace("}", ",}", StringComparison.Ordinal), new string('{', 200), new string('[', 3000), "null", $"\uFEFF{json}"]);
        return json;
    }

    private IEnumerable<string> Names(int count)
    {
        // Each once, as a good request has them; sometimes one twice, or a name that is none.
        string[] names = [.. s_categories];
        _random.Shuffle(names);
        for (; count > 0; count--) yield return Chance(16) ? Pick(s_names) : Chance(16) ? Pick(s_categories) : names[count % names.Length];
    }

    /// <summary>Writes a text as a query does, usually with all of its escapes, sometimes with too many or too few.</summary>
    private string Escape(string text)
    {
        var style = _random.Next(12);
        var escaped = new StringBuilder();
        foreach (var value in Encoding.UTF8.GetBytes(text))
        {
            var plain = char.IsAsciiLetterOrDigit((char)value) || (style == 1 && value is > 32 and < 127 and not ((byte)'#' or (byte)'&' or (byte)'%' or (byte)'+'));
            if (style == 2 && value == ' ') escaped.Append('+');
            else if (style == 3 && Chance(40)) escaped.Append(CultureInfo.InvariantCulture, $"%{value:x1}");
            else if (style == 4 || !plain) escaped.Append(CultureInfo.InvariantCulture, $"%{(style == 5 ? $"{value:x2}" : $"{value:X2}")}");
            else escaped.Append((char)value);
        }
        return style == 6 && Chance(4) ? escaped.Replace("%", "%25").ToString() : escaped.ToString();
    }

    private string Header() => _random.Next(9) switch
    {
        0 or 1 or 2 => $"Accept-Encoding: {string.Join(Pick([",", ", "]), Enumerable.Range(0, _random.Next(1, 5)).Select(_ => Pick(s_codings) + Pick(s_weights)))}",
        3 => $"{Pick(["If-None-Match", "If-Match"])}: {Pick([KnownETag ?? "*", $"W/{KnownETag}", "*", "\"x\", W/\"y\"", $"\"a,b\" , {KnownETag}", "\"", "W/", "x", ",", ""])}",
        4 => $"{Pick(["If-Modified-Since", "If-Unmodified-Since", "If-Range", "Date"])}: {Pick(s_dates)}",
        5 => $"Origin: {Pick(["https://shop.example", "null", "*", "", "https://shop.example, https://b.example", "javascript:alert(1)"])}",
        6 => Pick(["Range: bytes=0-10", "Range: bytes=-1,5-2", "Cookie: a=b; c=d", "Accept: text/html", "Authorization: Basic x", "Forwarded: for=x", "X-Forwarded-For: 1.2.3.4", "X-Original-URL: /v1/globex/production/scripts.json",
            "X-HTTP-Method-Override: DELETE", "Cache-Control: no-cache", "Access-Control-Request-Method: PUT", "Content-Type: application/json"]),
        7 => $"X-{_random.Next(1000)}: {new string((char)_random.Next(33, 127), _random.Next(300))}",
        _ => Pick(["Accept-Encoding:", "Accept-Encoding: \t", "If-None-Match:", "User-Agent: fuzz"]),
    };

    private string Flood() => _random.Next(4) switch
    {
        0 => string.Concat(Enumerable.Range(0, _random.Next(90, 130)).Select(number => string.Create(CultureInfo.InvariantCulture, $"X-{number}: 1\r\n"))),
        1 => $"X-Long: {new string('a', _random.Next(15_000, 20_000))}\r\n",
        2 => Pick([" folded: x\r\n", "no colon\r\n", ": no name\r\n", "X Y: z\r\n", "X\u00e9: z\r\n", "X: a\0b\r\n", "X: a\rb\r\n", "X: \u00ff\r\n"]),
        _ => "Connection: keep-alive, close, x\r\n",
    };

    private string Join(List<string> parts) => string.Join(Chance(40) ? Pick(["&&", ";", "&amp;", "?"]) : "&", parts);

    private string Blank() => Chance(6) ? Pick([" ", "\t", "\n", "  "]) : "";

    private byte[] Noise(int length)
    {
        var noise = new byte[length];
        _random.NextBytes(noise);
        return noise;
    }

    private bool Chance(int oneIn) => _random.Next(oneIn) == 0;

    private T Pick<T>(T[] choices) => choices[_random.Next(choices.Length)];
}
