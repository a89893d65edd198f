using System.Net;
using System.Net.Sockets;

namespace ConsentSnapshots.Integration.Tests.Fixtures;

/// <summary>
/// A server on loopback that passes on what it is sent to another one, until a test wants a network that does not: connections are refused while it is not open, and while it is silent they are
/// accepted, stay open and carry nothing in either direction.
/// </summary>
internal sealed class LoopbackProxy : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Socket> _sockets = [];
    private readonly List<Task> _running = [];
    private readonly int _target;
    private volatile TaskCompletionSource _mayPass = Passing();
    private TcpListener? _listener;

    public LoopbackProxy(int target) => _target = target;

    /// <summary>Where it listens once it is open.</summary>
    public int Port { get; } = FixedPort.Next();

    public void Open()
    {
        _listener = new TcpListener(IPAddress.Loopback, Port);
        _listener.Start();
        Keep(AcceptAsync(_listener));
    }

    /// <summary>From now on nothing is passed on.</summary>
    public void Silence() => _mayPass = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What was held up is passed on.</summary>
    public void Resume()
    {
        var silent = _mayPass;
        _mayPass = Passing();
        silent.TrySetResult();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener?.Dispose();
        lock (_sockets)
            foreach (var socket in _sockets) socket.Dispose();
        Task[] running;
        lock (_running) running = [.. _running];
        await Task.WhenAll(running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private static TaskCompletionSource Passing()
    {
        var source = new TaskCompletionSource();
        source.SetResult();
        return source;
    }

    private void Keep(Task task)
    {
        lock (_running) _running.Add(task);
    }

    private Socket Keep(Socket socket)
    {
        lock (_sockets) _sockets.Add(socket);
        return socket;
    }

    private async Task AcceptAsync(TcpListener listener)
    {
        while (!_stop.IsCancellationRequested)
        {
            var client = Keep(await listener.AcceptSocketAsync(_stop.Token));
            Keep(ConnectAsync(client));
        }
    }

    private async Task ConnectAsync(Socket client)
    {
        await _mayPass.Task.WaitAsync(_stop.Token);
        var server = Keep(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
        await server.ConnectAsync(IPAddress.Loopback, _target, _stop.Token);
        await Task.WhenAny(PassOnAsync(client, server), PassOnAsync(server, client));
        client.Dispose();
        server.Dispose();
    }

    private async Task PassOnAsync(Socket from, Socket to)
    {
        var buffer = new byte[1 << 16];
        while (await from.ReceiveAsync(buffer, _stop.Token) is > 0 and var count)
        {
            await _mayPass.Task.WaitAsync(_stop.Token);
            for (var sent = 0; sent < count;) sent += await to.SendAsync(buffer.AsMemory(sent, count - sent), _stop.Token);
        }
    }
}
