using ConsentSnapshots.EdgeApi.Scopes;
using ConsentSnapshots.EdgeApi.Serving;

namespace ConsentSnapshots.EdgeApi.Http;

/// <summary><c>/v1/loader.js</c>: our loader, one for all scopes, for pages that load a list with it.</summary>
internal static class LoaderEndpoint
{
    public static void MapLoader(this IEndpointRouteBuilder routes)
    {
        var loaders = routes.ServiceProvider.GetRequiredService<PublishedLoaders>();
        var writer = routes.ServiceProvider.GetRequiredService<AnswerWriter>();
        var kind = new AnswerKind(EdgeHeaders.JavaScript, routes.ServiceProvider.GetRequiredService<EdgeHeaders>().LoaderScript);
        routes.MapResource("/v1/loader.js", context =>
        {
            var current = loaders.CurrentAsync(context.RequestAborted);
            return current.IsCompletedSuccessfully ? writer.WriteAsync(context, current.Result, kind) : WaitAsync(context, current);
        });

        async Task WaitAsync(HttpContext context, ValueTask<Answer> pending)
        {
            Answer answer;
            try
            {
                answer = await pending;
            }
            catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
            {
                return; // nobody is listening
            }
            await writer.WriteAsync(context, answer, kind);
        }
    }
}
