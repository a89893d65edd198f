using System.Net.Sockets;
using System.Text;

namespace ConsentSnapshots.EdgeApi.Tests.Support;

/// <summary>A TCP connection on which a test sends whatever it likes.</summary>
internal sealed class RawConnection : IDisposable
{
    private readonly TcpClient _client;
    private readonly NetworkStream _stream;

    private RawConnection(TcpClient client) => (_client, _stream) = (client, client.GetStream());

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static async Task<RawConnection> OpenAsync(Uri address, int receiveBuffer = 0)
    {
        var client = new TcpClient();
        if (receiveBuffer > 0) client.ReceiveBufferSize = receiveBuffer;
        await client.ConnectAsync(address.Host, address.Port, Cancel);
        return new RawConnection(client);
    }

    public ValueTask SendAsync(string text) => SendAsync(Encoding.Latin1.GetBytes(text));

    public ValueTask SendAsync(byte[] bytes) => _stream.WriteAsync(bytes, Cancel);

    /// <summary>Sends until the other side has had enough; how many bytes it took.</summary>
    public async Task<long> SendUntilClosedAsync(Func<int, byte[]> next, int most)
    {
        var sent = 0L;
        for (var number = 0; number < most; number++)
        {
            var bytes = next(number);
            try
            {
                await SendAsync(bytes);
            }
            catch (IOException)
            {
                return sent;
            }
            sent += bytes.Length;
        }
        return sent;
    }

    /// <summary>Says that nothing more will be sent.</summary>
    public void FinishSending() => _client.Client.Shutdown(SocketShutdown.Send);

    /// <summary>Goes away without a word: the other side gets a reset.</summary>
    public void Reset()
    {
        _client.LingerState = new LingerOption(true, 0);
        _client.Close();
    }

    /// <summary>Reads until the other side closes; a reset counts as closing.</summary>
    public async Task<byte[]> ReadToEndAsync()
    {
        using var answer = new MemoryStream();
        try
        {
            await _stream.CopyToAsync(answer, Cancel);
        }
        catch (IOException)
        {
        }
        return answer.ToArray();
    }

    /// <summary>The same as text.</summary>
    public async Task<string> ReadTextToEndAsync() => Encoding.Latin1.GetString(await ReadToEndAsync());

    public async Task<byte[]> ReadExactlyAsync(int length)
    {
        var bytes = new byte[length];
        await _stream.ReadExactlyAsync(bytes, Cancel);
        return bytes;
    }

    public void Dispose() => _client.Dispose();
}
