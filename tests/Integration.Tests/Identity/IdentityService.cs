using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Integration.Tests.Identity;

/// <summary>
/// What gives a process in Azure the tokens of its managed identity: the endpoint that Azure App Service has, which Azure's library asks where two environment variables name it. It gives a
/// token to whoever knows the header, and remembers for what.
/// </summary>
internal sealed class IdentityService : IAsyncDisposable
{
    private readonly WebApplication _server;
    private readonly string _header = Guid.NewGuid().ToString();

    private IdentityService(WebApplication server) => _server = server;

    /// <summary>Whether it refuses from now on.</summary>
    public bool Refuses { get; set; }

    /// <summary>What tokens were asked for.</summary>
    public ConcurrentBag<string> Resources { get; } = [];

    /// <summary>The token for the database. The server there compares it as a password, as Azure's compares it with Entra.</summary>
    public string DatabaseToken { get; } = Token("https://ossrdbms-aad.database.windows.net");

    /// <summary>By these a process finds it.</summary>
    public KeyValuePair<string, string?>[] Variables =>
        [KeyValuePair.Create("IDENTITY_ENDPOINT", (string?)$"{_server.Urls.First()}/token"), KeyValuePair.Create("IDENTITY_HEADER", (string?)_header)];

    public static async Task<IdentityService> StartAsync(CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
        var service = new IdentityService(app);
        app.MapGet("/token", service.AnswerAsync);
        await app.StartAsync(cancellationToken);
        return service;
    }

    public async ValueTask DisposeAsync() => await _server.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        var resource = context.Request.Query["resource"].ToString();
        Resources.Add(resource.TrimEnd('/'));
        if (Refuses || context.Request.Headers["X-IDENTITY-HEADER"] != _header)
        {
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            await context.Response.WriteAsync("""{"statusCode":400,"message":"No managed identity is assigned."}""");
            return;
        }
        var token = resource.StartsWith("https://ossrdbms", StringComparison.Ordinal) ? DatabaseToken : Token(resource.TrimEnd('/'));
        var expires = TimeProvider.System.GetUtcNow().AddHours(2).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(JsonSerializer.Serialize(new Dictionary<string, string>
        {
            ["access_token"] = token,
            ["expires_on"] = expires,
            ["resource"] = resource,
            ["token_type"] = "Bearer",
        }));
    }

    /// <summary>A token in Entra's form. Azurite looks at issuer, audience and times, and not at the signature.</summary>
    private static string Token(string audience)
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        var claims = JsonSerializer.Serialize(new Dictionary<string, object>
        {
            ["aud"] = audience,
            ["iss"] = "https://sts.windows.net/00000000-0000-4000-8000-000000000000/",
            ["iat"] = now - 60,
            ["nbf"] = now - 60,
            ["exp"] = now + 7200,
        });
        return $"{Part("""{"alg":"RS256","typ":"JWT"}""")}.{Part(claims)}.{Part("signature")}";

        static string Part(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text)).TrimEnd('=').Replace('+', '-').Replace('/', '_');
    }
}

/// <summary>A certificate for servers on this machine, which a process trusts where <c>SSL_CERT_FILE</c> names it.</summary>
internal sealed class LocalCertificate : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("consent-snapshots-");

    public LocalCertificate()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(System.Net.IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var certificate = request.CreateSelfSigned(TimeProvider.System.GetUtcNow().AddDays(-1), TimeProvider.System.GetUtcNow().AddDays(1));
        (Pem, KeyPem) = (certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
        File = Path.Combine(_folder.FullName, "ca.pem");
        System.IO.File.WriteAllText(File, Pem);
    }

    public string Pem { get; }

    public string KeyPem { get; }

    /// <summary>What <c>SSL_CERT_FILE</c> is set to.</summary>
    public string File { get; }

    public void Dispose() => _folder.Delete(recursive: true);
}
