using System.Net.Sockets;
using Azure.Core;
using Azure.Core.Pipeline;

namespace ConsentSnapshots.Storage;

/// <summary>
/// Makes a failure of the socket a failure of the request, which the client retries and the store reports as an outage. .NET passes it on as it is where a connection is lost between its
/// making and its first use: asking for the address of the other end throws then.
/// </summary>
internal sealed class LostConnectionPolicy : HttpPipelinePolicy
{
    /// <inheritdoc/>
    public override async ValueTask ProcessAsync(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline)
    {
        try
        {
            await ProcessNextAsync(message, pipeline);
        }
        catch (SocketException exception)
        {
            throw new IOException($"The connection was lost ({exception.SocketErrorCode}).", exception);
        }
    }

    /// <inheritdoc/>
    /// <remarks>The store is asked asynchronously only.</remarks>
    public override void Process(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline) => ProcessNext(message, pipeline);
}
