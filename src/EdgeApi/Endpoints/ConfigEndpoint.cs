namespace ConsentSnapshots.EdgeApi.Endpoints;

/// <summary><c>/v1/{organization}/{environment}/config</c>: a scope in one document, for a c15t backend that chooses by itself.</summary>
internal static class ConfigEndpoint
{
    public static void MapConfig(this IEndpointRouteBuilder routes)
    {
        var answers = routes.ServiceProvider.GetRequiredService<ScopeAnswers>();
        routes.MapResource("/v1/{organization}/{environment}/config", context =>
        {
            var values = context.Request.RouteValues;
            return answers.ConfigAsync(context, (string?)values["organization"], (string?)values["environment"]);
        });
    }
}
