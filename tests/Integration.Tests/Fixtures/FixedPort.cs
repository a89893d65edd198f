using System.Net;
using System.Net.Sockets;

namespace ConsentSnapshots.Integration.Tests.Fixtures;

/// <summary>A host port that stays a server's own while the server is down.</summary>
/// <remarks>
/// Docker gives a container with a dynamic port another one at every start. The port lies below Linux's range for outgoing
/// connections: inside it a client that retries a stopped server on loopback can be given that very port and connect to itself.
/// It is free when it is chosen; another process can still take it first, so whoever uses it tries another one then.
/// </remarks>
internal static class FixedPort
{
    public static int Next()
    {
        while (true)
        {
            var port = Random.Shared.Next(20_000, 32_000);
            using var listener = new TcpListener(IPAddress.Any, port) { ExclusiveAddressUse = true };
            try
            {
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // Taken: the next number.
            }
        }
    }
}
