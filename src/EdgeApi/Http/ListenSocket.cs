using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace ConsentSnapshots.EdgeApi.Http;

/// <summary>The edge cannot listen where its settings say. The message is one line and names the address.</summary>
public sealed class ListenException(string message, Exception inner) : Exception(message, inner);

/// <summary>Binds the sockets that the edge listens on.</summary>
internal static class ListenSocket
{
    /// <summary>
    /// Binds a socket. A process that was killed leaves the file of its UNIX socket behind, and the address would stay in use for ever:
    /// a socket file that nobody answers on is replaced.
    /// </summary>
    public static Socket Bind(EndPoint endpoint)
    {
        if (endpoint is UnixDomainSocketEndPoint unix && IsAbandoned(unix)) File.Delete(unix.ToString());
        return SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
    }

    private static bool IsAbandoned(UnixDomainSocketEndPoint endpoint)
    {
        if (!IsSocketFile(endpoint.ToString())) return false;
        // Without blocking: a server whose queue is full is alive, and connecting to it would wait.
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { Blocking = false };
        try
        {
            socket.Connect(endpoint);
            return false;
        }
        catch (SocketException exception)
        {
            return exception.SocketErrorCode == SocketError.ConnectionRefused;
        }
    }

    /// <summary>Connecting to an ordinary file is refused as well, and it must not be deleted. Unlike a socket it has content, or can be opened.</summary>
    private static bool IsSocketFile(string path)
    {
        if (!File.Exists(path) || new FileInfo(path).Length > 0) return false;
        try
        {
            File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite).Dispose();
            return false;
        }
        catch (UnauthorizedAccessException)
        {
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }
}
