using ConsentSnapshots.EdgeApi.Diagnostics;

namespace ConsentSnapshots.EdgeApi.Http;

/// <summary>What every route of the edge has in common: GET and HEAD are answered, OPTIONS is a preflight, the rest is refused.</summary>
internal static class EdgeRoutes
{
    /// <summary>Maps a resource that is only read.</summary>
    public static void MapResource(this IEndpointRouteBuilder routes, string pattern, RequestDelegate answer)
    {
        var errors = routes.ServiceProvider.GetRequiredService<ErrorAnswers>();
        var headers = routes.ServiceProvider.GetRequiredService<EdgeHeaders>();
        var metrics = routes.ServiceProvider.GetRequiredService<EdgeMetrics>();
        routes.Map(pattern, context =>
        {
            var method = context.Request.Method;
            if (HttpMethods.IsGet(method) || HttpMethods.IsHead(method)) return answer(context);
            if (!HttpMethods.IsOptions(method)) return errors.MethodNotAllowedAsync(context);
            metrics.Answered(RequestOutcome.Preflight);
            context.Response.StatusCode = StatusCodes.Status204NoContent;
            headers.ApplyPreflight(context);
            return Task.CompletedTask;
        });
    }

    /// <summary>Maps what nothing else answers.</summary>
    public static void MapNothingElse(this IEndpointRouteBuilder routes)
    {
        var errors = routes.ServiceProvider.GetRequiredService<ErrorAnswers>();
        routes.MapFallback("{**path}", context => errors.NotFoundAsync(context, "Not found", "There is nothing at this path."));
    }
}
