using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace ConsentSnapshots.EdgeApi.Http;

/// <summary>
/// What one client, and all clients together, may take of the edge. Every limit is written down here, though some have Kestrel's usual value: a limit that nobody names may change with the
/// next release, and docs/edge.md tells operators what they can count on.
/// </summary>
internal static class ConnectionLimits
{
    /// <summary>Open connections. Further ones are closed at once. An idle one takes a few kilobytes, so all of them together stay below 100 MB.</summary>
    public const int Connections = 10_000;

    /// <summary>Requests that one HTTP/2 connection may have under way.</summary>
    public const int StreamsPerConnection = 100;

    /// <summary>Header fields of a request.</summary>
    public const int HeaderCount = 100;

    /// <summary>Bytes of all header fields of a request.</summary>
    public const int HeaderBytes = 16 << 10;

    /// <summary>Bytes of the line with method, path and query.</summary>
    public const int RequestLineBytes = 8 << 10;

    /// <summary>Bytes of a request's body. No request needs one; a small one is read and dropped rather than costing the connection.</summary>
    public const int BodyBytes = 4096;

    /// <summary>Bytes of an answer that may wait for a client that does not read.</summary>
    public const int ResponseBufferBytes = 64 << 10;

    /// <summary>Bytes that an HTTP/2 client may send before it is told that they were read.</summary>
    public const int WindowBytes = 64 << 10;

    /// <summary>Within this time the headers of a request have arrived, counted from its first byte.</summary>
    public static readonly TimeSpan Headers = TimeSpan.FromSeconds(10);

    /// <summary>A connection on which nothing is asked for so long is closed. Longer than a proxy's usual minute, so that the proxy closes first and never sends into a closing connection.</summary>
    public static readonly TimeSpan Idle = TimeSpan.FromSeconds(130);

    /// <summary>An HTTP/2 connection that is silent for so long is asked whether it is still there.</summary>
    public static readonly TimeSpan PingAfter = TimeSpan.FromSeconds(30);

    /// <summary>An HTTP/2 connection that does not answer that question within this time is closed.</summary>
    public static readonly TimeSpan PingTimeout = TimeSpan.FromSeconds(20);

    /// <summary>The slowest client that is waited for, in either direction: 240 bytes a second, after five seconds of grace.</summary>
    public static readonly MinDataRate SlowestClient = new(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(5));

    /// <summary>Puts the limits in force.</summary>
    public static void Apply(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        var limits = kestrel.Limits;
        limits.MaxConcurrentConnections = Connections;
        limits.MaxConcurrentUpgradedConnections = 0;
        limits.MaxRequestHeaderCount = HeaderCount;
        limits.MaxRequestHeadersTotalSize = HeaderBytes;
        limits.MaxRequestLineSize = RequestLineBytes;
        limits.MaxRequestBodySize = BodyBytes;
        limits.MaxRequestBufferSize = HeaderBytes + RequestLineBytes + BodyBytes;
        limits.MaxResponseBufferSize = ResponseBufferBytes;
        limits.RequestHeadersTimeout = Headers;
        limits.KeepAliveTimeout = Idle;
        limits.MinRequestBodyDataRate = SlowestClient;
        limits.MinResponseDataRate = SlowestClient;
        limits.Http2.MaxStreamsPerConnection = StreamsPerConnection;
        limits.Http2.MaxRequestHeaderFieldSize = RequestLineBytes;
        limits.Http2.InitialConnectionWindowSize = WindowBytes;
        limits.Http2.InitialStreamWindowSize = WindowBytes;
        limits.Http2.KeepAlivePingDelay = PingAfter;
        limits.Http2.KeepAlivePingTimeout = PingTimeout;
    }
}
