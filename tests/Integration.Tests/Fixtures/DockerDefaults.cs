using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.RegularExpressions;

namespace ConsentSnapshots.Integration.Tests.Fixtures;

/// <summary>
/// Settings of Testcontainers that a machine of ours needs, made before the first test so that <c>dotnet test</c> works without
/// any. What the caller has set in the environment stays.
/// </summary>
internal static partial class DockerDefaults
{
    // What the client library speaks by itself, without negotiating; a daemon that is older (Debian's 20.10: 1.41) refuses it.
    private static readonly Version s_apiSpokenByDefault = new(1, 44);

    [ModuleInitializer]
    internal static void Apply()
    {
        // Its image may be out of reach; the fixtures dispose of their containers, and eng/teardown-tests.sh of what a killed run left.
        SetDefault("TESTCONTAINERS_RYUK_DISABLED", "true");

        var host = Environment.GetEnvironmentVariable("DOCKER_HOST") ?? "unix:///var/run/docker.sock";
        if (!host.StartsWith("unix://", StringComparison.Ordinal))
        {
            return;
        }

        // "localhost" may lead to ::1 first, where a daemon without IPv6 publishes nothing.
        SetDefault("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1");
        if (ApiVersionOfDaemon(host["unix://".Length..]) is { } version && version < s_apiSpokenByDefault)
        {
            SetDefault("DOCKER_API_VERSION", version.ToString());
        }
    }

    private static void SetDefault(string variable, string value)
    {
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable(variable)))
        {
            Environment.SetEnvironmentVariable(variable, value);
        }
    }

    private static Version? ApiVersionOfDaemon(string socketPath)
    {
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = 60_000 };
            socket.Connect(new UnixDomainSocketEndPoint(socketPath));
            socket.Send("GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n"u8);
            using var reader = new StreamReader(new NetworkStream(socket), Encoding.ASCII);
            var header = ApiVersionHeader().Match(reader.ReadToEnd());
            return header.Success ? Version.Parse(header.Groups[1].ValueSpan) : null;
        }
        catch (Exception exception) when (exception is SocketException or IOException)
        {
            // No daemon: the first test that needs a container says so, better than this could; the others need none.
            return null;
        }
    }

    [GeneratedRegex(@"^Api-Version:\s*(\d+\.\d+)", RegexOptions.Multiline | RegexOptions.IgnoreCase)]
    private static partial Regex ApiVersionHeader();
}
