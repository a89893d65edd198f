using ConsentSnapshots.EdgeApi.Settings;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.EdgeApi.Http;

/// <summary><c>/v1/{organization}/{environment}/scripts</c> and c15t's <c>/analytics/scripts</c>: the scripts a visitor's consent allows.</summary>
internal static class ScriptsEndpoints
{
    public static void MapScripts(this IEndpointRouteBuilder routes)
    {
        var options = routes.ServiceProvider.GetRequiredService<EdgeOptions>();
        var answers = routes.ServiceProvider.GetRequiredService<ScopeAnswers>();
        var errors = routes.ServiceProvider.GetRequiredService<ErrorAnswers>();
        var queries = routes.ServiceProvider.GetRequiredService<QueryCache>();
        var defaultOrganization = options.Organization?.Value;
        var defaultEnvironment = options.Environment?.Name();

        routes.MapResource("/v1/{organization}/{environment}/scripts", context =>
        {
            var values = context.Request.RouteValues;
            var query = queries.Read(context.Request.QueryString.Value ?? "");
            return query.Consent.Outcome == ConsentQueryOutcome.Understood
                ? answers.ByQueryAsync(context, (string?)values["organization"], (string?)values["environment"], query.Consent.Consent)
                : RefuseAsync(context, query.Consent);
        });

        routes.MapResource("/v1/{organization}/{environment}/scripts/{set}.json", context =>
        {
            var values = context.Request.RouteValues;
            return ConsentSet.TryParseName((string?)values["set"], out var set)
                ? answers.ByPathAsync(context, (string?)values["organization"], (string?)values["environment"], set)
                : errors.UnknownConsentSetAsync(context);
        });

        routes.MapResource("/analytics/scripts", context =>
        {
            var query = queries.Read(context.Request.QueryString.Value ?? "");
            if (query.Repeated is { } repeated)
                return errors.BadRequestAsync(context, $"Repeated {repeated} parameter", $"Give {repeated} once.");
            var organization = query.Organization ?? defaultOrganization;
            var environment = query.Environment ?? defaultEnvironment;
            if (organization is not null && environment is not null)
                return query.Consent.Outcome == ConsentQueryOutcome.Understood
                    ? answers.ByQueryAloneAsync(context, organization, environment, query.Consent.Consent)
                    : RefuseAsync(context, query.Consent);
            return (organization, environment) switch
            {
                (null, null) => MissingAsync("organizationId and environment parameters", "organizationId and environment"),
                (null, _) => MissingAsync("organizationId parameter", "organizationId"),
                _ => MissingAsync("environment parameter", "environment"),
            };

            Task MissingAsync(string what, string names) =>
                errors.BadRequestAsync(context, $"Missing {what}", $"This edge has no default for {names}: name the scope in the query.");
        });

        Task RefuseAsync(HttpContext context, ConsentQuery consent) => consent.Outcome == ConsentQueryOutcome.Missing
            ? errors.MissingConsentAsync(context)
            : errors.MalformedConsentAsync(context, consent.Problem ?? "The consent cannot be read.");
    }
}
