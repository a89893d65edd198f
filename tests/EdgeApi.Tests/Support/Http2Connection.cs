using System.Buffers.Binary;
using System.Text;

namespace ConsentSnapshots.EdgeApi.Tests.Support;

/// <summary>HTTP/2 frame by frame, over cleartext with prior knowledge, for what no client would send.</summary>
internal sealed class Http2Connection : IDisposable
{
    public const byte Headers = 1, ResetStream = 3, Settings = 4, Ping = 6, GoAway = 7, Continuation = 9;
    public const byte EndStream = 1, EndHeaders = 4;

    private readonly RawConnection _connection;

    private Http2Connection(RawConnection connection) => _connection = connection;

    /// <summary>Connects, and sends the preface and empty settings.</summary>
    public static async Task<Http2Connection> OpenAsync(Uri address)
    {
        var connection = await RawConnection.OpenAsync(address);
        await connection.SendAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        await connection.SendAsync(Frame(Settings, 0, 0, []));
        return new Http2Connection(connection);
    }

    public static byte[] Frame(byte type, byte flags, int stream, byte[] payload)
    {
        var frame = new byte[9 + payload.Length];
        frame[0] = (byte)(payload.Length >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(1), (ushort)payload.Length);
        (frame[3], frame[4]) = (type, flags);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame, 9);
        return frame;
    }

    /// <summary>A GET's header block: static entries, and two literals without indexing.</summary>
    public static byte[] Get(string path) => [0x82, 0x86, 0x04, .. Text(path), 0x01, .. Text("edge")];

    /// <summary>A header field that is not indexed.</summary>
    public static byte[] Field(string name, string value) => [0x00, .. Text(name), .. Text(value)];

    public ValueTask SendAsync(params byte[][] frames) => _connection.SendAsync([.. frames.SelectMany(frame => frame)]);

    public Task<long> SendUntilClosedAsync(Func<int, byte[]> next, int most) => _connection.SendUntilClosedAsync(next, most);

    public async Task<(byte Type, byte Flags, int Stream, byte[] Payload)> ReadAsync()
    {
        var head = await _connection.ReadExactlyAsync(9);
        var payload = await _connection.ReadExactlyAsync((head[0] << 16) | BinaryPrimitives.ReadUInt16BigEndian(head.AsSpan(1)));
        return (head[3], head[4], BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(5)), payload);
    }

    /// <summary>Reads frames until one is of a type.</summary>
    public async Task<byte[]> ReadUntilAsync(byte type)
    {
        while (true)
        {
            var frame = await ReadAsync();
            if (frame.Type == type) return frame.Payload;
        }
    }

    public void Dispose() => _connection.Dispose();

    // Lengths below 127 are one byte; longer ones are written with their continuation.
    private static byte[] Text(string text)
    {
        var bytes = Encoding.ASCII.GetBytes(text);
        if (bytes.Length < 127) return [(byte)bytes.Length, .. bytes];
        List<byte> length = [127];
        var rest = bytes.Length - 127;
        for (; rest >= 128; rest >>= 7) length.Add((byte)(rest | 128));
        length.Add((byte)rest);
        return [.. length, .. bytes];
    }
}
