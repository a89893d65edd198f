using ConsentSnapshots.EdgeApi.Options;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.EdgeApi.Endpoints;

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
            return AnswerAsync(context, queries.Read(context.Request.QueryString.Value ?? ""), (string?)values["organization"], (string?)values["environment"]);
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
            if (organization is not null && environment is not null) return AnswerAsync(context, query, organization, environment);
            return (organization, environment) switch
            {
                (null, null) => MissingAsync("organizationId and environment parameters", "organizationId and environment"),
                (null, _) => MissingAsync("organizationId parameter", "organizationId"),
                _ => MissingAsync("environment parameter", "environment"),
            };

            Task MissingAsync(string what, string names) =>
                errors.BadRequestAsync(context, $"Missing {what}", $"This edge has no default for {names}: name the scope in the query.");
        });

        Task AnswerAsync(HttpContext context, ScriptsQuery query, string? organization, string? environment) => query.Consent.Outcome switch
        {
            ConsentQueryOutcome.Understood => answers.ByQueryAsync(context, organization, environment, query.Consent.Consent),
            ConsentQueryOutcome.Missing => errors.MissingConsentAsync(context),
            _ => errors.MalformedConsentAsync(context, query.Consent.Problem ?? "The consent cannot be read."),
        };
    }
}
