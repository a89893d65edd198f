namespace ConsentSnapshots.EdgeApi.Http;

/// <summary>
/// <c>/v1/{organization}/{environment}/scripts.json</c>: the gated list, which a page hands to its consent client once. <c>/config</c> is the same for a c15t backend that takes it as
/// its configuration. <c>tags.js</c> is loader and list in one file, for pages that take one tag.
/// </summary>
internal static class ListEndpoint
{
    public static void MapList(this IEndpointRouteBuilder routes)
    {
        var answers = routes.ServiceProvider.GetRequiredService<ScopeAnswers>();
        foreach (var name in (string[])["scripts.json", "config"])
            routes.MapResource($"/v1/{{organization}}/{{environment}}/{name}", context =>
            {
                var values = context.Request.RouteValues;
                return answers.ListAsync(context, (string?)values["organization"], (string?)values["environment"]);
            });

        routes.MapResource("/v1/{organization}/{environment}/tags.js", context =>
        {
            var values = context.Request.RouteValues;
            return answers.TagsAsync(context, (string?)values["organization"], (string?)values["environment"]);
        });
    }
}
