using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace ConsentSnapshots.Torture.Tests.Platform;

/// <summary>What a network between two programs does.</summary>
internal enum NetworkState
{
    Open,

    /// <summary>Existing connections stay and nothing passes; new ones are accepted and hear nothing.</summary>
    Blackhole,

    /// <summary>Everything arrives late.</summary>
    Slow,

    /// <summary>New connections are closed at once.</summary>
    Closed,
}

/// <summary>A network on loopback that can fail: it passes bytes between a client and one server.</summary>
internal sealed class TcpProxy : IAsyncDisposable
{
    private static readonly TimeSpan s_late = TimeSpan.FromMilliseconds(150);
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(50);

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Func<int> _server;
    private readonly ConcurrentDictionary<Socket, bool> _sockets = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;
    private volatile NetworkState _state;

    /// <param name="server">The port of the server on loopback.</param>
    public TcpProxy(Func<int> server)
    {
        _server = server;
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _accepting = AcceptAsync(_stop.Token);
    }

    /// <summary>Where clients connect to.</summary>
    public int Port { get; }

    public NetworkState State
    {
        get => _state;
        set => _state = value;
    }

    /// <summary>Cuts every connection with a reset.</summary>
    public void Cut()
    {
        foreach (var socket in _sockets.Keys) Close(socket);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        Cut();
        await _accepting;
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                var client = await _listener.AcceptSocketAsync(cancellationToken);
                _ = ServeAsync(client, cancellationToken);
            }
            catch (Exception exception) when (exception is SocketException or OperationCanceledException or ObjectDisposedException)
            {
                if (cancellationToken.IsCancellationRequested) return;
            }
        }
    }

    private async Task ServeAsync(Socket client, CancellationToken cancellationToken)
    {
        var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        client.NoDelay = true;
        try
        {
            (_sockets[client], _sockets[server]) = (true, true);
            if (_state == NetworkState.Closed) return;
            await server.ConnectAsync(IPAddress.Loopback, _server(), cancellationToken);
            await Task.WhenAny(PassAsync(client, server, cancellationToken), PassAsync(server, client, cancellationToken));
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The server is down, or the connection was cut: the other side hears the same.
        }
        finally
        {
            Close(client);
            Close(server);
        }
    }

    private async Task PassAsync(Socket from, Socket to, CancellationToken cancellationToken)
    {
        var buffer = new byte[16 * 1024];
        try
        {
            while (await from.ReceiveAsync(buffer, cancellationToken) is > 0 and var read)
            {
                while (_state == NetworkState.Blackhole) await Task.Delay(s_look, TimeProvider.System, cancellationToken);
                if (_state == NetworkState.Slow) await Task.Delay(s_late, TimeProvider.System, cancellationToken);
                for (var sent = 0; sent < read;) sent += await to.SendAsync(buffer.AsMemory(sent, read - sent), cancellationToken);
            }
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // One direction ends, so the whole connection does.
        }
    }

    private void Close(Socket socket)
    {
        if (!_sockets.TryRemove(socket, out _)) return;
        try
        {
            socket.LingerState = new LingerOption(true, 0);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // It is closed already.
        }
        socket.Dispose();
    }
}
