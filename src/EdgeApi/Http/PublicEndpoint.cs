using ConsentSnapshots.EdgeApi.Diagnostics;
using ConsentSnapshots.EdgeApi.Settings;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.EdgeApi.Http;

/// <summary>
/// <c>/public/…</c>, with a directory store only: the public container, so that a self-hoster has an origin for a CDN and for redirects
/// (<c>Storage:PublicBaseUrl = https://…/public</c>).
/// </summary>
internal static class PublicEndpoint
{
    public static void MapPublic(this IEndpointRouteBuilder routes)
    {
        var options = routes.ServiceProvider.GetRequiredService<EdgeOptions>();
        if (options.Storage.Provider != StorageProvider.Directory) return;
        var store = routes.ServiceProvider.GetRequiredService<IBlobReader>();
        var headers = routes.ServiceProvider.GetRequiredService<EdgeHeaders>();
        var errors = routes.ServiceProvider.GetRequiredService<ErrorAnswers>();
        var metrics = routes.ServiceProvider.GetRequiredService<EdgeMetrics>();
        routes.MapResource("/public/{**name}", context => AnswerAsync(context, store, options, headers, errors, metrics));
    }

    private static async Task AnswerAsync(HttpContext context, IBlobReader store, EdgeOptions options, EdgeHeaders headers, ErrorAnswers errors, EdgeMetrics metrics)
    {
        // Only a name that some worker could have written, for a scope that this edge answers for, reaches the file system.
        var name = (string?)context.Request.RouteValues["name"] ?? "";
        try
        {
            var isSnapshot = BlobNames.TryParseSnapshot(name, out _, out var hash);
            var read = BlobNames.TryParsePublic(name, out var scope) && (scope is not { } owner || options.Answers(owner))
                ? await store.ReadAsync(BlobContainer.Public, name, null, ScopeLimits.Default.ManifestBytes * 2, context.RequestAborted)
                : new BlobRead.Missing();
            if (read is BlobRead.NoContainer)
            {
                await errors.UnavailableAsync(context);
                return;
            }
            if (read is not BlobRead.Found blob)
            {
                await errors.NotFoundAsync(context, "Unknown blob", "There is nothing of this name in the public container.");
                return;
            }
            var response = context.Response;
            var etag = isSnapshot ? $"\"{hash}\"" : blob.ETag;
            var precondition = Preconditions.Evaluate(context.Request.Headers, etag, isSnapshot ? DateTimeOffset.UnixEpoch : null);
            if (precondition == PreconditionResult.Failed)
            {
                await errors.PreconditionFailedAsync(context);
                return;
            }
            headers.ApplyCommon(context);
            response.Headers.ETag = etag;
            response.Headers.CacheControl = isSnapshot ? headers.Immutable : scope is null ? headers.LoaderScript : headers.Replaced;
            if (precondition == PreconditionResult.NotModified)
            {
                metrics.Answered(RequestOutcome.NotModified);
                response.StatusCode = StatusCodes.Status304NotModified;
                return;
            }
            metrics.Answered(RequestOutcome.Served);
            response.Headers.ContentType = name.EndsWith(".js", StringComparison.Ordinal) ? EdgeHeaders.JavaScript : EdgeHeaders.Json;
            response.ContentLength = blob.Bytes.Length;
            if (!HttpMethods.IsHead(context.Request.Method)) await response.Body.WriteAsync(blob.Bytes, context.RequestAborted);
        }
        catch (StoreUnavailableException)
        {
            await errors.UnavailableAsync(context);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // Nobody is listening.
        }
    }
}
