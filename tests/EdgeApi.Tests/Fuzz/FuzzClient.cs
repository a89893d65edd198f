using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace ConsentSnapshots.EdgeApi.Tests.Fuzz;

/// <summary>An answer as it came over the wire.</summary>
internal sealed record FuzzAnswer(int Status, IReadOnlyDictionary<string, string> Headers, byte[] Body);

/// <summary>Sends requests on a connection that is kept, for as long as it can be, and reads the answers byte by byte as they are framed.</summary>
internal sealed class FuzzClient(Uri address) : IDisposable
{
    private readonly byte[] _buffer = new byte[64 << 10];
    private TcpClient? _client;
    private int _start;
    private int _end;

    /// <summary>One answer to a request that is surely one; null where the connection ended before it.</summary>
    public async Task<FuzzAnswer?> AskAsync(FuzzRequest request, CancellationToken cancellationToken)
    {
        // A connection that the edge closed after the last answer is found out by using it.
        for (var attempt = 0; attempt < 2; attempt++)
        {
            var isNew = _client is null;
            var stream = await OpenAsync(cancellationToken);
            try
            {
                await stream.WriteAsync(request.Bytes, cancellationToken);
                var answer = await ReadAsync(stream, request.Method, cancellationToken);
                if (answer is not null && answer.Headers.TryGetValue("connection", out var connection) && connection.Contains("close", StringComparison.OrdinalIgnoreCase)) Close();
                if (answer is not null) return answer;
            }
            catch (IOException)
            {
            }
            Close();
            if (isNew) return null;
        }
        return null;
    }

    /// <summary>Sends bytes on a connection of their own, says that nothing more comes, and reads everything that is answered.</summary>
    public async Task<IReadOnlyList<FuzzAnswer>> SendAsync(FuzzRequest request, CancellationToken cancellationToken)
    {
        Close();
        var answers = new List<FuzzAnswer>();
        var stream = await OpenAsync(cancellationToken);
        try
        {
            await stream.WriteAsync(request.Bytes, cancellationToken);
            _client!.Client.Shutdown(SocketShutdown.Send);
            while (await ReadAsync(stream, request.Bytes.AsSpan().StartsWith("HEAD "u8) ? "HEAD" : "GET", cancellationToken) is { } answer) answers.Add(answer);
        }
        catch (Exception exception) when (exception is IOException or SocketException)
        {
            // A reset is an answer too.
        }
        finally
        {
            Close();
        }
        return answers;
    }

    public void Close()
    {
        _client?.Dispose();
        _client = null;
        _start = _end = 0;
    }

    public void Dispose() => Close();

    private async Task<NetworkStream> OpenAsync(CancellationToken cancellationToken)
    {
        if (_client is null)
        {
            _client = new TcpClient { NoDelay = true };
            await _client.ConnectAsync(address.Host, address.Port, cancellationToken);
        }
        return _client.GetStream();
    }

    private async Task<FuzzAnswer?> ReadAsync(NetworkStream stream, string method, CancellationToken cancellationToken)
    {
        int length;
        while ((length = _buffer.AsSpan(_start, _end - _start).IndexOf("\r\n\r\n"u8)) < 0)
            if (!await FillAsync(stream, cancellationToken)) return null;
        var lines = Encoding.Latin1.GetString(_buffer, _start, length).Split("\r\n");
        _start += length + 4;
        if (!lines[0].StartsWith("HTTP/1.1 ", StringComparison.Ordinal)) return null;
        var status = int.Parse(lines[0].AsSpan(9, 3), CultureInfo.InvariantCulture);
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var line in lines.Skip(1))
            headers[line[..line.IndexOf(':', StringComparison.Ordinal)]] = line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
        if (status == 100) return await ReadAsync(stream, method, cancellationToken);
        var hasBody = method != "HEAD" && status is not (204 or 304) && headers.ContainsKey("Content-Length");
        var body = new byte[hasBody ? int.Parse(headers["Content-Length"], CultureInfo.InvariantCulture) : 0];
        var held = Math.Min(_end - _start, body.Length);
        _buffer.AsSpan(_start, held).CopyTo(body);
        _start += held;
        await stream.ReadExactlyAsync(body.AsMemory(held), cancellationToken);
        return new FuzzAnswer(status, headers, body);
    }

    private async Task<bool> FillAsync(NetworkStream stream, CancellationToken cancellationToken)
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
        }
        if (_end == _buffer.Length) throw new InvalidOperationException("The headers of an answer are longer than 64 kB.");
        var read = await stream.ReadAsync(_buffer.AsMemory(_end), cancellationToken);
        _end += read;
        return read > 0;
    }
}
