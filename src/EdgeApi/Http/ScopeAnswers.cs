using ConsentSnapshots.EdgeApi.Scopes;
using ConsentSnapshots.EdgeApi.Serving;
using ConsentSnapshots.EdgeApi.Settings;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.EdgeApi.Http;

/// <summary>The way of a request: it finds the scope, picks the answer, and sends it.</summary>
internal sealed class ScopeAnswers(ScopeMap scopes, AnswerWriter writer, ErrorAnswers errors, AnswerKinds kinds, EdgeOptions options)
{
    private readonly Scope? _bound = options.BoundScope;

    private enum Form
    {
        /// <summary>Scope and consent are in the query, which a cache in front may ignore.</summary>
        QueryAlone,

        /// <summary>The scope is in the path, the consent in the query.</summary>
        Query,

        /// <summary>Scope and consent are in the path, which is every cache's key.</summary>
        Path,

        /// <summary>The gated list.</summary>
        List,

        /// <summary>Loader and list in one file.</summary>
        Tags,
    }

    /// <summary>Answers a query that names scope and consent, or where the answer is.</summary>
    public Task ByQueryAloneAsync(HttpContext context, string? organization, string? environment, ConsentSet consent) =>
        AnswerAsync(context, organization, environment, Form.QueryAlone, consent);

    /// <summary>Answers a query with the scripts of a consent set, or where they are.</summary>
    public Task ByQueryAsync(HttpContext context, string? organization, string? environment, ConsentSet consent) =>
        AnswerAsync(context, organization, environment, Form.Query, consent);

    /// <summary>Answers a path with the scripts of a consent set, or where they are.</summary>
    public Task ByPathAsync(HttpContext context, string? organization, string? environment, ConsentSet consent) =>
        AnswerAsync(context, organization, environment, Form.Path, consent);

    /// <summary>Answers with the gated list, or where it is.</summary>
    public Task ListAsync(HttpContext context, string? organization, string? environment) => AnswerAsync(context, organization, environment, Form.List, default);

    /// <summary>Answers with loader and list in one file, or where it is.</summary>
    public Task TagsAsync(HttpContext context, string? organization, string? environment) => AnswerAsync(context, organization, environment, Form.Tags, default);

    private Task AnswerAsync(HttpContext context, string? organization, string? environment, Form form, ConsentSet set)
    {
        var isByQuery = form == Form.QueryAlone;
        if (!DeploymentEnvironments.TryParse(environment, out var parsed)) return errors.UnknownEnvironmentAsync(context, isByQuery);
        if (!OrganizationId.TryParse(organization, out var id)) return errors.UnknownOrganizationAsync(context, isByQuery);
        var scope = new Scope(id, parsed);
        // What this edge does not answer for looks like what does not exist, and costs no read of the store.
        if (!options.Answers(scope) || (isByQuery && _bound is { } bound && bound != scope)) return errors.UnknownOrganizationAsync(context, isByQuery);
        var lookup = scopes.GetAsync(scope, context.RequestAborted);
        return lookup.IsCompletedSuccessfully ? AnswerAsync(context, lookup.Result, form, set) : WaitAsync(context, lookup, form, set);
    }

    private async Task WaitAsync(HttpContext context, ValueTask<ScopeLookup> pending, Form form, ConsentSet set)
    {
        ScopeLookup lookup;
        try
        {
            lookup = await pending;
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            return; // nobody is listening
        }
        await AnswerAsync(context, lookup, form, set);
    }

    private Task AnswerAsync(HttpContext context, in ScopeLookup lookup, Form form, ConsentSet set)
    {
        if (lookup.Outcome == ScopeOutcome.Unknown) return errors.UnknownOrganizationAsync(context, form == Form.QueryAlone);
        if (lookup.Served is not { } served) return errors.UnavailableAsync(context);
        var (name, kind) = form switch
        {
            Form.List => (AnswerName.List, kinds.ByPath),
            Form.Tags => (AnswerName.Tags, kinds.Tags),
            Form.Path => (AnswerName.Of(set), kinds.ByPath),
            _ => (AnswerName.Of(set), kinds.ByQuery),
        };
        return writer.WriteAsync(context, served[name], kind);
    }
}
