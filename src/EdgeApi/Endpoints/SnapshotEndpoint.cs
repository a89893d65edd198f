using ConsentSnapshots.EdgeApi.Lookup;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.EdgeApi.Endpoints;

/// <summary>
/// <c>/public/{organization}/{environment}/{hash}.json</c>, with a directory store only: the public container, so that a self-hoster
/// has an origin for a CDN and for redirects (<c>Storage:PublicBaseUrl = https://…/public</c>).
/// </summary>
internal static class SnapshotEndpoint
{
    public static void MapSnapshots(this IEndpointRouteBuilder routes)
    {
        if (routes.ServiceProvider.GetRequiredService<ISnapshotStore>() is not DirectorySnapshotStore store) return;
        var errors = routes.ServiceProvider.GetRequiredService<ErrorAnswers>();
        var metrics = routes.ServiceProvider.GetRequiredService<EdgeMetrics>();
        routes.MapResource("/public/{organization}/{environment}/{file}", context => AnswerAsync(context, store, errors, metrics));
    }

    private static async Task AnswerAsync(HttpContext context, DirectorySnapshotStore store, ErrorAnswers errors, EdgeMetrics metrics)
    {
        var values = context.Request.RouteValues;
        // Only a name that some worker could have written reaches the file system.
        var name = $"{values["organization"]}/{values["environment"]}/{values["file"]}";
        FileStream? stream = null;
        try
        {
            stream = BlobNames.TryParseSnapshot(name, out var scope, out var hash) ? store.OpenSnapshot(scope, hash) : null;
            if (stream is null)
            {
                await errors.NotFoundAsync(context, "Unknown snapshot", "There is no snapshot of this name.");
                return;
            }
            var response = context.Response;
            var etag = $"\"{hash}\"";
            // The name is the content: there is no time before which it was something else.
            var precondition = Preconditions.Evaluate(context.Request.Headers, etag, DateTimeOffset.UnixEpoch);
            if (precondition == PreconditionResult.Failed)
            {
                await errors.PreconditionFailedAsync(context);
                return;
            }
            EdgeHeaders.ApplyCommon(response.Headers);
            response.Headers.ETag = etag;
            response.Headers.CacheControl = EdgeHeaders.Immutable;
            if (precondition == PreconditionResult.NotModified)
            {
                metrics.Answered(RequestOutcome.NotModified);
                response.StatusCode = StatusCodes.Status304NotModified;
                return;
            }
            metrics.Answered(RequestOutcome.Served);
            response.Headers.ContentType = EdgeHeaders.Json;
            response.ContentLength = stream.Length;
            if (!HttpMethods.IsHead(context.Request.Method)) await stream.CopyToAsync(response.Body, context.RequestAborted);
        }
        catch (StoreUnavailableException)
        {
            await errors.UnavailableAsync(context);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // Nobody is listening.
        }
        finally
        {
            if (stream is not null) await stream.DisposeAsync();
        }
    }
}
